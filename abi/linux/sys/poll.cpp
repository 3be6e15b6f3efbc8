#include "abi/linux/sys/poll.h"
#include "abi/linux/call.h"
#include "abi/linux/sys/timeout.h"
#include "kernel/file/pipe.h"
#include "kernel/file/poll.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

namespace linux_abi {
namespace {
u64 descriptor_limit(Task& task) { return task.process().limits.soft(RLIMIT_NOFILE); }

Result<> make_pipe(Task& task, UserPtr<int> fds, u32 flags) {
    if (flags & ~u32{O_CLOEXEC | O_NONBLOCK | O_DIRECT}) return err::inval;
    auto ends = TRY(pipes::create(flags));
    int made[2];
    TRY(task.files->install_pair(std::move(ends.read), std::move(ends.write), flags & O_CLOEXEC, descriptor_limit(task),
                                 made));
    auto copied = copy_out(fds, std::span<const int>{made});
    if (!copied)
        for (int fd : made) (void)task.files->close(fd);
    return copied;
}

Result<usize> poll_until(Task& task, UserPtr<pollfd> entries, u32 count, Deadline until) {
    if (count > descriptor_limit(task)) return err::inval;
    Vector<pollfd> asked;
    Vector<file::PollEntry> files;
    TRY(asked.resize(count));
    TRY(files.resize(count));
    TRY(copy_in(std::span<pollfd>{asked}, UserPtr<const pollfd>{entries}));
    usize bad = 0;
    for (u32 i = 0; i < count; i++) {
        asked[i].revents = 0;
        if (asked[i].fd < 0) continue;
        if (auto file = task.files->get(asked[i].fd)) {
            files[i].file = std::move(*file);
            files[i].wanted = static_cast<u16>(asked[i].events);
        } else {
            asked[i].revents = POLLNVAL;
            bad++;
        }
    }
    usize ready = TRY(file::poll(files, bad ? Deadline{0} : until)) + bad;
    for (u32 i = 0; i < count; i++) {
        if (files[i].file) asked[i].revents = static_cast<short>(files[i].ready);
        TRY(copy_out((entries + i).as<short>(offsetof(pollfd, revents)), asked[i].revents));
    }
    return ready;
}

/// restart_syscall(2) after poll(2): the deadline is the old one.
i64 go_on_polling(Task& task) {
    auto& words = task.restart.words;
    return encode(poll_until(task, UserPtr<pollfd>{words[0]}, static_cast<u32>(words[1]), Deadline{words[2]}));
}

// ---- select

constexpr u32 ready_in = EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLHUP | EPOLLERR;
constexpr u32 ready_out = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR;
constexpr u32 ready_urgent = EPOLLPRI;
constexpr u32 ready_masks[3] = {ready_in, ready_out, ready_urgent};

struct Sets {
    Vector<u64> words[3]; // in, out, urgent
    usize size;           // words in each
    bool has(usize set, usize fd) const { return words[set].size() && words[set][fd / 64] >> fd % 64 & 1; }
};

Result<usize> select_until(Task& task, int count, UserPtr<u64> const (&user)[3], Deadline until) {
    if (count < 0) return err::inval;
    usize n = static_cast<usize>(count);
    if (n > descriptor_limit(task)) n = descriptor_limit(task);
    Sets sets;
    sets.size = (n + 63) / 64;
    for (usize s = 0; s < 3; s++) {
        if (!user[s]) continue;
        TRY(sets.words[s].resize(sets.size));
        TRY(copy_in(std::span<u64>{sets.words[s]}, UserPtr<const u64>{user[s]}));
    }
    Vector<file::PollEntry> files;
    Vector<usize> numbers;
    for (usize fd = 0; fd < n; fd++) {
        u32 wanted = 0;
        for (usize s = 0; s < 3; s++)
            if (sets.has(s, fd)) wanted |= ready_masks[s];
        if (!wanted) continue;
        TRY(files.push({TRY(task.files->get(static_cast<int>(fd))), wanted, true, 0}));
        TRY(numbers.push(fd));
    }
    TRY(file::poll(files, until));
    usize found = 0;
    for (usize s = 0; s < 3; s++) {
        if (!user[s]) continue;
        Vector<u64> result;
        TRY(result.resize(sets.size));
        for (usize i = 0; i < files.size(); i++) {
            usize fd = numbers[i];
            if (!sets.has(s, fd) || !(files[i].ready & ready_masks[s])) continue;
            result[fd / 64] |= u64{1} << fd % 64;
            found++;
        }
        TRY(copy_out(user[s], std::span<const u64>{result}));
    }
    return found;
}

/// The rest of the time goes back to the caller, who may be restarted with it. That it cannot be written is no error.
template <class T>
void give_back(UserPtr<T> to, Deadline until) {
    if (!to) return;
    i64 left = left_until(until);
    if constexpr (std::is_same_v<T, __kernel_timespec>)
        (void)copy_out(to, to_timespec(left));
    else
        (void)copy_out(to, {left / second_ns, left % second_ns / 1000});
}
} // namespace

namespace sys {
Result<> pipe(Task& task, UserPtr<int> fds) { return make_pipe(task, fds, 0); }
Result<> pipe2(Task& task, UserPtr<int> fds, u32 flags) { return make_pipe(task, fds, flags); }

Result<usize> poll(Task& task, UserPtr<pollfd> entries, u32 count, int milliseconds) {
    Deadline until = milliseconds < 0 ? never : clocks::in(static_cast<u64>(milliseconds) * 1'000'000);
    auto ready = poll_until(task, entries, count, until);
    if (ready || ready.error() != Errno::restartnohand) return ready;
    task.restart = {go_on_polling, {entries.address(), count, until.ns}};
    return err::restart_block;
}

Result<usize> ppoll(Task& task, UserPtr<pollfd> entries, u32 count, UserPtr<__kernel_timespec> timeout,
                    UserPtr<const SignalSet> mask, usize mask_size) {
    Deadline until = TRY(deadline_in(timeout));
    TRY(change_mask(task, mask, mask_size));
    auto ready = poll_until(task, entries, count, until);
    signals::restore_mask(task, interrupted(ready));
    give_back(timeout, until);
    return ready;
}

Result<usize> select(Task& task, int count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> urgent,
                     UserPtr<__kernel_old_timeval> timeout) {
    Deadline until = never;
    if (timeout) {
        auto t = TRY(copy_in(UserPtr<const __kernel_old_timeval>{timeout.address()}));
        // Microseconds beyond a second are carried over, as Linux does.
        if (t.tv_sec < 0 || t.tv_usec < 0) return err::inval;
        until =
            clocks::in(static_cast<u64>(TRY(to_ns({t.tv_sec + t.tv_usec / 1'000'000, t.tv_usec % 1'000'000 * 1000}))));
    }
    auto ready = select_until(task, count, {in, out, urgent}, until);
    give_back(timeout, until);
    return ready;
}

Result<usize> pselect6(Task& task, int count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> urgent,
                       UserPtr<__kernel_timespec> timeout, UserPtr<const MaskAndSize> mask) {
    MaskAndSize m{};
    if (mask) m = TRY(copy_in(mask));
    Deadline until = TRY(deadline_in(timeout));
    TRY(change_mask(task, UserPtr<const SignalSet>{m.mask}, m.size));
    auto ready = select_until(task, count, {in, out, urgent}, until);
    signals::restore_mask(task, interrupted(ready));
    give_back(timeout, until);
    return ready;
}
} // namespace sys
} // namespace linux_abi

#include "abi/linux/sys/poll.h"
#include "abi/linux/call.h"
#include "abi/linux/sys/timeout.h"
#include "kernel/file/poll.h"
#include "kernel/ipc/pipe.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/personality.h>

namespace linux_abi {
namespace {
Result<> make_pipe(Task& task, UserPtr<int> fds, u32 flags) {
    if (flags & ~u32{O_CLOEXEC | O_NONBLOCK | O_DIRECT}) return err::inval;
    auto ends = TRY(pipes::create(flags));
    int made[2];
    TRY(task.files->install_pair(std::move(ends.read), std::move(ends.write), flags & O_CLOEXEC,
                                 task.descriptor_limit(), made));
    auto copied = copy_out(fds, std::span<const int>{made});
    if (!copied)
        for (int fd : made) (void)task.files->close(fd);
    return copied;
}

constexpr usize few_entries = 32;

/// Stores what was found for one entry. Returns whether it was anything.
Result<bool> store(UserPtr<pollfd> at, pollfd& e, u32 now) {
    auto revents = static_cast<short>(now);
    if (std::exchange(e.revents, revents) != revents) TRY(copy_out(at.as<short>(offsetof(pollfd, revents)), revents));
    return now != 0;
}

/// Looks once at every file; what a revents comes to differ in is written. Returns how many are not 0. Not inlined:
/// where it is, the loop's variables find no registers.
[[gnu::noinline]] Result<usize> look(Task& task, UserPtr<pollfd> at, std::span<pollfd> entries) {
    usize ready = 0;
    for (usize i = 0; i < entries.size(); i++) {
        pollfd& e = entries[i];
        u32 now = 0;
        if (e.fd >= 0) {
            auto file = task.files->hold(e.fd);
            now = file ? (*file)->poll() & (static_cast<u16>(e.events) | EPOLLERR | EPOLLHUP) : u32{POLLNVAL};
        }
        if (TRY(store(at + i, e, now))) ready++;
    }
    return ready;
}

/// What the waiting found is the answer: a file may tell a thing only once (/proc/mounts).
Result<usize> wait_for_any(Task& task, UserPtr<pollfd> at, std::span<pollfd> entries, Deadline until) {
    Vector<file::PollEntry> files;
    TRY(files.reserve(entries.size()));
    for (const pollfd& e : entries) {
        file::PollEntry waits{.wanted = static_cast<u16>(e.events)};
        if (e.fd >= 0)
            if (auto file = task.files->get(e.fd)) waits.file = std::move(*file);
        TRY(files.push(std::move(waits)));
    }
    usize ready = TRY(file::poll(files, until));
    for (usize i = 0; i < entries.size(); i++)
        if (files[i].file) TRY(store(at + i, entries[i], files[i].ready));
    return ready;
}

bool passed(Deadline until) { return until != never && until.ns <= clocks::monotonic_ns(); }

Result<usize> poll_until(Task& task, UserPtr<pollfd> at, u32 count, Deadline until) {
    if (count > task.descriptor_limit()) return err::inval;
    [[clang::uninitialized]] pollfd few[few_entries];
    Vector<pollfd> many;
    if (count > few_entries) TRY(many.resize(count));
    std::span<pollfd> entries{count > few_entries ? many.data() : few, count};
    TRY(copy_in(entries, UserPtr<const pollfd>{at}));
    bool last = passed(until);
    usize ready = TRY(look(task, at, entries));
    return ready || last ? ready : wait_for_any(task, at, entries, until);
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

/// The three sets as asked for and as found, in words of 64 descriptors.
class Sets {
public:
    /// err::fault, err::nomem.
    Result<> load(UserPtr<u64> const (&user)[3], usize descriptors) {
        words_ = (descriptors + 63) / 64;
        u64* memory = few_;
        if (words_ > few_words) {
            TRY(many_.resize(6 * words_));
            memory = many_.data();
        }
        for (usize s = 0; s < 3; s++) {
            asked_[s] = {memory + 2 * s * words_, words_};
            found_[s] = {memory + (2 * s + 1) * words_, words_};
            if (user[s])
                TRY(copy_in(asked_[s], UserPtr<const u64>{user[s]}));
            else
                std::memset(asked_[s].data(), 0, words_ * sizeof(u64));
        }
        if (usize last = descriptors % 64)
            for (auto& s : asked_) s[words_ - 1] &= (u64{1} << last) - 1;
        return {};
    }
    /// Looks once at every file. Returns the bits found. err::badf.
    Result<usize> look(Task& task) {
        usize bits = 0;
        for (auto& s : found_) std::memset(s.data(), 0, words_ * sizeof(u64));
        TRY(each([&](usize fd, u32 wanted) -> Result<> {
            u32 ready = TRY(task.files->hold(static_cast<int>(fd)))->poll();
            if (ready & wanted) bits += note(fd, ready);
            return {};
        }));
        return bits;
    }
    /// The same, and waits until there is something. What the waiting found is the answer: a file may tell a thing only
    /// once (/proc/mounts).
    Result<usize> wait(Task& task, Deadline until) {
        Vector<file::PollEntry> files;
        TRY(each([&](usize fd, u32 wanted) -> Result<> {
            return files.push({TRY(task.files->get(static_cast<int>(fd))), wanted, true});
        }));
        usize bits = 0;
        if (TRY(file::poll(files, until)) == 0) return bits;
        const file::PollEntry* entry = files.begin();
        TRY(each([&](usize fd, u32) -> Result<> {
            bits += note(fd, (entry++)->ready);
            return {};
        }));
        return bits;
    }
    Result<> store(UserPtr<u64> const (&user)[3]) {
        for (usize s = 0; s < 3; s++)
            if (user[s]) TRY(copy_out(user[s], std::span<const u64>{found_[s]}));
        return {};
    }

private:
    /// Enters what is ready of one descriptor into the sets that ask for it. Returns how many.
    usize note(usize fd, u32 ready) {
        usize bits = 0;
        u64 bit = u64{1} << fd % 64;
        for (usize s = 0; s < 3; s++) {
            if (!(asked_[s][fd / 64] & bit) || !(ready & ready_masks[s])) continue;
            found_[s][fd / 64] |= bit;
            bits++;
        }
        return bits;
    }
    /// Calls f(descriptor, EPOLL* bits it is asked for).
    Result<> each(auto f) {
        for (usize w = 0; w < words_; w++)
            for (u64 left = asked_[0][w] | asked_[1][w] | asked_[2][w]; left; left &= left - 1) {
                usize fd = w * 64 + static_cast<usize>(std::countr_zero(left));
                u32 wanted = 0;
                for (usize s = 0; s < 3; s++)
                    if (asked_[s][w] >> fd % 64 & 1) wanted |= ready_masks[s];
                TRY(f(fd, wanted));
            }
        return {};
    }
    static constexpr usize few_words = 16; // FD_SETSIZE
    usize words_ = 0;
    std::span<u64> asked_[3], found_[3];
    u64 few_[6 * few_words];
    Vector<u64> many_;
};

Result<usize> select_until(Task& task, int count, UserPtr<u64> const (&user)[3], Deadline until) {
    if (count < 0) return err::inval;
    usize n = static_cast<usize>(count);
    if (n > task.descriptor_limit()) n = task.descriptor_limit();
    [[clang::uninitialized]] Sets sets;
    TRY(sets.load(user, n));
    bool last = passed(until);
    usize found = TRY(sets.look(task));
    if (!found && !last) found = TRY(sets.wait(task, until));
    TRY(sets.store(user));
    return found;
}

/// The rest of the time goes back to the caller, who may be restarted with it. That it cannot be written is no error.
template <class T>
void give_back(UserPtr<T> to, Deadline until) {
    if (!to || Task::current().personality & STICKY_TIMEOUTS) return;
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

// The general calls of the Host ABI: files, programs, time.
#include "abi/host/call.h"
#include "core/check/report.h"
#include "core/time/clock.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/file/block_on.h"
#include "kernel/file/poll.h"
#include "kernel/ipc/pipe.h"
#include <linux/fcntl.h>
#include <linux/wait.h>

namespace host_abi {
namespace {
Result<Ref<File>> file_of(Task& task, u64 handle) {
    if (handle > 0x7fff'ffff) return err::badf;
    return task.files->get(static_cast<int>(handle));
}
Result<> give_number(u64 where, u64 value) { return copy_out(UserPtr<u64>{where}, value); }

Result<> exit(Task&, const Arguments& a) { process::exit_group(static_cast<int>(a[0] & 0xff) << 8); }

Result<> read(Task& task, const Arguments& a) {
    auto file = TRY(file_of(task, a[0]));
    UserSegment to{a[1], a[2] > max_text ? max_text : a[2]};
    Sink sink{{&to, 1}, to.size};
    return give_number(a[3], TRY(task.counters.transfers.read(file::read(*file, sink))));
}
Result<> write(Task& task, const Arguments& a) {
    auto file = TRY(file_of(task, a[0]));
    UserSegment from{a[1], a[2] > max_text ? max_text : a[2]};
    Source source{{&from, 1}, from.size};
    return give_number(a[3], TRY(task.counters.transfers.wrote(file::write(*file, source))));
}
Result<> open(Task& task, const Arguments& a) {
    auto path = TRY(copy_text_in({a[0], a[1]}));
    auto file = TRY(vfs::open(task.walker(), path, {static_cast<u32>(a[2]), static_cast<u32>(a[3] & 07777), 0}));
    int handle = TRY(task.install(std::move(file), true));
    return give_number(a[4], static_cast<u64>(handle));
}
Result<> close(Task& task, const Arguments& a) {
    return a[0] > 0x7fff'ffff ? Result<>{err::badf} : task.files->close(static_cast<int>(a[0]));
}
Result<> control(Task& task, const Arguments& a) {
    TRY(TRY(file_of(task, a[0]))->ioctl(static_cast<unsigned>(a[1]), a[2]));
    return {};
}
Result<> poll(Task& task, const Arguments& a) {
    constexpr usize most = 64;
    if (a[1] > most) return err::inval;
    PollEntry entries[most];
    file::PollEntry files[most];
    std::span<PollEntry> used{entries, a[1]};
    TRY(copy_in(used, UserPtr<const PollEntry>{a[0]}));
    for (usize i = 0; i < used.size(); i++)
        if (used[i].handle != no_handle) {
            files[i].file = TRY(file_of(task, used[i].handle));
            files[i].wanted = used[i].wanted;
        }
    Deadline until = static_cast<i64>(a[2]) < 0 ? never : clocks::in(a[2]);
    usize ready = TRY(file::poll({files, used.size()}, until));
    for (usize i = 0; i < used.size(); i++) used[i].ready = files[i].ready;
    TRY(copy_out(UserPtr<PollEntry>{a[0]}, std::span<const PollEntry>{used}));
    return give_number(a[3], ready);
}
Result<> pipe(Task& task, const Arguments& a) {
    auto ends = TRY(::pipes::create(0));
    int fds[2];
    TRY(task.files->install_pair(std::move(ends.read), std::move(ends.write), true, task.descriptor_limit(), fds));
    u64 handles[2] = {static_cast<u64>(fds[0]), static_cast<u64>(fds[1])};
    return copy_out(UserPtr<u64>{a[0]}, std::span<const u64>{handles});
}

Result<> spawn(Task& task, const Arguments& a) {
    auto request = TRY(copy_in(UserPtr<const SpawnRequest>{a[0]}));
    auto path = TRY(copy_text_in(request.path));
    auto start = TRY(make<process::Start>());
    start->program.arguments = TRY(copy_texts_in(request.arguments, request.argument_count));
    start->program.environment = TRY(copy_texts_in(request.environment, request.environment_count));
    auto walker = task.walker();
    auto place = TRY(vfs::resolve(walker, path, vfs::walk_follow));
    if (!place.inode().is_regular()) return err::acces;
    TRY(vfs::check_access(place, *walker.credentials, 1));
    start->program.file = TRY(vfs::open_path(place, *walker.credentials, O_RDONLY));
    start->program.path = path;
    start->mounts = task.mounts;
    start->fs = TRY(task.fs->clone());
    start->files = TRY(FileTable::create());
    auto stdio = TRY(stdio_of(task, request.stdio));
    for (int fd = 0; fd < 3; fd++)
        if (auto& file = stdio[static_cast<usize>(fd)]) TRY(start->files->install_at(fd, file, false, 3));
    start->credentials = task.credentials_ref();
    start->limits.copy(task.process().limits);
    start->parent = &task.process();
    start->new_session = request.new_session != 0;
    if (start->new_session && stdio[0]) start->terminal = tty::terminal_of(*stdio[0]);
    auto process = TRY(process::create_in(task.view(), *start));
    auto given = give_number(a[1], static_cast<u64>(process->pid()));
    process::run(*process);
    return given;
}
Result<> wait(Task& task, const Arguments& a) {
    if (a[0] > pid_max || a[1] & ~wait_no_hang) return err::inval;
    unsigned options = WEXITED | (a[1] & wait_no_hang ? WNOHANG : 0);
    process::Waited waited;
    TRY(process::wait(task, a[0] ? P_PID : P_ALL, static_cast<Pid>(a[0]), options, waited));
    return copy_out(UserPtr<Exit>{a[2]}, to_exit(static_cast<u64>(waited.pid), waited.status));
}
Result<> signal(Task& task, const Arguments& a) {
    if (a[0] == 0 || a[0] > pid_max || a[1] > signal_count) return err::inval;
    auto process = TRY(process::find(task.pids(), static_cast<Pid>(a[0])));
    TRY(signals::check_permission(*process, static_cast<int>(a[1])));
    return a[1] ? signals::send(*process, signals::info_user(static_cast<int>(a[1]))) : Result<>{};
}

Result<> clock(Task&, const Arguments& a) {
    TRY(copy_out(UserPtr<u64>{a[0]}, clocks::monotonic_ns()));
    return a[1] ? copy_out(UserPtr<i64>{a[1]}, clocks::realtime_ns()) : Result<>{};
}
Result<> sleep(Task&, const Arguments& a) {
    Sleeper self;
    Deadline until = clocks::in(a[0]);
    while (clocks::monotonic_ns() < until.ns)
        if (auto slept = self.sleep(until); !slept && slept.error() != Errno::timedout) return slept;
    return {};
}
Result<> power_off(Task& task, const Arguments& a) {
    if (task.tid() != 1) return err::perm;
    check::power_off(static_cast<unsigned>(a[0] & 0xff));
}
} // namespace

Handler find_call(u64 number) {
    static constexpr Handler general[] = {nullptr, exit,  read, write,  open,  close, control,  poll,
                                          pipe,    spawn, wait, signal, clock, sleep, power_off};
    static_assert(std::size(general) == static_cast<usize>(Call::power_off) + 1);
    if (number < std::size(general)) return general[number];
    return find_container_call(static_cast<Call>(number));
}
} // namespace host_abi

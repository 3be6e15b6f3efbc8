#include "abi/linux/sys/system.h"
#include "arch/api/machine.h"
#include "core/check/report.h"
#include "core/log/log.h"
#include "core/rng/rng.h"
#include "core/time/clock.h"
#include "kernel/process/task.h"
#include "kernel/views/release.h"
#include <linux/capability.h>
#include <linux/random.h>
#include <linux/reboot.h>

namespace linux_abi::sys {
namespace {
void put(char (&field)[__NEW_UTS_LEN + 1], std::string_view text) {
    usize n = text.size() < __NEW_UTS_LEN ? text.size() : __NEW_UTS_LEN;
    std::memcpy(field, text.data(), n);
}

Result<> set_name(Task& task, UserPtr<const char> from, int size, bool domain) {
    if (!task.credentials().can_in(task.view().uts->owner.get(), CAP_SYS_ADMIN)) return err::perm;
    if (size < 0 || size > __NEW_UTS_LEN) return err::inval;
    char name[__NEW_UTS_LEN];
    TRY(arch::copy_in(name, from.address(), static_cast<usize>(size)));
    std::string_view text{name, static_cast<usize>(size)};
    if (domain)
        task.view().uts->set_domain(text);
    else
        task.view().uts->set_host(text);
    return {};
}
} // namespace

Result<> uname(Task& task, UserPtr<new_utsname> to) {
    new_utsname u{};
    put(u.sysname, release::system);
    put(u.release, release::release);
    put(u.version, release::version);
    put(u.machine, arch::user_cpu().machine);
    {
        auto names = task.view().uts->names.lock();
        put(u.nodename, names->host);
        put(u.domainname, names->domain);
    }
    return copy_out(to, u);
}
Result<> sethostname(Task& task, UserPtr<const char> name, int size) { return set_name(task, name, size, false); }
Result<> setdomainname(Task& task, UserPtr<const char> name, int size) { return set_name(task, name, size, true); }

Result<> sysinfo(Task& task, UserPtr<struct sysinfo> to) {
    struct sysinfo s{};
    mm::MemoryInfo memory = mm::memory_info();
    sched::Load load = sched::load();
    auto [total, free] = task.view().memory();
    s.uptime = static_cast<long>((task.view().time->boottime_ns() + clocks::ns_per_second - 1) / clocks::ns_per_second);
    for (int i = 0; i < 3; i++) s.loads[i] = load.average[i] << (SI_LOAD_SHIFT - 11);
    s.totalram = total;
    s.freeram = free;
    s.sharedram = memory.of(FrameUse::shared);
    s.bufferram = 0;
    s.procs = static_cast<u16>(task.view().is_root() ? load.threads : task.view().cgroup->tasks.load());
    s.mem_unit = 1;
    return copy_out_zeroed(to, s);
}

Result<i64> syslog(Task& task, int action, UserPtr<char> buffer, int size) {
    enum {
        close,
        open,
        read,
        read_all,
        read_clear,
        clear,
        console_off,
        console_on,
        console_level,
        unread,
        buffer_size
    };
    bool reads = action == read_all || action == buffer_size;
    if (!reads && !task.credentials().can_everywhere(CAP_SYSLOG) && !task.credentials().can_everywhere(CAP_SYS_ADMIN))
        return err::perm;
    if (action < close || action > buffer_size) return err::inval;
    if (!task.view().is_root() && !reads) return err::perm;
    switch (action) {
    case close:
    case open:
    case clear:
    case console_off:
    case console_on: return 0;
    case console_level:
        if (size < 1 || size > 8) return err::inval;
        set_console_log_level(static_cast<LogLevel>(size - 1));
        return 0;
    case unread: return 0;
    case buffer_size: return static_cast<i64>(log_size());
    case read:
    case read_all:
    case read_clear: break;
    default: return err::inval;
    }
    if (!buffer || size < 0) return err::inval;
    if (!task.view().is_root()) return 0; // the log is the host's
    usize wanted = std::min<usize>(static_cast<usize>(size), log_size());
    Vector<char> text;
    TRY(text.resize(wanted));
    usize n = read_log(text);
    TRY(arch::copy_out(buffer.address(), text.data(), n));
    return static_cast<i64>(n);
}

Result<> reboot(Task& task, u32 magic1, u32 magic2, u32 command, uptr) {
    if (!task.credentials().can(CAP_SYS_BOOT)) return err::perm;
    bool known = magic2 == LINUX_REBOOT_MAGIC2 || magic2 == LINUX_REBOOT_MAGIC2A || magic2 == LINUX_REBOOT_MAGIC2B ||
                 magic2 == LINUX_REBOOT_MAGIC2C;
    if (magic1 != LINUX_REBOOT_MAGIC1 || !known) return err::inval;
    switch (command) {
    case LINUX_REBOOT_CMD_CAD_ON:
    case LINUX_REBOOT_CMD_CAD_OFF: return task.view().is_root() ? Result<>{} : err::inval;
    case LINUX_REBOOT_CMD_RESTART:
    case LINUX_REBOOT_CMD_RESTART2:
    case LINUX_REBOOT_CMD_HALT:
    case LINUX_REBOOT_CMD_POWER_OFF: break;
    default: return err::inval;
    }
    bool again = command == LINUX_REBOOT_CMD_RESTART || command == LINUX_REBOOT_CMD_RESTART2;
    if (task.view().is_root()) {
        if (again) arch::restart();
        check::power_off(0);
    }
    // In a container this is the end of its init, as in a PID namespace.
    if (auto init = process::find(*task.view().pids, 1)) signals::end_process(**init, again ? SIGHUP : SIGINT);
    return {};
}

Result<usize> getrandom(Task& task, UserSpan<char> to, u32 flags) {
    constexpr u32 known = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
    if (flags & ~known || (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE)) return err::inval;
    std::byte bytes[256];
    usize done = 0, wanted = to.size < 0x7fff'ffff ? to.size : 0x7fff'ffff;
    while (done < wanted) {
        usize n = wanted - done < sizeof bytes ? wanted - done : sizeof bytes;
        rng::fill({bytes, n});
        usize moved = arch::copy_out_partial(to.data.address() + done, bytes, n);
        done += moved;
        if (moved < n) return done ? Result<usize>{done} : err::fault;
        if (done % 4096 == 0 && task.interrupted()) break;
    }
    return done;
}
} // namespace linux_abi::sys

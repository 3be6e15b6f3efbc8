// What a group of processes can see and use: its own process numbers, host name, mounts, limits. The host world has the
// root view; each container owns one. Nothing outside a view can be named from inside it.
#pragma once
#include "core/alloc/account.h"
#include "core/sync/lock.h"
#include "core/wait/wait.h"
#include "lib/intrusive.h"
#include "lib/string.h"

class Process;
class Task;
namespace tty {
class Terminal;
}

/// A number of a task (tid), process (pid), group (pgid) or session (sid) in one view: Linux's pid_t.
using Pid = int;
inline constexpr Pid pid_max = 4'194'304;

/// Which numbers are taken, and by whom: kernel/views/pids.h.
class PidTable;

class View : public RefCounted<View> {
public:
    virtual ~View();
    /// The host world's, once init_root() has run (boot, as soon as memory can be allocated).
    static View& root();
    static Result<> init_root();
    /// What a view needs before processes can start in it. By whoever makes one.
    Result<> prepare();

    /// Empty in the root view; the container's id else.
    String id;
    bool is_root() const { return this == &root(); }

    // uname(2). Guarded together.
    struct Names {
        FixedString<64> host, domain = std::string_view{"(none)"};
    };
    Guarded<Names, Spinlock<Rank::device>> names;
    void set_host_name(std::string_view);
    void set_domain_name(std::string_view);
    /// How often each was set, and who wants to know: poll(2) of /proc/sys/kernel/hostname and domainname.
    std::atomic<u32> host_name_changes = 0, domain_name_changes = 0;
    WaitQueue names_changed;

    /// Memory of everything in this view is charged here.
    MemoryAccount* account = nullptr;
    /// Tasks alive, and how many may be: clone answers err::again beyond (cgroup pids.max).
    std::atomic<u32> tasks = 0;
    u32 max_tasks = ~0u;
    /// The `trace=` switch for tasks started from now on: strace-like lines in the log.
    std::atomic<bool> trace = false;
    /// `trace=` on the kernel's command line: what new views start with.
    static inline std::atomic<bool> trace_all = false;
    /// What /dev/console is in this view: set before its first process runs. Null: err::nxio. The root view's is the
    /// machine's console.
    Ref<tty::Terminal> console;
    /// Time of creation, monotonic ns.
    u64 created_ns = 0;
    /// The view's age; the root's, since the machine has one: since the clock began.
    u64 uptime_ns() const;

    /// The process that reaps orphans; null before it starts and after it is gone. Under Rank::tasks.
    Process* init = nullptr;
    Box<PidTable> pids;
    /// Processes that have not ended, and init's wait status once it has. Under Rank::tasks.
    unsigned processes = 0;
    bool init_ended = false;
    int init_status = 0;

    /// The init process has ended with this wait status, and every other process of the view has ended. In the context
    /// of the thread that ended last, without locks. Containers move to `stopped` here; the root view's init ends the
    /// machine.
    virtual void emptied(int wait_status) = 0;

protected:
    View();
};

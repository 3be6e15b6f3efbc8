#include "kernel/process/file_owner.h"
#include "core/sync/once.h"
#include "core/time/clock.h"
#include "kernel/process/tree.h"
#include "kernel/vfs/attachments.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

namespace process {
namespace {
constexpr u32 readable_events = EPOLLIN | EPOLLRDNORM | EPOLLHUP;

/// Notifications come with a queue's lock held: a timer that is due at once sends the signal without it.
class Owner final : public file::Owner, Waiter, Timer {
public:
    explicit Owner(bool reads) : Timer{expired}, reads_{reads} {}
    ~Owner() override { set({}); }
    void file_goes(File& file) override {
        if (listens_) file.lasting_changed().remove(*this);
        cancel();
    }

    struct Target {
        int type = F_OWNER_PID;
        Ref<Task> thread;
        Ref<Process> process;
        Ref<ProcessGroup> group;
        Ref<const Credentials> by;
    };
    void set(Target to) {
        TreeLock tree;
        std::swap(target_, to);
    } // the old one goes after the lock
    FileOwner get(const PidNamespace& pids) {
        TreeLock tree;
        FileOwner owner{target_.type};
        if (target_.thread && !target_.thread->has_ended()) owner.number = target_.thread->tid(pids);
        if (target_.process && target_.process->kin(tree).group) owner.number = target_.process->pid(pids);
        if (target_.group && !target_.group->members(tree).empty()) owner.number = target_.group->number_in(pids);
        return owner;
    }
    bool nobody() {
        TreeLock tree;
        return !target_.thread && !target_.process && !target_.group;
    }
    void message() override {
        tell(POLL_MSG, EPOLLIN | EPOLLRDNORM | EPOLLMSG, message_fd.load(std::memory_order_relaxed));
    }
    void listen(File& file, int fd, bool on) {
        Holding one_at_a_time{listening_lock_};
        if (std::exchange(listens_, on)) file.lasting_changed().remove(*this);
        if (!on) return cancel();
        fd_ = fd;
        file.lasting_changed().add(*this);
    }
    std::atomic<int> signal = 0;
    std::atomic<int> message_fd = -1;

private:
    bool notified(u32 events) override {
        events_.fetch_or(events, std::memory_order_relaxed);
        if (!scheduled_.exchange(true)) arm(clocks::in(0));
        return true;
    }
    /// Nobody arms it while it runs with anything left to do, so that notified() never waits for a lock that send()
    /// takes.
    static void expired(Timer& timer) {
        auto& self = static_cast<Owner&>(timer);
        do {
            if (u32 events = self.events_.exchange(0)) self.send(events);
            self.scheduled_ = false;
        } while (self.events_.load() && !self.scheduled_.exchange(true));
    }
    void send(u32 events) {
        bool readable = reads_ && events & readable_events;
        tell(readable ? POLL_IN : POLL_OUT, readable ? EPOLLIN | EPOLLRDNORM : EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND,
             fd_);
    }
    void tell(int code, long band, int fd) {
        siginfo_t info = signals::info_kernel(SIGIO);
        if (int number = signal) {
            info = {};
            info.si_signo = number;
            info.si_code = code;
            info.si_band = band;
            info.si_fd = fd;
        }
        Target to;
        {
            TreeLock tree;
            to = target_;
        }
        if (to.thread && may_signal(to, *to.thread)) (void)signals::send(*to.thread, info);
        if (to.process) tell(to, *to.process, info);
        for (u64 at = 0; auto member = to.group ? next_member(*to.group, at) : nullptr;) tell(to, *member, info);
    }
    static void tell(const Target& to, Process& process, const siginfo_t& info) {
        {
            TreeLock tree;
            Task* leader = process.threads(tree).leader;
            if (!leader || !may_signal(to, *leader)) return;
        }
        (void)signals::send(process, info);
    }
    /// Whether the user who set the owner may.
    static bool may_signal(const Target& to, Task& task) {
        auto it = task.credentials_ref();
        const Credentials& me = *to.by;
        return me.euid == Kuid{0} || me.euid == it->suid || me.euid == it->uid || me.uid == it->suid ||
               me.uid == it->uid;
    }

    const bool reads_;
    Target target_; // under the tree lock
    Mutex<Rank::process> listening_lock_;
    bool listens_ = false; // under listening_lock_
    std::atomic<int> fd_ = -1;
    std::atomic<u32> events_ = 0;
    std::atomic<bool> scheduled_ = false;
};

Owner* owner_of(File& file) { return static_cast<Owner*>(file.owner.load(std::memory_order_acquire)); }
Result<Owner*> make_owner(File& file) {
    if (Owner* owner = owner_of(file)) return owner;
    return &keep_first(file.owner, TRY(make<Owner>(file.readable())));
}
} // namespace

Result<> set_file_owner(File& file, Task& current, FileOwner wanted) {
    Owner::Target target{
        .type = wanted.type, .thread = {}, .process = {}, .group = {}, .by = current.credentials_ref()};
    if (wanted.number && wanted.type == F_OWNER_TID) target.thread = TRY(find_task(current.pids(), wanted.number));
    if (wanted.number && wanted.type == F_OWNER_PID) target.process = TRY(find(current.pids(), wanted.number));
    if (wanted.number && wanted.type == F_OWNER_PGRP) target.group = TRY(find_group(current.pids(), wanted.number));
    TRY(make_owner(file))->set(std::move(target));
    return {};
}
FileOwner file_owner(File& file, const PidNamespace& pids) {
    Owner* owner = owner_of(file);
    return owner ? owner->get(pids) : FileOwner{F_OWNER_TID, 0}; // as Linux shows it
}

Result<> set_file_signal(File& file, int signal) {
    if (signal < 0 || signal > signal_count) return err::inval;
    TRY(make_owner(file))->signal = signal;
    return {};
}
int file_signal(File& file) {
    Owner* owner = owner_of(file);
    return owner ? owner->signal.load() : 0;
}

namespace {
/// Makes the current process the owner of a file that has none. Says whether it has become that.
Result<bool> own_for_messages(File& file, Task& current, int fd) {
    Owner* owner = TRY(make_owner(file));
    owner->message_fd.store(fd, std::memory_order_relaxed);
    if (!owner->nobody()) return false;
    TRY(set_file_owner(file, current, {F_OWNER_PID, current.process().pid()}));
    return true;
}
} // namespace

Result<> set_lease(File& file, Task& current, int fd, vfs::LeaseKind kind) {
    auto* leases = TRY(vfs::leases_of(file));
    bool gives_back = kind == vfs::LeaseKind::none;
    bool ours = gives_back ? false : TRY(own_for_messages(file, current, fd));
    auto done = leases->set(file, kind);
    Owner* owner = owner_of(file);
    if (owner && (done ? gives_back : ours)) owner->set({});
    if (owner && done && gives_back) owner->signal = 0;
    return done;
}

Result<> watch_directory(File& file, Task& current, int fd, u32 events) {
    if (!file.inode()->is_directory()) return err::notdir;
    auto* there = file.inode()->attachments();
    if (!there) return err::nomem;
    if (events & ~u32{DN_MULTISHOT}) TRY(own_for_messages(file, current, fd));
    return there->watches.set(file, current.files.get(), events);
}

Result<bool> notify_owner(File& file, int fd, bool on) {
    if (!file.can_notify_owner()) return false;
    TRY(make_owner(file))->listen(file, fd, on);
    on ? file.flags.fetch_or(FASYNC) : file.flags.fetch_and(~u32{FASYNC});
    return true;
}
} // namespace process

// inotify(7): an instance is an open file with a queue of events and watches of inodes, one for each inode.
// Order of locks: the inode's list of watches (kernel/vfs/watches.h), then the instance's own. A watch stands in both,
// and is made and ended with both.
#pragma once
#include "kernel/credentials/user.h"
#include "kernel/vfs/anonymous.h"
#include <linux/inotify.h>

namespace vfs {
/// What has happened to an inode, or to a name in it.
struct Event {
    u32 events;                 // IN_*
    std::string_view name = {}; // in the watched directory
    u32 cookie = 0;             // what the two halves of a rename have in common
    bool unlinked = false;      // by an open file whose name is gone
};
} // namespace vfs

namespace inotify {
class Instance;

class Watch : public ListLink<>, public ListLink<struct WatchTag>, public TreeLink<> {
public:
    Watch(Instance& of, vfs::Inode& what, int wd) : instance{of}, number{wd}, inode_{Ref<vfs::Inode>::share(&what)} {}
    vfs::Inode& inode() const { return *inode_; }

    /// Takes on what inotify_add_watch(2) wants; with IN_MASK_ADD besides what it has.
    void want(u32 mask);

    Instance& instance;
    const int number;
    // Changed under both locks.
    u32 events = 0; // IN_*
    bool once = false, excludes_unlinked = false;

private:
    Ref<vfs::Inode> inode_;
};

class Instance final : public vfs::AnonymousFile {
public:
    Instance(Ref<vfs::Inode> own_inode, Ref<User> user, u32 file_flags);
    ~Instance() override;
    const void* kind() const override;
    Result<usize> read(Sink& to, u64*) override;
    u32 poll() override;
    Result<i64> ioctl(unsigned request, uptr argument) override;
    bool can_notify_owner() const override { return true; }
    void print_name(Writer& out) override { out.write("anon_inode:inotify"); }
    void print_info(Writer&) override;

    /// Queues an event, unless it says what the last one says; one too many is lost, and that is told in its place.
    void put(int number, const vfs::Event&);
    /// inotify_add_watch(2), once the inode has been found: the watch's number. err::exist, nospc, nomem.
    Result<int> add(vfs::Inode&, u32 mask);
    /// inotify_rm_watch(2). err::inval: there is none of that number.
    Result<> remove(int number);

    // For the list of the watch's inode, which is locked.
    /// err::nospc: the user has too many. err::nomem.
    Result<Watch*> make_watch(vfs::Inode&, u32 mask);
    void change_watch(Watch&, u32 mask);
    void drop_watch(Watch&);
    /// Null: the inode's watch has another number.
    Watch* find_watch(int number, const vfs::Inode&);

private:
    /// An event; its name stands behind it.
    struct Queued : ListLink<> {
        int number;
        u32 events, cookie;
        u8 name_size;
        std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), name_size}; }
        /// What it takes for the user: with the name null-terminated, and filled up so that the next event is aligned.
        usize size() const { return sizeof(inotify_event) + (name_size ? align_up(name_size + 1) : 0); }
        static constexpr usize align_up(usize n) { return (n + sizeof(inotify_event) - 1) & -sizeof(inotify_event); }
        bool says_the_same(const Queued&) const;
    };
    struct ByNumber {
        using type = int;
        int operator()(const Watch& w) const { return w.number; }
    };
    Queued* make_event(int number, const vfs::Event&);
    Result<Queued*> take(usize room);
    void free(Queued* event) {
        if (event != &overflow_) ::operator delete(event);
    }

    const Ref<User> user_;
    MemoryAccount& payer_; // for events, whoever makes them happen
    const u32 most_events_;
    Spinlock<Rank::device> lock_; // guards what follows
    List<Queued> queue_;
    Queued overflow_{{}, -1, IN_Q_OVERFLOW, 0, 0};
    usize queued_ = 0, bytes_ = 0;
    bool overflown_ = false;            // then overflow_ is in the queue
    std::atomic<bool> closing_ = false; // nobody will read any more
    int next_number_ = 1;
    bi::set<Watch, bi::base_hook<TreeLink<>>, bi::key_of_value<ByNumber>, bi::constant_time_size<false>> watches_;
};

/// inotify_init1(2); flags: O_NONBLOCK. err::mfile: the user has too many.
Result<Ref<File>> create(Ref<User>, u32 flags);
/// Null: the file is something else.
Instance* instance_of(File&);
} // namespace inotify

// tmpfs: files in memory, with copy-on-write snapshots in O(1).
#pragma once
#include "fs/tmpfs/node.h"
#include "lib/intrusive.h"

namespace tmpfs {
extern const vfs::FilesystemType type;

class Superblock;
class FilePages;

/// Keeps changes and snapshots apart. Changes enter and leave; a snapshot waits until nobody is inside.
class SnapshotGate {
public:
    void enter();
    /// For page faults, which may come from a user copy inside of a change: a waiting snapshot lets these pass.
    void enter_nested();
    void leave();
    void begin_exclusive();
    void end_exclusive();

private:
    std::atomic<i32> inside_ = 0; // -1: a snapshot is being made
    std::atomic<bool> wanted_ = false;
    Mutex<Rank::rename> one_snapshot_;
    WaitQueue changed_;
};
struct Changing {
    explicit Changing(SnapshotGate& g) : gate{g} { gate.enter(); }
    ~Changing() { gate.leave(); }
    Changing(const Changing&) = delete;
    SnapshotGate& gate;
};

/// The inode in memory: a lock around the node that holds its state.
class Inode final : public vfs::Inode, public TreeLink<>, public ListLink<struct WrittenTag> {
public:
    Inode(Superblock&, Ref<Node>, bool in_table);
    ~Inode() override;

    vfs::Attributes attributes() override;
    u32 links() override;
    Result<> change(const vfs::AttributeChange&) override;
    u32 known_flags() const override;
    void accessed(bool relative) override;

    Result<Ref<vfs::Inode>> lookup(std::string_view name) override;
    Result<Ref<vfs::Inode>> create(std::string_view name, const vfs::NewInode&) override;
    Result<Ref<vfs::Inode>> create_unnamed(const vfs::NewInode&) override;
    Result<> link(std::string_view name, vfs::Inode& target) override;
    Result<> unlink(std::string_view name, vfs::Inode& victim) override;
    Result<> rmdir(std::string_view name, vfs::Inode& victim) override;
    Result<> rename(std::string_view name, vfs::Inode& moved, vfs::Inode& to, std::string_view new_name,
                    vfs::Inode* replaced, unsigned flags) override;
    Result<> read_directory(DirectorySink&, u64* at) override;
    Result<Ref<const vfs::LinkText>> readlink() override;

    bool takes_direct_io() const override { return is_regular(); }
    Result<usize> read_at(Sink&, u64 offset) override;
    Result<usize> write_at(Source&, u64 offset, bool append, u64* end) override;
    Result<u64> seek_data(u64 offset, bool hole) override;
    Result<> allocate(int mode, u64 offset, u64 size) override;
    Result<Ref<MemoryObject>> memory_object() override;
    Result<> adopt_page(u64 index, FrameRef frame) override;

    Result<usize> get_xattr(std::string_view name, std::span<std::byte> to) override;
    Result<> set_xattr(std::string_view name, std::span<const std::byte> value, int flags) override;
    Result<usize> list_xattr(std::span<char> to) override;
    Result<> remove_xattr(std::string_view name) override;
    Result<u32> seals() override;
    Result<> add_seals(u32) override;

private:
    friend class Superblock;
    friend class FilePages;
    Superblock& sb() const;
    /// The node, ours to change. Inside the gate, with lock_ held. err::nomem.
    Result<Node*> own();
    /// The same, keeping lock_ only for the call: for directories, whose VFS lock keeps entries still.
    Result<Node*> own_locked();
    void publish();              // the mirrored members
    u32 inherited_flags() const; // of what is made in this directory
    Result<> set_size(u64 size);
    Result<> zero_part(u64 from, u64 to);
    Result<> drop_pages(u64 first, u64 n, bool private_too);
    Result<PageTree::Owned> own_page(u64 index, mm::Fill);
    Result<FrameRef> fault(u64 index, bool for_write);
    template <usize batch>
    Result<usize> read_pages(Sink& to, u64 offset);
    void unmap(u64 first, u64 n, bool private_too);
    Result<> set_entry(std::string_view name, const Inode& target, bool replaces);
    Result<> set_entry(u64 key, std::string_view name, const Inode& target, bool replaces);
    Result<> remove_entry(u64 key);
    Result<> prepare_removal(u64 key);
    void change_links(int by);
    Result<> replace_xattr(std::string_view name, const std::string_view* value, int flags);

    Mutex<Rank::file_io> writing_; // one writer at a time; held while user memory is copied
    Mutex<Rank::inode> lock_;      // node_ and what it holds
    Ref<Node> node_;
    bool in_table_;                                 // else the inode has no name in this superblock
    bool listed_ = false;                           // among the superblock's live inodes; under that list's lock
    std::atomic<bool> written_by_mappings_ = false; // on the superblock's list; under that list's lock
    FilePages* object_ = nullptr;                   // not counted: it unregisters itself
    std::atomic<u32> links_;                        // a copy of the node's for readers without the lock
};

/// What mappings of a file see. Holds the inode.
class FilePages final : public MemoryObject {
public:
    explicit FilePages(Inode& inode) : inode_{Ref<Inode>::share(&inode)} {}
    ~FilePages() override;
    Result<FrameRef> page(u64 index, bool for_write) override { return inode_->fault(index, for_write); }
    Result<> punch(u64 first, u64 n) override;
    void present_pages(u64 first, std::span<FrameRef> out) override;

private:
    Ref<Inode> inode_;
};

struct Limits {
    u64 blocks = ~u64{0}, inodes = ~u64{0}; // pages; inodes
    u32 mode = 01777, uid = 0, gid = 0;
};

class Superblock final : public vfs::Superblock {
public:
    static Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest&);
    ~Superblock() override;
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override;
    std::string_view type_name() const override { return "tmpfs"; }
    void print_options(Writer&) override;
    Result<> reconfigure(std::string_view options) override;
    Result<Ref<vfs::Superblock>> snapshot(vfs::Inode& new_root) override;
    bool has_handles() const override { return true; }

    Superblock() = default;

private:
    friend class Inode;
    friend class FilePages;
    struct ByNumber {
        using type = u64;
        u64 operator()(const Inode& i) const { return i.number(); }
    };
    using Live = bi::set<Inode, bi::base_hook<TreeLink<>>, bi::key_of_value<ByNumber>, bi::constant_time_size<false>>;
    using Written = bi::list<Inode, bi::base_hook<ListLink<struct WrittenTag>>, bi::constant_time_size<false>>;

    Result<Ref<Inode>> get(u64 number);
    Result<Ref<Inode>> make_inode(const vfs::NewInode&, bool in_table);
    Result<> charge_blocks(u64 n);
    void uncharge_blocks(u64 n) { used_blocks_.fetch_sub(n, std::memory_order_relaxed); }
    u64 token() const { return token_.load(std::memory_order_relaxed); }

    SnapshotGate gate_;
    std::atomic<u64> token_ = 0; // changes only while the gate is exclusive
    Guarded<PersistentMap, Mutex<Rank::mappings>> table_;
    Guarded<Live, Spinlock<Rank::device>> live_;
    Guarded<Written, Spinlock<Rank::device>> written_;
    std::atomic<u64> next_number_ = 1, used_blocks_ = 0, used_inodes_ = 0;
    u64 root_number_ = 0;
    Limits limits_, defaults_;
};
} // namespace tmpfs

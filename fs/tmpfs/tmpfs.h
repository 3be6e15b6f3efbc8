// tmpfs: files in memory, with copy-on-write snapshots in O(1).
#pragma once
#include "fs/tmpfs/node.h"
#include "lib/intrusive.h"

namespace tmpfs {
extern const vfs::FilesystemType type;

class Superblock;

/// The inode in memory: a lock around the node that holds its state. Of FIFOs, sockets and devices this is all.
class Inode : public vfs::Inode, public TreeLink<> {
public:
    Inode(Superblock&, Ref<Node>, bool in_table);
    ~Inode() override;

    vfs::Attributes attributes() override;
    u32 links() override;
    Result<> change(const vfs::AttributeChange&) override;
    u32 known_flags() const override;
    void accessed(bool relative) override;

    Result<usize> get_xattr(std::string_view name, std::span<std::byte> to) override;
    Result<> set_xattr(std::string_view name, std::span<const std::byte> value, int flags) override;
    Result<usize> list_xattr(std::span<char> to) override;
    Result<> remove_xattr(std::string_view name) override;

protected:
    Superblock& sb() const;
    /// The node, ours to change. Inside the gate, with lock_ held. err::nomem.
    Result<Node*> own();
    /// The same, keeping lock_ only for the call: for directories, whose VFS lock keeps entries still.
    Result<Node*> own_locked();
    Node& node() const { return *node_; }
    void change_links(int by);

private:
    friend class Superblock;
    friend class Directory;
    friend class Symlink;
    void publish();              // the mirrored members
    u32 inherited_flags() const; // of what is made in this directory
    Result<> replace_xattr(std::string_view name, const std::string_view* value, int flags);

    Ref<Node> node_;         // under lock_, with what it holds
    std::atomic<u32> links_; // a copy of the node's for readers without the lock
    bool in_table_;          // else the inode has no name in this superblock
    bool listed_ = false;    // among the superblock's live inodes; under that list's lock
};

class Directory final : public Inode, public vfs::Directory {
public:
    using Inode::Inode;
    vfs::Directory* directory() override { return this; }
    Result<Ref<vfs::Inode>> lookup(std::string_view name) override;
    Result<> read(DirectorySink&, u64* at) override;
    Result<Ref<vfs::Inode>> create(std::string_view name, const vfs::NewInode&) override;
    Result<Ref<vfs::Inode>> create_unnamed(const vfs::NewInode&) override;
    Result<> link(std::string_view name, vfs::Inode& target) override;
    Result<> unlink(std::string_view name, vfs::Inode& victim) override;
    Result<> rmdir(std::string_view name, vfs::Inode& victim) override;
    Result<> rename(std::string_view name, vfs::Inode& moved, vfs::Directory& to, std::string_view new_name,
                    vfs::Inode* replaced, unsigned flags) override;

private:
    Result<> set_entry(std::string_view name, const Inode& target, bool replaces);
    Result<> set_entry(u64 key, std::string_view name, const Inode& target, bool replaces);
    Result<> remove_entry(u64 key);
    Result<> prepare_removal(u64 key);
};

class Symlink final : public Inode, public vfs::Symlink {
public:
    using Inode::Inode;
    vfs::Symlink* symlink() override { return this; }
    Result<Ref<const vfs::LinkText>> target() override;
};

/// The inode of a regular file.
class RegularInode final : public Inode {
public:
    RegularInode(Superblock& sb, Ref<Node> node, bool in_table) : Inode{sb, std::move(node), in_table}, pages_{*this} {}
    vfs::PageCache* pages() override { return &pages_; }

private:
    friend class Inode;
    friend class Superblock;
    class Pages final : public vfs::PageCache, public ListLink<struct WrittenTag> {
    public:
        explicit Pages(RegularInode& of) : PageCache{of, of.node().content} {}
        ~Pages() override;

    private:
        friend class Inode;
        friend class Superblock;
        RegularInode& of() const { return static_cast<RegularInode&>(inode()); }
        Result<> own_content() override;
        void modified() override;
        Result<> charge(u64 pages) override;
        void uncharge(u64 pages) override;
        void page_changed(u64 index, bool mapped) override;
    };
    bool written_ = false; // its pages are on the superblock's list; under that list's lock
    Pages pages_;
};

struct Limits {
    u64 blocks = ~u64{0}, inodes = ~u64{0}; // pages; inodes
    u32 mode = 01777;
    Kuid uid{0};
    Kgid gid{0};
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
    friend class Directory;
    friend class RegularInode;
    struct ByNumber {
        using type = u64;
        u64 operator()(const Inode& i) const { return i.number(); }
    };
    using Live = bi::set<Inode, bi::base_hook<TreeLink<>>, bi::key_of_value<ByNumber>, bi::constant_time_size<false>>;

    Result<Ref<Inode>> get(u64 number);
    Result<Ref<Inode>> make_inode(Ref<Node>, bool in_table);
    Result<Ref<Inode>> make_inode(const vfs::NewInode&, bool in_table);
    Result<> charge_blocks(u64 n);
    void uncharge_blocks(u64 n) { used_blocks_.fetch_sub(n, std::memory_order_relaxed); }
    u64 token() const { return token_.load(std::memory_order_relaxed); }

    std::atomic<u64> token_ = 0; // changes only while the gate is closed
    Guarded<PersistentMap, Mutex<Rank::mappings>> table_;
    Guarded<Live, Spinlock<Rank::device>> live_;
    Guarded<List<RegularInode::Pages, struct WrittenTag>, Spinlock<Rank::device>> written_; // by mappings
    std::atomic<u64> next_number_ = 1, used_blocks_ = 0, used_inodes_ = 0;
    u64 root_number_ = 0;
    Limits limits_, defaults_;
};
} // namespace tmpfs

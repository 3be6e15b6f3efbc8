// The inodes of file systems that keep nothing. They are made at each lookup, and belong to root, or to whom the
// process belongs that they are about.
#pragma once
#include "fs/pseudo/item.h"

namespace pseudo {
/// A file system that is a table: sysfs, mqueue, and the base of proc.
class Superblock : public vfs::Superblock {
public:
    struct Kind {
        std::string_view name;
        u64 magic;
        u32 block_size; // what stat(2) shows
        u32 root_mode;  // S_IFDIR included
        const Items& items;
        bool of_mounter = false; // belongs to who mounts it; else to root
    };
    Superblock(const Kind& kind, const vfs::MountRequest& by)
        : vfs::Superblock{kind.block_size}, kind_{kind}, context_{Context::of_mounter(by)} {
        if (!kind.of_mounter) context_.uid = Kuid{0}, context_.gid = Kgid{0};
    }
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override { return {.type = kind_.magic}; }
    std::string_view type_name() const final { return kind_.name; }

protected:
    const Kind& kind_;
    Context context_; // of the root directory
};
template <const Superblock::Kind& kind>
Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest& request) {
    return TRY(make_ref<Superblock>(kind, request));
}

/// Base of all inodes: attributes, and who may look.
class Inode : public vfs::Inode {
public:
    Inode(vfs::Superblock& sb, u64 number, u32 mode, Context context, bool restricted = false)
        : vfs::Inode{sb, number, mode}, mode_{mode}, restricted_{restricted}, context_{std::move(context)} {}
    vfs::Attributes attributes() override;
    Result<> change(const vfs::AttributeChange&) override { return err::perm; }
    Result<> permission(const Credentials&, unsigned may) override;

protected:
    vfs::Protection unpublished_protection() override;
    virtual u32 link_count() const { return 1; }
    const u32 mode_;
    const bool restricted_;
    const Context context_;
};

/// A directory with fixed items.
class ItemDirectory : public Inode, public vfs::Directory {
public:
    ItemDirectory(vfs::Superblock& sb, u64 number, u32 mode, Context context, Items items, bool restricted = false)
        : Inode{sb, number, mode, std::move(context), restricted}, items_{items} {}
    vfs::Directory* directory() final { return this; }
    Result<Ref<vfs::Inode>> lookup(std::string_view name) override;
    Result<> read(DirectorySink&, u64* at) override;
    bool volatile_names() const override { return static_cast<bool>(context_.process); }

protected:
    u32 link_count() const override;
    const Items items_;
};

/// A directory that has, behind its fixed items, entries which a number names: processes, descriptors, terminals, CPUs.
class NumberDirectory : public ItemDirectory {
public:
    using ItemDirectory::ItemDirectory;
    Result<Ref<vfs::Inode>> lookup(std::string_view name) final;
    Result<> read(DirectorySink&, u64* at) final;
    bool volatile_names() const final { return true; }

protected:
    /// err::noent.
    virtual Result<Ref<vfs::Inode>> find(u32 number) = 0;
    /// The first one that is not before `from`. err::noent.
    virtual Result<u32> next(u32 from) = 0;
    struct Entry {
        u64 inode;
        u32 type = S_IFDIR; // S_IF*
        std::string_view prefix = {};
    };
    /// What getdents64 shows of one beside its name, which is the prefix and the number.
    virtual Entry entry(u32 number) const = 0;
};

/// The inode for an item, below the directory with number `parent`.
Result<Ref<vfs::Inode>> make_item(vfs::Superblock&, const Item&, const Context&, u64 number);
/// Numbers: 64 places below each directory of fixed items.
constexpr u64 item_number(u64 directory, usize index) { return directory * 64 + index + 1; }
} // namespace pseudo

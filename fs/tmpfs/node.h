// The persistent part of tmpfs: what snapshots share. A node may be changed only by the superblock whose token it
// bears; any other copies it first (Inode::own).
#pragma once
#include "kernel/vfs/inode.h"
#include "kernel/vfs/page_cache.h"
#include "lib/persistent_map.h"

namespace tmpfs {
/// A name in a directory. Ordered by a keyed hash of the name: positions of readdir(3) survive any change beside them.
class Entry final : public MapItem {
public:
    static Result<Ref<Entry>> create(u64 key, std::string_view name, u64 inode, u32 type) {
        void* memory = ::operator new(sizeof(Entry) + name.size(), std::nothrow);
        if (!memory) return err::nomem;
        auto* e = new (memory) Entry{key, inode, type};
        e->size_ = static_cast<u8>(name.size());
        std::memcpy(e->name_, name.data(), name.size());
        return Ref<Entry>::adopt(e);
    }
    void operator delete(void* p) { ::operator delete(p); }
    std::string_view name() const { return {name_, size_}; }
    const u64 inode;
    const u32 type; // DT_*

private:
    Entry(u64 key, u64 number, u32 dt) : MapItem{key}, inode{number}, type{dt} {}
    u8 size_ = 0;
    char name_[];
};

/// An extended attribute; a list of them is never changed, only replaced.
struct Xattr {
    String name, value;
};
struct Xattrs : RefCounted<Xattrs> {
    Vector<Xattr> all;
};

class Node final : public MapItem {
public:
    Node(u64 number_, u64 owner_) : MapItem{table_key(number_)}, owner{owner_}, number{number_} {}
    /// Spreads consecutive inode numbers over the table's branches.
    static u64 table_key(u64 number) { return number * 0x9e3779b97f4a7c15; }
    Result<Ref<Node>> copy(u64 new_owner) const {
        auto made = TRY(make_ref<Node>(number, new_owner));
        made->mode = mode, made->uid = uid, made->gid = gid, made->links = links;
        made->device = device;
        made->access = access, made->modification = modification, made->change = change, made->birth = birth;
        made->entries = entries.share();
        made->entry_count = entry_count;
        made->content = content.share();
        made->target = target;
        made->xattrs = xattrs;
        made->flags = flags;
        return made;
    }

    /// What counts against size=, in pages. A long symbolic link takes one, as on Linux.
    u64 blocks() const { return content.pages.pages() + (target ? link_blocks(target->view()) : 0); }
    static u64 link_blocks(std::string_view text) { return text.size() >= 128; }

    const u64 owner; // token
    const u64 number;
    u32 mode = 0, links = 0;
    Kuid uid{0};
    Kgid gid{0};
    u64 device = 0;
    vfs::Timestamp access, modification, change, birth;
    PersistentMap entries; // directories: Entry by hash of the name
    u64 entry_count = 0;
    vfs::FileContent content;        // regular files
    Ref<const vfs::LinkText> target; // symbolic links
    Ref<Xattrs> xattrs;              // null: none
    u32 flags = 0;                   // FS_*_FL
};
} // namespace tmpfs

#include "fs/pseudo/inode.h"
#include "fs/pseudo/text_file.h"
#include "kernel/credentials/caller.h"
#include "kernel/file/current.h"
#include "kernel/vfs/permission.h"
#include "lib/numbers.h"

namespace pseudo {
namespace {
constexpr u64 root_number = 1;
constexpr u64 first_position = 2; // behind . and ..

class TextInode final : public Inode {
public:
    TextInode(vfs::Superblock& sb, u64 number, const Item& item, Context context)
        : Inode{sb, number, item.mode, std::move(context), item.restricted}, item_{item} {}
    Result<Ref<File>> open(const vfs::Path& path, u32 flags) override {
        return item_.open ? item_.open(path, flags, item_, context_)
                          : open_text<TextFile>(path, flags, item_, context_);
    }
    /// O_TRUNC of a shell's redirection.
    Result<> change(const vfs::AttributeChange& c) override {
        return c.set == vfs::AttributeChange::size_bit ? Result<>{} : Result<>{err::perm};
    }
    vfs::Attributes attributes() override {
        vfs::Attributes a = Inode::attributes();
        a.size = item_.size;
        return a;
    }

private:
    const Item& item_;
};

class LinkInode final : public Inode, public vfs::Symlink {
public:
    LinkInode(vfs::Superblock& sb, u64 number, const Item& item, Context context)
        : Inode{sb, number, item.mode, std::move(context), item.restricted}, item_{item} {}
    vfs::Symlink* symlink() override { return this; }
    bool is_magic() const override { return item_.place != nullptr; }
    Result<vfs::Path> jump() override {
        TRY(may_look());
        return item_.place(context_);
    }
    Result<Ref<const vfs::LinkText>> target() override {
        TRY(may_look());
        if (item_.target) return vfs::LinkText::create(TRY(item_.target(context_)));
        vfs::Path there = TRY(item_.place(context_));
        TextWriter out;
        vfs::Path root = file::credentials() ? Task::current().fs->root() : there;
        vfs::print_path(out, there, root);
        return vfs::LinkText::create(out.text());
    }

private:
    Result<> may_look() const {
        auto* who = file::credentials();
        return who && item_.restricted ? process::may_inspect(*who, *context_.process) : Result<>{};
    }
    const Item& item_;
};
} // namespace

View& reader_view(const Context& c) {
    Caller* caller = Caller::current();
    return caller ? caller->view() : *c.view;
}

bool is_gone(const Context& c) {
    if (!c.process) return false;
    return c.process->state() == ProcessState::dead || (c.task->has_ended() && !c.process->is_led_by(*c.task));
}

Result<Ref<vfs::Inode>> Superblock::root() {
    return TRY(make_ref<ItemDirectory>(*this, root_number, kind_.root_mode, context_, kind_.items));
}

vfs::Protection Inode::unpublished_protection() {
    vfs::Protection p{mode_, context_.uid, context_.gid};
    if (!context_.process) return p;
    if (!context_.process->dumpable) {
        const UserNamespace& users = *context_.process->view().users;
        return {mode_, users.root(), users.root_group()};
    }
    if (auto who = process::credentials_of(*context_.process)) {
        p.uid = (*who)->euid;
        p.gid = (*who)->egid;
    }
    return p;
}

vfs::Attributes Inode::attributes() {
    vfs::Protection p = protection();
    vfs::Attributes a;
    a.number = number();
    a.mode = p.mode;
    a.uid = p.uid;
    a.gid = p.gid;
    a.links = link_count();
    a.block_size = superblock().block_size;
    a.access = a.modification = a.change = a.birth = superblock().created;
    return a;
}

Result<> Inode::permission(const Credentials& who, unsigned may) {
    // A setting that cannot be changed is not opened for writing, not even by the superuser: sysctl has modes of its
    // own.
    if (context_.sysctl && may & vfs::may_write && !(mode_ & 0222)) return err::acces;
    return restricted_ && context_.process ? process::may_inspect(who, *context_.process) : Result<>{};
}

Result<Ref<vfs::Inode>> make_item(vfs::Superblock& sb, const Item& item, const Context& context, u64 number) {
    if (item.is_text()) return TRY(make_ref<TextInode>(sb, number, item, context));
    if (item.inode) return item.inode(sb, context, number);
    if (S_ISDIR(item.mode))
        return TRY(make_ref<ItemDirectory>(sb, number, item.mode, context, item.children ? *item.children : Items{}));
    return TRY(make_ref<LinkInode>(sb, number, item, context));
}

u32 ItemDirectory::link_count() const {
    u32 links = 2;
    for (const Item& item : items_) links += S_ISDIR(item.mode);
    return links;
}

Result<Ref<vfs::Inode>> ItemDirectory::lookup(std::string_view name) {
    if (is_gone(context_)) return err::noent;
    for (usize i = 0; i < items_.size(); i++)
        if (items_[i].name == name) return make_item(superblock(), items_[i], context_, item_number(number(), i));
    return err::noent;
}

Result<> ItemDirectory::read(DirectorySink& to, u64* at) {
    if (is_gone(context_)) return err::noent;
    *at = std::max(*at, first_position);
    for (u64 i; (i = *at - first_position) < items_.size(); ++*at)
        if (!to.entry(items_[i].name, item_number(number(), i), file::entry_type(items_[i].mode), *at + 1)) return {};
    return {};
}

Result<Ref<vfs::Inode>> NumberDirectory::lookup(std::string_view name) {
    std::string_view prefix = entry(0).prefix, digits = name.substr(std::min(prefix.size(), name.size()));
    auto number = name.starts_with(prefix) ? parse_number<u32>(digits) : err::inval;
    if (!number || (digits.size() > 1 && digits[0] == '0')) return ItemDirectory::lookup(name);
    if (is_gone(context_)) return err::noent;
    return find(*number);
}

Result<> NumberDirectory::read(DirectorySink& to, u64* at) {
    TRY(ItemDirectory::read(to, at));
    const u64 first = first_position + items_.size();
    while (*at >= first && *at - first <= ~u32{0}) {
        auto number = next(static_cast<u32>(*at - first));
        if (!number) break;
        Entry e = entry(*number);
        char text[32];
        BufferWriter name{text};
        print(name, "{}{}", e.prefix, *number);
        u64 behind = first + *number + 1;
        if (!to.entry(name.text(), e.inode, file::entry_type(e.type), behind)) break;
        *at = behind;
    }
    return {};
}
} // namespace pseudo

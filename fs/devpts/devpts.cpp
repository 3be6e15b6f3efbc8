#include "fs/devpts/devpts.h"
#include "fs/pseudo/inode.h"
#include "kernel/device/tty/pty.h"
#include "kernel/vfs/device.h"
#include "lib/numbers.h"
#include "lib/split.h"
#include <linux/magic.h>
#include <linux/major.h>

namespace devpts {
namespace {
using pseudo::Context;
constexpr u64 root_number = 1, first_slave_number = pseudo::item_number(root_number, 1);

class Devpts final : public tty::PtySuperblock {
public:
    explicit Devpts(const vfs::MountRequest& by) : context_{Context::of_mounter(by)} {}
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override { return {.type = DEVPTS_SUPER_MAGIC}; }
    void print_options(Writer& out) override {
        if (ptys->uid != ids::no_user) print(out, ",uid={}", static_cast<u32>(ptys->uid));
        if (ptys->gid != ids::no_group) print(out, ",gid={}", static_cast<u32>(ptys->gid));
        print(out, ",mode={:03o},ptmxmode={:03o}", ptys->mode, ptys->ptmx_mode);
    }

private:
    const Context context_;
};
tty::PtySet& ptys_of(vfs::Superblock& sb) { return *static_cast<Devpts&>(sb).ptys; }

/// A slave's node. The inode is made at each lookup; what can change is kept with the terminal.
class Slave final : public pseudo::Inode {
public:
    Slave(vfs::Superblock& of, u32 number, const Context& context, Ref<tty::Terminal> terminal)
        : Inode{of, first_slave_number + number, S_IFCHR, context}, index_{number}, terminal_{std::move(terminal)} {}
    vfs::Attributes attributes() override {
        auto node = tty::node_attributes(*terminal_).value_or(tty::NodeAttributes{});
        vfs::Attributes a = Inode::attributes();
        a.device = device::number(UNIX98_PTY_SLAVE_MAJOR, index_);
        a.access = a.modification = a.birth = node.created;
        a.change = node.changed;
        return a;
    }
    Result<> change(const vfs::AttributeChange& c) override { return tty::set_node_attributes(*terminal_, c); }

private:
    vfs::Protection unpublished_protection() override {
        auto node = tty::node_attributes(*terminal_).value_or(tty::NodeAttributes{});
        return {S_IFCHR | node.mode, node.uid, node.gid};
    }
    const u32 index_;
    Ref<tty::Terminal> terminal_;
};

class Multiplexer final : public pseudo::Inode {
public:
    Multiplexer(vfs::Superblock& of, const Context& context, u64 number) : Inode{of, number, S_IFCHR, context} {}
    vfs::Attributes attributes() override {
        vfs::Attributes a = Inode::attributes();
        a.device = device::number(TTYAUX_MAJOR, 2);
        return a;
    }
    Result<> change(const vfs::AttributeChange& c) override {
        if (c.set & vfs::AttributeChange::mode_bit) ptys_of(superblock()).ptmx_mode = c.mode & 07777;
        return {};
    }

private:
    vfs::Protection unpublished_protection() override {
        return {S_IFCHR | ptys_of(superblock()).ptmx_mode, context_.uid, context_.gid};
    }
};
Result<Ref<vfs::Inode>> make_multiplexer(vfs::Superblock& sb, const Context& c, u64 number) {
    return TRY(make_ref<Multiplexer>(sb, c, number));
}
constexpr pseudo::Item root_items[] = {{.name = "ptmx", .mode = S_IFCHR, .inode = make_multiplexer}};

class Root final : public pseudo::NumberDirectory {
public:
    Root(vfs::Superblock& of, Context context)
        : NumberDirectory{of, root_number, S_IFDIR | 0755, std::move(context), root_items} {}
    Result<> change(const vfs::AttributeChange&) override { return {}; }

private:
    Result<Ref<vfs::Inode>> find(u32 slave) override {
        auto terminal = TRY(ptys_of(superblock()).find(slave));
        return TRY(make_ref<Slave>(superblock(), slave, context_, std::move(terminal)));
    }
    Result<u32> next(u32 from) override { return ptys_of(superblock()).next(from); }
    Entry entry(u32 slave) const override { return {first_slave_number + slave, S_IFCHR}; }
};

Result<Ref<vfs::Inode>> Devpts::root() { return TRY(make_ref<Root>(*this, context_)); }

Result<> set_option(tty::PtySet& set, std::string_view option, const UserNamespace& users) {
    if (option.empty() || option == "newinstance") return {};
    if (option.starts_with("uid=") || option.starts_with("gid=")) {
        u32 id = TRY(parse_number<u32>(option.substr(4)));
        if (id == ids::none) return err::inval;
        bool user = option.starts_with("uid=");
        user ? void(set.uid = users.kuid(id)) : void(set.gid = users.kgid(id));
        return (user ? set.uid == ids::no_user : set.gid == ids::no_group) ? Result<>{err::inval} : Result<>{};
    }
    static constexpr struct {
        std::string_view name;
        u32 tty::PtySet::* value;
        unsigned base;
        u32 most;
    } numbers[] = {{"mode=", &tty::PtySet::mode, 8, 07777},
                   {"ptmxmode=", &tty::PtySet::ptmx_mode, 8, 07777},
                   {"max=", &tty::PtySet::most, 10, 1u << 20}};
    for (const auto& n : numbers) {
        if (!option.starts_with(n.name)) continue;
        auto value = parse_number<u32>(option.substr(n.name.size()), n.base);
        if (!value || *value > n.most) return err::inval;
        set.*n.value = *value;
        return {};
    }
    return err::inval;
}

Result<Ref<vfs::Superblock>> mount(const vfs::MountRequest& request) {
    auto made = TRY(make_ref<Devpts>(request));
    made->ptys = TRY(make_ref<tty::PtySet>());
    const UserNamespace& users = *request.view.users;
    TRY(split(request.options, ',', [&](std::string_view option) { return set_option(*made->ptys, option, users); }));
    return made;
}
} // namespace

constinit const vfs::FilesystemType type{.name = "devpts", .mountable_in_container = true, .mount = mount};
} // namespace devpts

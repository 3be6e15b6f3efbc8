#include "fs/devpts/devpts.h"
#include "kernel/device/tty/pty.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/operations.h"
#include "lib/numbers.h"
#include "lib/split.h"
#include <linux/magic.h>
#include <linux/major.h>
#include <linux/stat.h>

namespace devpts {
namespace {
constexpr u64 root_number = 1, ptmx_number = 2, first_slave_number = 3;

class Devpts final : public tty::PtySuperblock {
public:
    Result<Ref<vfs::Inode>> root() override;
    vfs::Statistics statistics() override { return {.type = DEVPTS_SUPER_MAGIC}; }
    void print_options(Writer& out) override {
        if (ptys->uid != ~u32{0}) print(out, ",uid={}", ptys->uid);
        if (ptys->gid != ~u32{0}) print(out, ",gid={}", ptys->gid);
        print(out, ",mode={:03o},ptmxmode={:03o}", ptys->mode, ptys->ptmx_mode);
    }
    vfs::Timestamp mounted = vfs::now();
};

/// A slave's node. The inode is made at each lookup; what can change is kept with the terminal.
class Slave final : public vfs::Inode {
public:
    Slave(Devpts& of, u32 number, Ref<tty::Terminal> terminal)
        : Inode{of, first_slave_number + number, S_IFCHR}, index_{number}, terminal_{std::move(terminal)} {}
    vfs::Attributes attributes() override {
        auto node = tty::node_attributes(*terminal_).value_or(tty::NodeAttributes{});
        vfs::Attributes a;
        a.number = number();
        a.mode = S_IFCHR | node.mode;
        a.uid = node.uid;
        a.gid = node.gid;
        a.block_size = 1024;
        a.device = device::number(UNIX98_PTY_SLAVE_MAJOR, index_);
        a.access = a.modification = a.birth = node.created;
        a.change = node.changed;
        return a;
    }
    Result<> change(const vfs::AttributeChange& c) override { return tty::set_node_attributes(*terminal_, c); }

private:
    const u32 index_;
    Ref<tty::Terminal> terminal_;
};

class Multiplexer final : public vfs::Inode {
public:
    explicit Multiplexer(Devpts& of) : Inode{of, ptmx_number, S_IFCHR}, devpts_{of} {}
    vfs::Attributes attributes() override {
        vfs::Attributes a;
        a.number = ptmx_number;
        a.mode = S_IFCHR | devpts_.ptys->ptmx_mode;
        a.device = device::number(TTYAUX_MAJOR, 2);
        a.access = a.modification = a.change = a.birth = devpts_.mounted;
        return a;
    }
    Result<> change(const vfs::AttributeChange& c) override {
        if (c.set & vfs::AttributeChange::mode_bit) devpts_.ptys->ptmx_mode = c.mode & 07777;
        return {};
    }

private:
    Devpts& devpts_;
};

class Root final : public vfs::Inode, public vfs::Directory {
public:
    explicit Root(Devpts& of) : Inode{of, root_number, S_IFDIR}, devpts_{of} {}
    vfs::Attributes attributes() override {
        vfs::Attributes a;
        a.number = root_number;
        a.mode = S_IFDIR | 0755;
        a.links = 2;
        a.block_size = 1024;
        a.access = a.modification = a.change = a.birth = devpts_.mounted;
        return a;
    }
    Result<> change(const vfs::AttributeChange&) override { return {}; }
    vfs::Directory* directory() override { return this; }
    bool volatile_names() const override { return true; }
    Result<Ref<vfs::Inode>> lookup(std::string_view name) override {
        if (name == "ptmx") return TRY(make_ref<Multiplexer>(devpts_));
        auto number = parse_number<u32>(name);
        if (!number || (name[0] == '0' && name.size() > 1)) return err::noent;
        return TRY(make_ref<Slave>(devpts_, *number, TRY(devpts_.ptys->find(*number))));
    }
    /// Position 2 is ptmx, 3 + n is slave n.
    Result<> read(DirectorySink& to, u64* at) override {
        if (*at <= 2) {
            if (!to.entry("ptmx", ptmx_number, file::entry_type(S_IFCHR), 3)) return {};
            *at = 3;
        }
        while (true) {
            auto number = devpts_.ptys->next(static_cast<u32>(*at - 3));
            if (!number) return {};
            char name[16];
            BufferWriter text{name};
            print(text, "{}", *number);
            if (!to.entry(text.text(), first_slave_number + *number, file::entry_type(S_IFCHR), u64{*number} + 4))
                return {};
            *at = u64{*number} + 4;
        }
    }

private:
    Devpts& devpts_;
};

Result<Ref<vfs::Inode>> Devpts::root() { return TRY(make_ref<Root>(*this)); }

Result<> set_option(tty::PtySet& set, std::string_view option) {
    if (option.empty() || option == "newinstance") return {};
    static constexpr struct {
        std::string_view name;
        u32 tty::PtySet::* value;
        unsigned base;
        u32 most;
    } numbers[] = {{"uid=", &tty::PtySet::uid, 10, ~u32{0} - 1},
                   {"gid=", &tty::PtySet::gid, 10, ~u32{0} - 1},
                   {"mode=", &tty::PtySet::mode, 8, 07777},
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
    auto made = TRY(make_ref<Devpts>());
    made->ptys = TRY(make_ref<tty::PtySet>());
    TRY(split(request.options, ',', [&](std::string_view option) { return set_option(*made->ptys, option); }));
    return made;
}
} // namespace

constinit const vfs::FilesystemType type{.name = "devpts", .mountable_in_container = true, .mount = mount};
} // namespace devpts

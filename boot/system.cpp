#include "abi/linux/linux.h"
#include "arch/api/machine.h"
#include "boot/boot.h"
#include "boot/initramfs.h"
#include "boot/manifest.h"
#include "core/alloc/frame.h"
#include "core/check/panic.h"
#include "core/rng/rng.h"
#include "drivers/bus/bus.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/file/table.h"
#include "kernel/ipc/pipe.h"
#include "kernel/process/task.h"
#include "kernel/views/view.h"
#include "lib/errno.h"
#include "net/inet/stack/start.h"
#include <linux/fcntl.h>

namespace boot {
namespace {
/// What the stages hand on to each other.
struct Host {
    Ref<const Credentials> root_user;
    Ref<vfs::MountTree> mounts;
    vfs::Walker walker() const { return {mounts->root(), mounts->root(), root_user, 022}; }
};

Result<> plug_in(const CommandLine& line) {
    TRY(vfs::init());
    pipes::init();
    vfs::set_filesystem_types(manifest.filesystems);
    sockets::set_families(manifest.families);
    set_abis(manifest.abis);
    for (auto& entry : manifest.devices) TRY(device::register_character(entry.major, entry.devices()));
    TRY(View::init_root());
    bus::start(manifest.drivers);
    each_device_word(line, bus::add_word);
    rng::complete_seed();                   // after the drivers: one may have random numbers
    TRY(net::inet::start_network(line.ip)); // has secrets of its own
    View::root().console = Ref<tty::Terminal>::share(tty::console());
    return {};
}

Result<Ref<vfs::Superblock>> make_filesystem(std::string_view type, std::string_view options) {
    auto* found = vfs::find_filesystem(type);
    if (!found) return err::nodev;
    return found->mount({.source = type, .options = options, .flags = 0, .view = View::root()});
}

/// A machine whose memory cannot hold the archive's files says so before it starts.
void check_memory(std::span<const std::byte> archive) {
    auto memory = mm::memory_info();
    if (archive.size() < memory.free / 4) return;
    u64 need = initramfs_need(archive), spare = 8 * MiB + need / 16;
    u64 room = memory.free + archive.size(); // the archive's own memory comes back while it is unpacked
    if (need + spare <= room) return;
    u64 machine = memory.total + archive.size() + need + spare - room;
    panic("the initramfs ({} MiB) needs {} MiB of memory for its files and {} MiB are free: start the machine with at "
          "least {} MiB",
          archive.size() / MiB, need / MiB, room / MiB, align_up(machine / MiB + 16, 16));
}

/// The part of the initrd that has been given to the allocator ends here.
constinit u64 given_back = 0;
void give_back(usize passed) {
    u64 to = page_down(arch::boot_info().initrd.start + passed);
    if (given_back < to) mm::add_free_memory({std::exchange(given_back, to), to});
}

Result<> unpack(const Host& host) {
    arch::MemoryRange initrd = arch::boot_info().initrd;
    if (initrd.start == initrd.end) return err::noent;
    auto* bytes = static_cast<const std::byte*>(arch::direct(initrd.start));
    std::span archive{bytes, initrd.end - initrd.start};
    check_memory(archive);
    given_back = initrd.start;
    auto unpacked = unpack_initramfs(host.walker(), archive, give_back);
    if (unpacked == err::nomem || unpacked == err::nospc)
        panic("the initramfs ({} MiB) does not fit into this machine: start it with more than {} MiB of memory",
              archive.size() / MiB, (mm::memory_info().total + archive.size() - (given_back - initrd.start)) / MiB);
    // What could be read of a damaged archive may be enough, as on Linux.
    mm::add_free_memory({given_back, initrd.end});
    return {};
}

struct StandardMount {
    std::string_view where, type, options;
};
constexpr StandardMount standard_mounts[] = {
    {"/dev", "devtmpfs", ""},       {"/dev/pts", "devpts", "mode=620,ptmxmode=666"},
    {"/proc", "proc", ""},          {"/sys", "sysfs", ""},
    {"/tmp", "tmpfs", "mode=1777"},
};

Result<> mount(const Host& host, const StandardMount& m) {
    vfs::Walker walker = host.walker();
    auto made = vfs::make_directory(walker, m.where, 0755);
    if (!made && made != err::exist) return made;
    auto superblock = TRY(make_filesystem(m.type, m.options));
    auto where = TRY(vfs::resolve(walker, m.where, vfs::walk_follow | vfs::walk_directory));
    return host.mounts->mount(where, std::move(superblock), m.type, 0);
}

Result<Host> make_host_tree() {
    Host host;
    host.root_user = TRY(make_ref<Credentials>());
    // Its size is known when the archive's memory belongs to the machine.
    auto root = TRY(make_filesystem("tmpfs", "mode=755,size=0,nr_inodes=0"));
    host.mounts = TRY(vfs::MountTree::create(root, "rootfs", 0));
    host.mounts->number = namespaces::first_mount;
    if (auto unpacked = unpack(host); !unpacked) {
        log(LogLevel::error, "initramfs: {}", errno_text(unpacked.error()));
        return std::unexpected(unpacked.error());
    }
    TRY(root->reconfigure("size=100%"));
    for (auto& m : standard_mounts)
        if (auto mounted = mount(host, m); !mounted)
            log(LogLevel::warning, "cannot mount {} on {}: {}", m.type, m.where, errno_text(mounted.error()));
    return host;
}

Result<> set_arguments(exec::Request& program, const CommandLine& line) {
    TRY(program.arguments.push(TRY(String::create(line.init))));
    for (std::string_view rest = line.init_arguments, word; !(word = next_word(rest)).empty();)
        TRY(program.arguments.push(TRY(String::create(word))));
    constexpr std::string_view environment[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "TERM=linux"};
    for (auto variable : environment) TRY(program.environment.push(TRY(String::create(variable))));
    return {};
}

Result<> run_init(const Host& host, const CommandLine& line) {
    process::Start start;
    vfs::Walker walker = host.walker();
    start.program.file = TRY(vfs::open(walker, line.init, {.flags = O_RDONLY}));
    start.program.path = line.init;
    TRY(set_arguments(start.program, line));
    start.mounts = host.mounts;
    start.fs = TRY(vfs::FsContext::create(walker.root, walker.root, 022));
    start.credentials = host.root_user;
    start.files = TRY(FileTable::create());
    // Not its controlling terminal: that is for the session it starts there.
    if (auto terminal = Ref<tty::Terminal>::share(tty::console())) {
        auto place = vfs::resolve(walker, "/dev/console", vfs::walk_follow);
        auto console = TRY(tty::open(terminal, O_RDWR | O_NOCTTY, place ? &*place : nullptr));
        for (int fd = 0; fd < 3; fd++) TRY(start.files->install_at(fd, console, false, 3));
    }
    auto init = TRY(process::create_init(View::root(), start));
    process::run(*init);
    return {};
}

Result<> start(const CommandLine& line) {
    TRY(plug_in(line));
    if (line.trace) {
        if (!linux_abi::set_trace_filter(*line.trace)) log(LogLevel::warning, "trace={}: unknown call", *line.trace);
        View::root().trace = View::trace_all = true;
    }
    Host host = TRY(make_host_tree());
    return run_init(host, line);
}
} // namespace

void start_system(const CommandLine& line) {
    if (auto started = start(line); !started) panic("cannot start {}: {}", line.init, errno_text(started.error()));
}
} // namespace boot

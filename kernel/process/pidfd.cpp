#include "kernel/process/pidfd.h"
#include "kernel/process/tree.h"
#include "kernel/vfs/anonymous.h"
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <linux/poll.h>

namespace process {
namespace {
class PidFile final : public vfs::AnonymousFile {
public:
    PidFile(Ref<vfs::Inode> inode, Ref<Process> of, u32 file_flags)
        : AnonymousFile{"pidfd", std::move(inode), file_flags}, process{std::move(of)} {}
    Result<usize> read(Sink&, u64*) override { return err::inval; }
    Result<usize> write(Source&, u64*) override { return err::inval; }
    u32 poll() override { return process->has_ended() ? POLLIN | POLLRDNORM : 0; }
    WaitQueue& changed() override { return process->ended; }
    void print_info(Writer& out) override { print(out, "Pid:\t{}\n", process->pid(current_pids())); }
    const void* kind() const override { return &kind_tag; }

    static constexpr char kind_tag = 0;
    const Ref<Process> process;
};
} // namespace

Result<int> open_pidfd(Task& current, Ref<Process> process, unsigned flags) {
    auto file = TRY(make_ref<PidFile>(TRY(vfs::make_anonymous_inode()), std::move(process), flags & O_NONBLOCK));
    return current.install(std::move(file), true);
}
Result<int> open_pidfd(Task& current, PidNumber& number) {
    Ref<Process> process;
    {
        TreeLock tree;
        process = Ref<Process>::share(number.uses(tree).process);
    }
    return process ? open_pidfd(current, std::move(process), 0) : err::srch;
}

Result<Ref<Process>> process_of_pidfd(File& file) {
    if (file.kind() != &PidFile::kind_tag) return err::badf;
    return static_cast<PidFile&>(file).process;
}

Result<Ref<Process>> process_of_pidfd_or_directory(File& file) {
    Process* described =
        file.inode() && file.inode()->directory() ? file.inode()->directory()->described_process() : nullptr;
    return described ? Ref<Process>::share(described) : process_of_pidfd(file);
}
} // namespace process

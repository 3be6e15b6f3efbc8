#include "kernel/views/view.h"
#include "core/alloc/frame.h"
#include "core/check/report.h"

namespace {
/// The host world. Its init's end is the machine's.
class RootView final : public View {
public:
    void emptied(int wait_status) override {
        int signal = wait_status & 0x7f;
        check::power_off(static_cast<unsigned>(signal ? 128 + signal : wait_status >> 8 & 0xff));
    }
};
alignas(RootView) std::byte root_memory[sizeof(RootView)];
} // namespace

View& View::root() { return reinterpret_cast<RootView&>(root_memory); }

Result<> View::prepare() {
    // The host world has the numbers that Linux gives its own.
    auto number = [&](u64 first) { return is_root() ? first : 0; };
    if (!pids) pids = TRY(PidNamespace::create(is_root() ? nullptr : root().pids.get()));
    if (!users) users = TRY(make_ref<UserNamespace>());
    if (!uts) uts = TRY(make_ref<UtsNamespace>(number(namespaces::first_uts), users->if_mapped()));
    if (!ipc) ipc = TRY(make_ref<IpcNamespace>(number(namespaces::first_ipc), users->if_mapped()));
    if (!network) network = TRY(make_ref<NetworkNamespace>(number(namespaces::first_network), users->if_mapped()));
    if (!time) time = TRY(make_ref<TimeNamespace>(number(namespaces::first_time)));
    if (!cgroup) cgroup = TRY(make_ref<Cgroup>(number(namespaces::first_cgroup), MemoryAccount::kernel(), ~u32{0}));
    trace = trace_all.load(std::memory_order_relaxed);
    return {};
}

View::Memory View::memory() const {
    mm::MemoryInfo machine = mm::memory_info();
    u64 limit = account().limit(), used = account().used();
    if (limit >= machine.total) return {machine.total, machine.free};
    return {limit, std::min(machine.free, used < limit ? limit - used : 0)};
}

Result<> View::init_root() {
    auto* root = new (root_memory) RootView;
    // As Linux's threads-max: stacks take an eighth of memory at most.
    auto most = static_cast<u32>(mm::memory_info().total / (8 * mm::kernel_stack_size));
    root->cgroup = TRY(make_ref<Cgroup>(namespaces::first_cgroup, MemoryAccount::kernel(), most));
    TRY(root->prepare());
    root->uts->names.lock()->host.assign("rundlet");
    return {};
}

#include "core/alloc/frame.h"
#include "core/check/report.h"
#include "core/time/clock.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/views/pids.h"

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

View::View() = default;
View::~View() = default;

View& View::root() { return reinterpret_cast<RootView&>(root_memory); }

u64 View::uptime_ns() const { return clocks::monotonic_ns() - (is_root() ? 0 : created_ns); }

void View::set_host_name(std::string_view name) {
    names.lock()->host.assign(name);
    host_name_changes.fetch_add(1, std::memory_order_release);
    names_changed.notify_all();
}
void View::set_domain_name(std::string_view name) {
    names.lock()->domain.assign(name);
    domain_name_changes.fetch_add(1, std::memory_order_release);
    names_changed.notify_all();
}

Result<> View::prepare() {
    pids = TRY(make<PidTable>());
    created_ns = clocks::monotonic_ns();
    trace = trace_all.load(std::memory_order_relaxed);
    if (!account) account = &MemoryAccount::kernel();
    return {};
}

Result<> View::init_root() {
    auto* root = new (root_memory) RootView;
    root->names.lock()->host.assign("rundlet");
    // As Linux's threads-max: stacks take an eighth of memory at most.
    root->max_tasks = static_cast<u32>(mm::memory_info().total / (8 * mm::kernel_stack_size));
    return root->prepare();
}

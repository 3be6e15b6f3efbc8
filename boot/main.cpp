// Boot, as a straight line of calls.
#include "arch/api/upcalls.h"
#include "boot/boot.h"
#include "boot/ktests.h"
#include "core/alloc/frame.h"
#include "core/check/panic.h"
#include "core/check/report.h"
#include "core/check/stretch.h"
#include "core/rng/rng.h"
#include "core/sched/thread.h"
#include "core/time/timer_queue.h"
#include "core/work/work.h"

namespace {
boot::CommandLine command_line;

void second_stage(void*) {
    if (!work::start()) panic("no memory for the workers");
    stretch::watch(command_line.watchdog_ms * u64{1'000'000});
    if (command_line.ktest) {
        rng::complete_seed();
        check::power_off(ktest::run_all(boot::tests(), *command_line.ktest) ? 1 : 0);
    }
    boot::start_system(command_line);
}
} // namespace

void kernel_main() {
    const arch::BootInfo& machine = arch::boot_info();
    command_line = boot::parse_command_line(machine.command_line);
    set_console_log_level(command_line.console_level);
    timers::init();
    sched::init();
    mm::init_frames(machine);
    clocks::init();
    rng::init();
    arch::irqs_on(); // from here on what may sleep may be called
    sched::start_reaper();
    arch::start_cpus();
    auto thread = Thread::spawn("boot", second_stage, nullptr);
    if (!thread) panic("no memory for the first thread");
    sched::idle();
}

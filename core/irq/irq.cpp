#include "core/irq/irq.h"
#include "arch/api/upcalls.h"
#include "core/cpu/cross_call.h"
#include "core/cpu/online.h"
#include "core/log/log.h"
#include "core/rng/rng.h"
#include "core/sync/lock.h"

/// The handlers of a line. Changed under the lock; interrupts walk them without.
class IrqLine {
public:
    void add(IrqHandler& handler) {
        handler.next_.store(first_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        first_.store(&handler, std::memory_order_release);
    }
    void remove(IrqHandler& handler) {
        auto* link = &first_;
        while (IrqHandler* at = link->load(std::memory_order_relaxed)) {
            // Its own link stays: an interrupt may be walking over it.
            if (at == &handler) return link->store(handler.next_.load(std::memory_order_relaxed));
            link = &at->next_;
        }
    }
    bool empty() const { return !first_.load(std::memory_order_acquire); }
    bool call() const {
        bool served = false;
        for (auto* at = first_.load(std::memory_order_acquire); at; at = at->next_.load(std::memory_order_acquire))
            served |= at->interrupt();
        return served;
    }

private:
    std::atomic<IrqHandler*> first_ = nullptr;
};

namespace {
constexpr unsigned lines = arch::first_message_line + arch::message_lines;
constinit IrqLine table[lines];
constinit Spinlock<Rank::irq_line> table_lock;

/// How often in a row a wire has interrupted for nobody.
constinit std::atomic<u16> unserved[arch::first_message_line];
constexpr u16 patience = 10'000;

/// Handlers run with interrupts off: when every CPU has answered, none that was removed is still running.
void wait_for_handlers() {
    call_on(online_cpus(), [](void*) {}, nullptr);
}

void remove(unsigned line, IrqHandler& handler) {
    {
        Holding held{table_lock};
        table[line].remove(handler);
        if (line < arch::first_message_line && table[line].empty()) arch::disable_irq(line);
    }
    wait_for_handlers();
}

void nobody_served(unsigned line) {
    bool empty = table[line].empty();
    u16 times = unserved[line].load(std::memory_order_relaxed);
    if (!empty && times < patience) return unserved[line].store(times + 1, std::memory_order_relaxed);
    arch::disable_irq(line);
    log(LogLevel::warning, "irq: line {} {}; turned off", line,
        empty ? std::string_view{"has no handler"}
              : std::string_view{"interrupts though no device of it has anything"});
}
} // namespace

Result<> request_irq(unsigned line, IrqHandler& handler) {
    if (line >= arch::first_message_line) return err::inval;
    {
        Holding held{table_lock};
        table[line].add(handler);
    }
    arch::enable_irq(line);
    return {};
}

void release_irq(unsigned line, IrqHandler& handler) { remove(line, handler); }

Result<arch::Message> request_message(unsigned cpu, IrqHandler& handler) {
    auto message = TRY(arch::take_message(cpu));
    Holding held{table_lock};
    table[message.line].add(handler);
    return message;
}

void release_message(unsigned line, IrqHandler& handler) {
    remove(line, handler);
    arch::give_back_message(line);
}

void upcall::interrupt(unsigned line) {
    rng::mix_interrupt(line);
    if (line >= lines) return;
    bool served = table[line].call();
    if (line >= arch::first_message_line) return; // an edge that was late does no harm
    if (!served) return nobody_served(line);
    if (unserved[line].load(std::memory_order_relaxed)) unserved[line].store(0, std::memory_order_relaxed);
}

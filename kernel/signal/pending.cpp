#include "core/check/panic.h"
#include "kernel/credentials/user.h"
#include "kernel/signal/signal.h"
#include <bit>

namespace {
/// Caused by the instruction at hand: these go before all others.
constexpr SignalSet synchronous = signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGTRAP) |
                                  signal_bit(SIGFPE) | signal_bit(SIGSYS);

} // namespace

#if RUNDLET_CHECK
void SignalLock::check(const Lock& wanted) const {
    if (&lock_ != &wanted) panic("the signal lock of another process is held");
}
#endif

void QueuedSignal::forget_user() {
    charged_->signals.fetch_sub(1, std::memory_order_relaxed);
    Ref<User>::adopt(std::exchange(charged_, nullptr));
}

u64 QueuedSignal::charge(Ref<User> user) {
    uncharge();
    if (!user) return 0;
    charged_ = user.release();
    return charged_->signals.fetch_add(1, std::memory_order_relaxed) + 1;
}

void QueuedSignal::withdraw(const SignalLock&) {
    if (!queued_in_) return;
    PendingSignals& from = *queued_in_;
    from.unlink(*this);
    for (QueuedSignal& other : from.queue)
        if (other.info.si_signo == info.si_signo) return;
    from.set &= ~signal_bit(info.si_signo);
}

void PendingSignals::unlink(QueuedSignal& element) {
    queue.erase(queue.iterator_to(element));
    queued--;
    element.queued_in_ = nullptr;
}

void PendingSignals::add(const siginfo_t& info, QueuedSignal* memory) {
    SignalSet bit = signal_bit(info.si_signo);
    set |= bit;
    if (!memory) {
        if (info.si_code == SI_KERNEL) from_kernel_ |= bit;
        return;
    }
    queue.push_back(*memory);
    memory->queued_in_ = this;
    queued++;
}

bool PendingSignals::take(SignalSet blocked, siginfo_t& into, Box<QueuedSignal>& freed, const SignalLock& held) {
    SignalSet ready = set & ~blocked;
    if (!ready) return false;
    if (ready & synchronous) ready &= synchronous;
    int number = std::countr_zero(ready) + 1;
    QueuedSignal* found = nullptr;
    bool more = false;
    for (QueuedSignal& element : queue) {
        if (element.info.si_signo != number) continue;
        if (found) {
            more = true;
            break;
        }
        found = &element;
    }
    if (!more) set &= ~signal_bit(number);
    if (!found) {
        into = siginfo_t{};
        into.si_signo = number;
        into.si_code = from_kernel_ & signal_bit(number) ? SI_KERNEL : SI_USER;
        from_kernel_ &= ~signal_bit(number);
        return true;
    }
    unlink(*found);
    if (found->taken) {
        found->taken(*found, held);
        into = found->info;
    } else {
        into = found->info;
        freed.reset(found);
    }
    return true;
}

PendingSignals::~PendingSignals() {
    queue.clear_and_dispose([](QueuedSignal* element) { delete element; });
}

void PendingSignals::discard(SignalSet which, const SignalLock& held) {
    set &= ~which;
    from_kernel_ &= ~which;
    for (auto at = queue.begin(); at != queue.end();) {
        QueuedSignal& element = *at++;
        if (!(signal_bit(element.info.si_signo) & which)) continue;
        unlink(element);
        element.taken ? element.taken(element, held) : delete &element;
    }
}

Result<Ref<SignalHandlers>> SignalHandlers::clone() {
    auto copy = TRY(make_ref<SignalHandlers>(Actions::Unset{}));
    copy->actions.unguarded() = *actions.lock();
    return copy;
}

void SignalHandlers::reset_caught() {
    auto now = actions.lock();
    for (SignalAction& action : now->of)
        action = {.handler = action.handler == signals::handler_ignore ? signals::handler_ignore : 0,
                  .flags = 0,
                  .restorer = 0,
                  .mask = 0};
}

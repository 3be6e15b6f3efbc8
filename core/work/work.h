// What an interrupt leaves to a thread: each CPU has one that does such work in turn.
#pragma once
#include "core/alloc/account.h"
#include "core/sync/lock.h"
#include "lib/chain.h"

/// A piece of work that comes again and again. It never runs on two CPUs at once, and what was written before queue()
/// is seen by a run that begins after it. Objects that are queued live on until stop() has returned.
class Work : public ChainLink<Work> {
public:
    /// How much is done before others get their turn, in units of the work's own: packets, requests.
    static constexpr unsigned budget = 64;

    /// `payer` is charged for what run() allocates; null: the kernel's account.
    constexpr explicit Work(MemoryAccount* payer = nullptr) : payer_{payer} {}
    Work(const Work&) = delete;
    /// Has run() called on this CPU's worker; once more, if it is running. Any context; allocates nothing.
    void queue();
    /// Sleeps until it is not running, and it will not run again. Not from run(); once.
    void stop();

protected:
    /// Does so much at most. Returns whether more is left: then it is called again after others. May sleep, though all
    /// work of the CPU waits then: for mutexes that are held shortly, not for devices or users.
    virtual bool run(unsigned budget) = 0;
    ~Work() = default;

private:
    friend class Worker;
    enum class State : u8 { idle, queued, running, again, stopping, stopped };
    void serve();
    bool change(State& from, State to) { return state_.compare_exchange_weak(from, to, std::memory_order_acq_rel); }

    std::atomic<State> state_ = State::idle;
    MemoryAccount* payer_;
};

namespace work {
/// Starts the thread of each CPU that runs. What was queued before is done then. err::nomem.
Result<> start();
} // namespace work

// The scheduler's own part of a thread. Only core/sched looks inside.
#pragma once
#include "core/sched/fair_queue.h"
#include "lib/chain.h"
#include <atomic>

class Thread;
struct CpuWatch;

enum class ThreadState : u8 {
    ready,           // runs or waits for a CPU
    interruptible,   // sleeps; a signal ends it
    uninterruptible, // sleeps
    stopped,         // by job control or a tracer
    dead,
    fresh, // not started yet
};

/// POSIX scheduling, as sched_setscheduler(2) names it.
enum class SchedPolicy : u8 { other = 0, fifo = 1, round_robin = 2, batch = 3, idle = 5 };
constexpr bool is_realtime(SchedPolicy p) { return p == SchedPolicy::fifo || p == SchedPolicy::round_robin; }

/// Guarded by the run queue's lock of `cpu`, except what is atomic.
struct SchedEntity : FairEntity, ChainLink<SchedEntity> {
    explicit SchedEntity(Thread& of) : thread{&of} {}
    Thread* thread;
    std::atomic<ThreadState> state = ThreadState::fresh;
    std::atomic<unsigned> cpu = 0;
    bool queued = false; // in a class's queue (the running thread included)
    SchedPolicy policy = SchedPolicy::other;
    u8 priority = 0;
    signed char nice = 0;
    bool reset_on_fork = false;
    bool last_in_user = true; // what the last tick saw
    u64 affinity = ~u64{0};
    u64 round_robin_left = 100'000'000; // ns
    std::atomic<u64> user_ns = 0, system_ns = 0;
    std::atomic<u64> voluntary = 0, involuntary = 0;
    CpuWatch* watch = nullptr; // where its time is added up, too
    uptr stack_pointer = 0;    // while it does not run
    void (*entry)(void*) = nullptr;
    void* argument = nullptr;
};

// What the rooms below the scheduler know of a thread: who it is, who pays for it, what it holds.
#pragma once
#include "arch/api/cpu.h"
#include "lib/string.h"
#include <source_location>

class MemoryAccount;
enum class Rank : u8;

/// Locks that a thread (mutexes) or a CPU (spinlocks) holds, for the check of their order (core/sync/rank.h).
struct HeldLocks {
    static constexpr unsigned max = 16;
    struct One {
        const void* lock;
        Rank rank;
        std::source_location at;
    } locks[max];
    unsigned count = 0;
};

/// Thread (core/sched) derives from it.
struct ThreadBase : arch::ThreadHead {
    explicit ThreadBase(MemoryAccount& payer) : account{&payer} {}
    ThreadBase(const ThreadBase&) = delete;
    /// The one that runs on this CPU; null before there are threads.
    static ThreadBase* running() { return static_cast<ThreadBase*>(arch::current_thread()); }

    FixedString<15> name; // comm
    /// While above 0, a user copy that meets an absent page fails with err::fault instead of sleeping (under
    /// spinlocks).
    unsigned faults_disabled = 0;
    /// Who pays for what this thread allocates. Never null.
    MemoryAccount* account;
#if RUNDLET_CHECK
    HeldLocks held_mutexes;
#endif
};

/// For a scope: user copies do not sleep. See ThreadBase::faults_disabled.
class [[nodiscard]] NoFaults {
public:
    NoFaults() { ThreadBase::running()->faults_disabled++; }
    ~NoFaults() { ThreadBase::running()->faults_disabled--; }
    NoFaults(const NoFaults&) = delete;
};

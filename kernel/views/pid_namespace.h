// PID namespaces, to any depth: pid_namespaces(7). Numbers of tasks, processes, groups and sessions. A number belongs
// to one namespace and has another value in each that this one lies in; it stays taken while any of its four uses
// lasts.
#pragma once
#include "kernel/views/tree_lock.h"
#include "lib/intrusive.h"
#include "lib/memory.h"
#include "lib/result.h"

class PidNamespace;
class Process;
class Task;
class ProcessGroup;
class Session;

/// A number of a task (tid), process (pid), group (pgid) or session (sid) in one namespace: Linux's pid_t.
using Pid = int;
inline constexpr Pid pid_max = 4'194'304;

/// A number in use, in all namespaces that see it.
class PidNumber : public RefCounted<PidNumber> {
public:
    /// Who has it: it is free again once nobody does.
    struct Uses {
        Task* task = nullptr;
        Process* process = nullptr; // whose leader's number this is
        ProcessGroup* group = nullptr;
        Session* session = nullptr;
    };
    Uses& uses(const process::TreeLock&) { return uses_; }

    PidNamespace& home() const { return *home_; }
    Pid own() const; // in `home`
    /// As seen from a namespace: 0 when that cannot see it.
    Pid in(const PidNamespace& from) const;
    static void operator delete(void* memory) { ::operator delete(memory); }

private:
    friend class PidNamespace;
    struct Value : TreeLink<> {
        Pid value = 0;
        PidNumber* of = nullptr;
    };
    /// In one piece of memory with its values. err::nomem.
    static Result<Ref<PidNumber>> create(PidNamespace& home);
    explicit PidNumber(PidNamespace& home);
    /// By level, the root's first, to that of `home`: they lie behind this.
    Value* values() { return reinterpret_cast<Value*>(this + 1); }
    const Value* values() const { return reinterpret_cast<const Value*>(this + 1); }
    Uses uses_;
    const Ref<PidNamespace> home_;
};

/// What a process calls others. The root namespace sees all.
class PidNamespace : public RefCounted<PidNamespace> {
public:
    /// The host world's, once the first one has been made: it is that.
    static PidNamespace& root() { return *root_; }
    /// Null: the root namespace. err::nospc: too deep.
    static Result<Ref<PidNamespace>> create(PidNamespace* parent);

    /// A fresh number, not yet used by anybody: give it a use, or release() it. `wanted` 0: the next free one. Takes
    /// the tree lock. err::again: none left; err::exist: `wanted` is taken.
    Result<PidNumber*> allocate(Pid wanted = 0);
    /// Frees the number if nothing uses it.
    static void release(PidNumber*, const process::TreeLock&);

    // Lookups. Null: none.
    PidNumber* find(Pid, const process::TreeLock&);
    PidNumber* at_or_after(Pid from, const process::TreeLock&); // the first at or after `from`
    /// The number given last.
    Pid last(const process::TreeLock&) const { return last_; }
    bool is_root() const { return level_ == 0; }
    const u64 number; // as /proc/pid/ns shows it

    struct Population {
        /// The process that reaps orphans; null before it starts and after it is gone.
        Process* init = nullptr;
        /// Processes that have not ended, and init's wait status once it has.
        unsigned processes = 0;
        bool init_ended = false;
        int init_status = 0;
    };
    Population& population(const process::TreeLock&) { return population_; }

private:
    friend class PidNumber;
    explicit PidNamespace(PidNamespace* parent);
    static constexpr unsigned deepest = 32; // as on Linux
    static inline constinit PidNamespace* root_ = nullptr;
    struct ByValue {
        using type = Pid;
        Pid operator()(const PidNumber::Value& v) const { return v.value; }
    };
    Pid choose();
    bool insert(PidNumber&, Pid wanted);

    const Ref<PidNamespace> parent_;
    const unsigned level_;
    bi::set<PidNumber::Value, bi::base_hook<TreeLink<>>, bi::key_of_value<ByValue>, bi::constant_time_size<false>>
        values_;
    Pid last_ = 0;
    Population population_;
};

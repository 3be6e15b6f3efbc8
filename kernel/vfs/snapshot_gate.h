// Keeps changes of a file system and snapshots of it apart.
#pragma once
#include "core/wait/mutex.h"
#include "core/wait/wait.h"

namespace vfs {
/// Changes enter and leave; a snapshot waits until nobody is inside.
class SnapshotGate {
public:
    void enter();
    /// For page faults, which may come from a user copy inside of a change: a waiting snapshot lets these pass.
    void enter_nested();
    void leave();
    void begin_exclusive();
    void end_exclusive();

private:
    std::atomic<i32> inside_ = 0; // -1: a snapshot is being made
    std::atomic<bool> wanted_ = false;
    Mutex<Rank::rename> one_snapshot_;
    WaitQueue changed_;
};

/// A change, for a scope.
struct Changing {
    explicit Changing(SnapshotGate& g) : gate{g} { gate.enter(); }
    ~Changing() { gate.leave(); }
    Changing(const Changing&) = delete;
    SnapshotGate& gate;
};
/// One that a page fault makes.
struct ChangingNested {
    explicit ChangingNested(SnapshotGate& g) : gate{g} { gate.enter_nested(); }
    ~ChangingNested() { gate.leave(); }
    ChangingNested(const ChangingNested&) = delete;
    SnapshotGate& gate;
};
} // namespace vfs

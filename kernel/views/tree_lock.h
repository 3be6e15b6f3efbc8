// The lock of the process tree: parents, children, groups, sessions (kernel/process), and their numbers.
#pragma once
#include "core/sync/lock.h"

namespace process {
/// Holds the lock of the tree, which is one for the whole machine. It is the only way to take it, and who needs it held
/// asks for a `const TreeLock&`: so what forgets it does not compile. Nothing is allocated under it, and no walk whose
/// length a user chooses is done in one hold.
class [[nodiscard]] TreeLock {
public:
    explicit TreeLock(std::source_location at = std::source_location::current()) { lock_.lock(at); }
    ~TreeLock() { lock_.unlock(); }
    TreeLock(const TreeLock&) = delete;

private:
    static inline constinit Spinlock<Rank::tasks> lock_;
};
} // namespace process

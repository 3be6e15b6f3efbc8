// What views and sessions know of a terminal.
#pragma once
#include "lib/memory.h"

struct ProcessGroup;
struct Session;

/// Every one is a tty::Terminal (kernel/device/tty/terminal.h).
class TerminalBase : public RefCounted<TerminalBase> {
public:
    virtual ~TerminalBase() = default;
    // Both take the tree lock.
    /// Becomes the controlling terminal of a new session; the caller knows that it controls none.
    virtual void enter_session(Session&, Ref<ProcessGroup> foreground) = 0;
    /// The session that has this as its controlling terminal loses it (its leader exits: SIGHUP to the foreground
    /// group).
    virtual void leave_session(Session&) = 0;
};

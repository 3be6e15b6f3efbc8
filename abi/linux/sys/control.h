// Control data of messages: struct cmsghdr.
#pragma once
#include "kernel/process/task.h"
#include "kernel/socket/message.h"

namespace linux_abi {
/// Looks at all control data of a message that is about to be sent, and decodes that of level SOL_SOCKET: SCM_RIGHTS,
/// SCM_CREDENTIALS. `identity` is the storage of what `to.identity` points to. err::inval: malformed, unknown, or
/// (`passes` is false) not for this family; err::badf, err::perm, err::srch, err::toomanyrefs.
Result<> decode_control(Task&, std::span<const std::byte>, bool passes, sockets::SendMessage& to,
                        sockets::Identity& identity);

/// The user's buffer for what comes with a message.
class UserControl final : public sockets::ControlSink {
public:
    UserControl(Task& task, uptr at, usize room, bool close_on_exec)
        : task_{task}, at_{at}, room_{room}, close_on_exec_{close_on_exec} {}
    void put(int level, int type, std::span<const std::byte>) override;
    void put_rights(sockets::Rights&) override;
    void put_identity(const sockets::Identity&) override;
    void put_process(PidNumber*) override;
    uptr end() const { return at_; }
    bool truncated() const { return truncated_; }

private:
    Result<> write(int level, int type, std::span<const std::byte>);
    void advance(usize n);
    Task& task_;
    uptr at_;
    usize room_;
    bool close_on_exec_, truncated_ = false;
};
} // namespace linux_abi

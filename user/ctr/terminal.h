// A terminal between the user and a container: a pty whose slave the container gets, while ctr copies both ways.
#pragma once
#include "user/host/host.h"
#include <asm/termbits.h>

class Terminal {
public:
    /// A pty if standard input is a terminal (and ptys are to be had), else our own input and outputs.
    Terminal();
    ~Terminal();
    Terminal(const Terminal&) = delete;

    /// For container_create and container_exec. Each call of relay() closes the slave.
    const u64 (&stdio() const)[3] { return stdio_; }
    bool is_used() const { return master_ != host_abi::no_handle; }
    /// Copies until the container's side is gone: the last process that had the slave has ended.
    void relay();

private:
    bool open_pty();
    u64 stdio_[3] = {host::in, host::out, host::err};
    u64 master_ = host_abi::no_handle;
    termios before_{};
};

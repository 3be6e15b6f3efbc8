// A terminal between the user and a container: a pty whose slave the container gets, while ctr copies both ways.
#pragma once
#include "user/host/host.h"
#include <asm/termbits.h>

class Terminal {
public:
    /// A pty if standard input is a terminal (and ptys are to be had), else our own input and outputs. A background job
    /// stops here (SIGTTOU) until it is brought to the foreground, as with podman's and docker's -t.
    Terminal();
    ~Terminal();
    Terminal(const Terminal&) = delete;

    /// For container_create and container_exec. Each call of relay() closes the slave.
    const u64 (&stdio() const)[3] { return stdio_; }
    bool is_used() const { return master_ != host_abi::no_handle; }
    /// For a container that insists on a terminal when our standard input is none: a pty all the same. False: there is
    /// none to be had. What standard input gives is typed; its end is ^D, as often as somebody may read it.
    bool force();
    /// Copies until the container's side is gone: the last process that had the slave has ended.
    void relay();

private:
    bool open_pty();
    void set_raw();
    /// False: the container's side is gone.
    bool relay_once(host_abi::PollEntry (&entries)[2]);
    void type_end();
    u64 stdio_[3] = {host::in, host::out, host::err};
    u64 master_ = host_abi::no_handle;
    termios before_{};
    bool raw_ = false; // standard input is a terminal that `before_` belongs to
    unsigned ends_typed_ = 0;
};

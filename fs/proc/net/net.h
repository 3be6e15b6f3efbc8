// What /proc/pid/net is made of: texts about the network of a process, as netstat(8), ss(8), lsof(8), ifconfig(8) and
// their like read them.
#pragma once
#include "fs/proc/items.h"
#include "net/inet/stack/stack.h"

namespace proc {
/// The network that the context's process is in. err::nomem.
inline Result<net::inet::Stack*> stack_of(const Context& c) { return net::inet::Stack::in(*c.process->view().network); }
/// A line that is `width` characters long where it is not longer.
class PaddedLine final : public Writer {
public:
    PaddedLine(Writer& out, usize width) : out_{out}, left_{width} {}
    ~PaddedLine() {
        for (; left_; left_--) out_.write(" ");
        out_.write("\n");
    }
    PaddedLine(const PaddedLine&) = delete;
    void write(std::string_view s) override {
        out_.write(s);
        left_ -= s.size() < left_ ? s.size() : left_;
    }

private:
    Writer& out_;
    usize left_;
};

// interfaces.cpp
Result<bool> print_devices(Writer&, const Context&, u64& at);
Result<bool> print_v6_addresses(Writer&, const Context&, u64& at);
Result<bool> print_neighbours(Writer&, const Context&, u64& at);
Result<bool> print_groups(Writer&, const Context&, u64& at);
Result<bool> print_v6_groups(Writer&, const Context&, u64& at);
Result<bool> print_link_groups(Writer&, const Context&, u64& at);
// routes.cpp
Result<bool> print_v4_routes(Writer&, const Context&, u64& at);
Result<bool> print_v6_routes(Writer&, const Context&, u64& at);
// sockets.cpp
template <u8 protocol, bool v6>
Result<bool> print_flows(Writer&, const Context&, u64& at);
Result<bool> print_unix_sockets(Writer&, const Context&, u64& at);
/// How many flows of a protocol there are.
struct FlowCount {
    u32 v4 = 0, v6 = 0, closed = 0, time_wait = 0, established = 0;
};
FlowCount count_flows(net::inet::Stack&, u8 protocol);
// statistics.cpp
Result<> print_socket_use(Writer&, const Context&);
Result<> print_v6_socket_use(Writer&, const Context&);
Result<> print_statistics(Writer&, const Context&);
Result<> print_more_statistics(Writer&, const Context&);
Result<> print_v6_statistics(Writer&, const Context&);
void print_protocols(Writer&, const Context&);
} // namespace proc

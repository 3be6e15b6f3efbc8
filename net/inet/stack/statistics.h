// What a network counts of its protocols: /proc/net/snmp and netstat.
#pragma once
#include "core/cpu/cpu_counter.h"
#include "lib/types.h"
#include <atomic>

namespace net::inet {
enum class Count : u8 {
    // Of every packet.
    tcp_in,
    tcp_out,
    udp_in,
    udp_out,
    // Of what is rare.
    ip_header_errors,
    ip_address_errors,
    ip_forwarded,
    ip_unknown_protocols,
    icmp_in,
    icmp_in_errors,
    icmp_in_unreachable,
    icmp_in_time_exceeded,
    icmp_in_parameter_problems,
    icmp_in_echos,
    icmp_in_echo_replies,
    icmp_out,
    icmp_out_unreachable,
    icmp_out_time_exceeded,
    icmp_out_echo_replies,
    tcp_active_opens,
    tcp_passive_opens,
    tcp_attempts_failed,
    tcp_established_reset,
    tcp_retransmitted,
    tcp_in_errors,
    tcp_checksum_errors,
    tcp_resets_sent,
    tcp_time_waits,
    tcp_listen_overflows,
    udp_no_ports,
    udp_in_errors,
    udp_checksum_errors,
    udp_buffer_full,
    count
};

/// What every packet changes has a place for each CPU; the rest has one for all.
class Statistics {
public:
    /// From any context.
    void add(Count c, u64 n = 1) {
        if (c <= last_of_every_packet)
            of_every_packet_[index(c)].add(static_cast<i64>(n));
        else
            rare_[index(c) - hot].fetch_add(n, std::memory_order_relaxed);
    }
    u64 sum(Count c) const {
        if (c > last_of_every_packet) return rare_[index(c) - hot].load(std::memory_order_relaxed);
        return static_cast<u64>(of_every_packet_[index(c)].sum());
    }

private:
    static constexpr Count last_of_every_packet = Count::udp_out;
    static constexpr usize hot = static_cast<usize>(last_of_every_packet) + 1;
    static constexpr usize index(Count c) { return static_cast<usize>(c); }
    CpuCounter of_every_packet_[hot];
    std::atomic<u64> rare_[static_cast<usize>(Count::count) - hot] = {};
};
} // namespace net::inet

// TCP's side of a socket: a connection or a listener, with what moves it: segments, the user, time.
#pragma once
#include "net/inet/socket/endpoint.h"
#include "net/inet/stack/input.h"
#include "net/inet/tcp/listener.h"
#include "net/inet/tcp/time_wait.h"

namespace net::inet {
extern const Protocol tcp_protocol;

class TcpEndpoint final : public InetEndpoint {
public:
    enum class Phase : u8 { idle, connecting, connected, listening };
    static Result<Ref<TcpEndpoint>> create(bool v6); // in the caller's network
    TcpEndpoint(bool v6, const Maker&);
    ~TcpEndpoint() override;

    /// Holds the lock while something happens to the endpoint; when it ends: sends what is to be sent, sets the timer,
    /// takes it out of the tables if it has ended, and tells who waits.
    class [[nodiscard]] Turn {
    public:
        Turn(TcpEndpoint& e, Outbox& box) : e_{e}, box_{box}, charging_{e.account()} {
            e_.lock.lock();
            if (box.now < e.latest_) box.now = e.latest_;
            e.latest_ = box.now;
        }
        /// For an endpoint that nobody else knows yet, while another one's lock is held.
        struct Second {};
        Turn(TcpEndpoint& e, Outbox& box, Second) : e_{e}, box_{box}, charging_{e.account()}, second_{true} {
            e_.lock.lock_second();
        }
        ~Turn();
        Turn(const Turn&) = delete;

    private:
        TcpEndpoint& e_;
        Outbox& box_;
        Charging charging_; // whoever's thread it is: what the endpoint keeps is its payer's
        const bool second_ = false;
    };

    // Under the lock.
    Phase phase = Phase::idle;
    tcp::Tuning tuning;
    Box<tcp::Connection> connection; // null: there was none yet
    Box<tcp::Listener> listener;
    // Options that no Tuning has.
    u8 defer_accept = 0; // TCP_DEFER_ACCEPT, in SYN-ACKs
    bool quick_ack = true;
    int linger2 = 0; // TCP_LINGER2: seconds; 0: the stack's
    u32 window_clamp = 0, unsent_low_water = 0;
    /// The port is the user's choice: it outlives a connection.
    bool keeps_port = false;
    /// Of what was sent last: where the next bytes find room. Given back when all has been acknowledged.
    FrameRef tail;
    u32 tail_used = 0;
    /// The reader is done with the first bytes, of one packet.
    void take_bytes(u32 n, u64 now);
    /// Read without the lock.
    std::atomic<bool> listens = false;
    /// Whether any of them ever had a filter.
    static inline constinit std::atomic<bool> filters = false;
    tcp::State state() const {
        return listener ? tcp::State::listen : connection ? connection->state() : tcp::State::closed;
    }
    u32 pending() const { return pending_; } // connections to be accepted
    u32 most_pending() const { return most_pending_; }

    /// Begins a connection from `local`, which has been entered in the tables. err::nomem.
    Result<> begin(u32 mtu, u64 now);
    Result<> listen(u32 backlog); // err::nomem
    /// Null: none.
    Ref<TcpEndpoint> take_pending();
    /// What waits to be accepted, to be ended without the lock.
    Ref<TcpEndpoint> stop_listening();
    /// Ends each of such a list by a RST.
    static void refuse_all(Ref<TcpEndpoint> first, Outbox&);
    /// The user has closed it, or never had it.
    void close(Outbox&, bool reset);

    enum class Taken : u8 { yes, no, again };
    /// A segment that the tables have led here. `again`: it is another's now. `least_iss`: after a TimeWaitFlow.
    Taken take(tcp::Segment&, const Endpoint& at, const Endpoint& from, std::optional<tcp::Seq> least_iss, Outbox&);
    void failed(const IcmpError&, tcp::Seq, Outbox&);
    void show(FlowShown&) override;

private:
    struct Alarm final : Timer {
        explicit Alarm(TcpEndpoint& e) : Timer{[](Timer& t) { static_cast<Alarm&>(t).of.alarm_rings(); }}, of{e} {}
        TcpEndpoint& of;
    };
    class Due;
    void alarm_rings();
    void timer(Outbox&);
    u32 settle(Outbox&);
    void pump(Outbox&);
    void set_alarm();
    void count_end();
    void leave_time_wait(u64 now);
    void devices_have_room() override { alarm_rings(); }
    void take_for_listener(tcp::Segment&, const Endpoint& at, const Endpoint& from, std::optional<tcp::Seq> least_iss,
                           Outbox&);
    void enter_child(const tcp::Accepted&, tcp::Segment&, Outbox&);
    void send_bare(const tcp::Header&, const Endpoint& from, const Endpoint& to, Outbox&);

    Alarm alarm_{*this};
    u64 latest_ = 0; // the last turn's time: whose work began earlier and waited for the lock comes no earlier
    std::atomic<bool> due_ = false;
    TcpEndpoint* next_due_ = nullptr;
    u64 retry_at_ = tcp::never; // there was no memory to send with
    u32 retransmissions_ = 0;   // that have been counted
    u32 path_mtu_ = 0;          // of the way that was used last; 0: none was
    // Of a listener: connections that wait, the oldest first.
    Ref<TcpEndpoint> first_pending_, next_pending_;
    TcpEndpoint* last_pending_ = nullptr;
    u32 pending_ = 0, most_pending_ = 0;
};

/// Numbers for connections that nobody outside can foresee.
const tcp::SequenceKeys& sequence_keys();

/// What stands in a connection's place for a minute, or until its network goes.
class TimeWaitFlow final : public Flow, public ListLink<TimeWaitFlow> {
public:
    /// Instead of `e`, whose connection has come to TIME-WAIT. Under its lock.
    static void leave(TcpEndpoint& e, u64 now);
    /// A segment. `again`: it may go to a listener, whose numbers begin at `least_iss`.
    TcpEndpoint::Taken take(tcp::Segment&, Outbox&, std::optional<tcp::Seq>& least_iss);
    /// RFC 6191.
    bool make_way() override;
    void show(FlowShown&) override;

    TimeWaitFlow(const TcpEndpoint&, u64 now); // by leave()

private:
    friend class TimeWaits;
    void go();
    bool listed_ = false;       // under the list's lock
    std::atomic<u64> ends_ = 0; // when; what is listed is in this order but for those that last longer
    Spinlock<Rank::socket_state> lock_;
    tcp::TimeWait machine_;
};
/// Sends a segment without a connection.
void send_segment(Stack&, const tcp::Header&, const Endpoint& from, const Endpoint& to, u8 hop_limit, Outbox&);
} // namespace net::inet

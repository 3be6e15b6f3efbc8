// One connection (RFC 9293) as a machine without clock, lock, socket or device: it is given segments, what the user
// does, and the time; it answers with segments to send, one deadline, and what has changed for poll. After each call
// the owner takes segments by next_segment() until there are none, and calls timer() at the deadline.
#pragma once
#include "net/inet/tcp/congestion.h"
#include "net/inet/tcp/receive_queue.h"
#include "net/inet/tcp/rtt.h"
#include "net/inet/tcp/scoreboard.h"
#include "net/inet/tcp/send_buffer.h"

struct tcp_info;

namespace net::tcp {
/// With Linux's numbers.
enum class State : u8 {
    established = 1,
    syn_sent,
    syn_received,
    fin_wait_1,
    fin_wait_2,
    time_wait,
    closed,
    close_wait,
    last_ack,
    listen,
    closing,
};

/// What a socket's options and the stack's settings say; may be changed at any time, but for those marked.
struct Tuning {
    bool nodelay = false, cork = false, keep_alive = false;
    bool sack = true, timestamps = true, scaling = true; // before the handshake
    u8 ecn = 2;          // before the handshake; 1: is asked for; 2: only agreed to (RFC 3168)
    bool frto = true;    // RFC 5682
    u8 mtu_probing = 0;  // RFC 4821; 1: after timeouts; 2: always
    u16 base_mss = 1024; // where that begins
    Time keep_idle = 7200 * second, keep_interval = 75 * second;
    u8 keep_count = 9, syn_retries = 6, retries = 15, orphan_retries = 8;
    u8 initial_window = 10;         // segments (RFC 6928)
    u16 max_segment = 0;            // TCP_MAXSEG; 0: by the MTU
    Time user_timeout = 0;          // 0: none
    Time fin_timeout = 60 * second; // in FIN-WAIT-2, after close()
    usize send_limit = 87040;       // true memory of what is not acknowledged
    usize receive_limit = 131072;   // true memory of what is not read; grows by itself
    usize receive_most = 6 * MiB;   // so far. Equal to the limit: SO_RCVBUF was set
    usize send_most = 4 * MiB;      // the same of the send limit
    u64 pacing_rate = ~u64{0};      // bytes a second at most; ~0: not paced
    u32 unsent_low_water = ~u32{0}; // bytes that wait to be sent at most: TCP_NOTSENT_LOWAT
    const CongestionControl* congestion =
        nullptr; // null: the default; // before the handshake; then set_congestion_control()
};

struct Identity {
    Endpoint local, remote;
    Seq iss;                          // RFC 6528: initial_sequence()
    u32 ts_offset = 0;                // unpredictable
    u32 mtu = 1500;                   // of the path, as far as is known
    MemoryAccount* account = nullptr; // pays for what is received; null: whoever has it
};
/// What a handshake from outside has agreed on: a listener's answer.
struct Accepted {
    Identity identity;
    Seq irs;
    u32 window = 0;        // of the SYN: not scaled
    Options options;       // of the SYN
    Time syn_ack_sent = 0; // 0: not known, or more than once
};
/// How the owner sends.
struct Egress {
    u32 most = 0;         // bytes of data in one packet, to be cut later (TSO); 0: one segment
    bool offload = false; // the checksum is left to it
};

class Connection {
public:
    Connection(const Identity&, const Tuning&);
    Connection(const Connection&) = delete;
    Tuning tuning;
    /// By how much windows that we advertise are shifted.
    static u8 receive_scale(const Tuning&);

    // What the user does.
    void connect(Time now);
    /// From a listener: SYN-RECEIVED, for the segment that completes the handshake to be given next.
    void accept(const Accepted&, Time now);
    /// Bytes to be sent, as many as send_room() says, or few more. `more`: others follow soon (MSG_MORE); `urgent`: the
    /// last one is. err::pipe: no more can be; err::notconn; err::nomem.
    Result<> send(Piece, bool more, bool urgent);
    usize send_room() const; // bytes of true memory
    /// The first packet that was received, whole; null: none. Then put_back() what is left of it, and consumed().
    PacketBox receive() { return queue_.take(); }
    void put_back(PacketBox p) { queue_.put_back(std::move(p)); }
    void consumed(u32 bytes, Time now);
    u32 readable_bytes() const { return static_cast<u32>(queue_.ready().bytes()); } // SIOCINQ
    u32 unacknowledged_bytes() const { return buffer_.bytes(); }                    // SIOCOUTQ
    u32 unsent_bytes() const { return buffer_.end() > snd_.nxt ? buffer_.end() - snd_.nxt : 0; }
    const PacketQueue& received() const { return queue_.ready(); } // for MSG_PEEK
    void shutdown_write(Time now);
    void shutdown_read();
    /// Nobody will read or write any more. With unread data, or `linger_zero`: a RST.
    void close(Time now, bool linger_zero = false);
    void abort() { reset_by_us(Errno::connaborted); }
    /// Sends what NODELAY, CORK or MORE held back, where they have changed.
    void push_pending() { more_ = false; }
    void quick_ack(bool);
    /// `tuning` says anew whether, and after which time, a silent peer is asked.
    void keep_alive_changed();
    void set_congestion_control(const CongestionControl&);

    // What the network does.
    void segment(Segment, Time now);
    /// An ICMP error about a segment with this number (RFC 5927: only if it is on its way). Fatal ones end a handshake.
    void unreachable(Errno, bool fatal, Seq);
    /// A router says that the path's MTU is smaller. False: it speaks of nothing that is on its way.
    bool path_mtu(u32 mtu, Seq);
    /// The way to the peer has become another one, with this MTU.
    void path_changed(u32 mtu) { set_mss(std::min(mtu, id_.mtu)); }
    /// The next segment, with its TCP header; `mark` has the ECN bits of its IP header. err::again: none now;
    /// err::nomem: later.
    Result<PacketBox> next_segment(Time now, const Egress&);
    /// False: next_segment() would say err::again. Cheap.
    bool wants_to_send() const {
        bool news = ack_pending_ | syn_pending_ | rst_pending_ | window_probe_pending_ | probe_.pending;
        return news || buffer_.end() > snd_.nxt || (fin_queued_ && !fin_sent_) || board_.has_to_retransmit() ||
               refused_;
    }

    // Time.
    Time deadline() const; // never: none
    void timer(Time now);

    // What is known.
    State state() const { return state_; }
    bool dead() const { return state_ == State::closed && !rst_pending_; }
    /// EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR, EPOLLPRI.
    u32 poll() const;
    /// Of these, what has come up since this was asked last.
    u32 take_changes() { return std::exchange(changes_, 0); }
    Errno error() const { return error_; } // 0: none
    Errno take_error() { return std::exchange(error_, Errno{}); }
    bool peer_has_closed() const { return rcv_.fin; }
    const Identity& identity() const { return id_; }
    /// The byte out of band; it stays in the queue, where urgent_offset() says, and SO_OOBINLINE decides.
    std::optional<u8> urgent_byte() const { return urgent_; }
    /// It has been read out of its place.
    void urgent_taken() { urgent_.reset(); }
    /// How many bytes are to be read up to the urgent one. Nothing: there is none.
    std::optional<u32> urgent_offset() const;
    void info(tcp_info&, Time now) const;
    /// What it waits for next, as /proc/net/tcp numbers timers (0: nothing), and for how long it has been in vain.
    struct Waiting {
        u8 kind = 0;
        Time until = never;
        u8 retransmissions = 0, probes = 0;
    };
    Waiting waiting() const;
    u32 mss() const { return mss_; } // without options
    const Window& window() const { return window_; }
    const RttEstimator& rtt() const { return rtt_; }
    u32 retransmissions() const { return counts_.retransmitted; }
    /// How it came to its end, told once: the state before, where it was cut off; and whether by a RST of ours.
    struct End {
        State from = State::closed;
        bool reset = false;
    };
    End take_end() { return std::exchange(end_, {}); }
    /// As how many next_segment()'s last packet goes.
    u32 segments_of_last() const { return counts_.last; }
    /// For what TIME-WAIT keeps.
    Seq send_next() const { return snd_.nxt; }
    Seq receive_next() const { return queue_.next() + (rcv_.fin ? 1 : 0); }
    u32 receive_window() const { return rcv_.edge > receive_next() ? rcv_.edge - receive_next() : 0; }
    bool has_timestamps() const { return timestamps_; }
    u32 ts_recent() const { return rcv_.ts_recent; }
    u8 window_scale() const { return rcv_.scale; }

private:
    enum class Phase : u8 { open, recovery, loss };
    enum class Retransmit : u8 { none, rto, loss_probe, reorder };
    struct AckSample;

    // input.cpp
    void in_syn_sent(Segment&, Time now);
    void learn_options(const Options&, Time now);
    bool acceptable(const Segment&, Time now);
    bool paws_rejects(const Segment&, Time now);
    void take_reset(const Segment&);
    void challenge(Time now);
    void established(Time now);
    void take_data(Segment&, Time now);
    void take_urgent(const Segment&);
    void split_at_urgent(PacketBox, Seq, Time now);
    void enter_data(PacketBox, Seq, Time now);
    void take_fin(Time now);
    void our_fin_acknowledged(Time now);
    void owe_ack(u32 bytes, Time now);
    // ack.cpp
    bool take_ack(const Segment&, Time now);
    void update_window(const Segment&);
    void take_blocks(const Segment&, AckSample&, Time now);
    void newly_acknowledged(const Segment&, AckSample&, Time now);
    void take_rtt(const Segment&, const AckSample&, Time now);
    void grow_window(const AckSample&, Time now);
    void grow_send_buffer();
    // ecn.cpp
    void take_marks(const Segment&);
    void take_echo(Time now);
    void window_reduced();
    /// New data that routers may mark: ECT(0). Nothing that is sent again, as none would notice its loss (6.1.5).
    void mark_capable(Packet& p, u32 bytes) const { p.mark = ecn_.on && bytes ? 2 : 0; }
    // mtu_search.cpp
    u32 headers_size() const;
    void start_search();
    void suspect_black_hole();
    Result<PacketBox> mtu_probe(Time now, const Egress&);
    void judge_probe(Time now);
    bool only_probe_lost();
    // recovery.cpp
    void rack_update(const Sent&, const Segment&, Time now);
    Time rack_window() const;
    bool detect_losses(Time now);
    void note_reordering_by_duplicate();
    void count_duplicate_ack(const Segment&, const AckSample&);
    void recover(const Segment&, AckSample&, Time now);
    void remember_for_undo(Time now);
    void enter_recovery(Time now);
    void proportional_rate(const AckSample&);
    void leave_recovery();
    bool undo_if_spurious(const Segment&, const AckSample&);
    bool timeout_was_spurious(const AckSample&);
    void undo();
    void timed_out(Time now);
    void schedule_loss_probe(Time now);
    void send_loss_probe(Time now);
    void loss_probe_acknowledged(const Segment&, const AckSample&);
    // timers.cpp
    void arm_rto(Time now);
    void retransmit_timer(Time now);
    void rto_expired(Time now);
    bool gives_up(Time now);
    void persist_timer(Time now);
    void keep_alive_timer(Time now);
    void arm_persist(Time now);
    // output.cpp
    Result<PacketBox> build(Seq, u32& length, u8 flags, Time now, const Egress&);
    Result<PacketBox> bare(Seq, u8 flags, Time now, const Egress&);
    Result<PacketBox> build_again(Sent&, Time now, const Egress&);
    Result<PacketBox> next_syn(Time now, const Egress&);
    Result<PacketBox> retransmission(Time now, const Egress&);
    Result<PacketBox> loss_probe(Time now, const Egress&);
    Result<PacketBox> new_data(Time now, const Egress&);
    u32 new_data_size(Time now, const Egress&);
    bool held_back() const;
    bool fin_is_next(Seq at) const { return fin_queued_ && !fin_sent_ && at == buffer_.end(); }
    void sent_new(Seq begin, Seq end, u32 bytes, Time now);
    void restart_after_idle(Time now);
    void pace(u32 bytes, Time now);
    u32 usable_mss() const;
    u32 segments_of(u32 bytes, const Egress&) const;
    Options options_now(Time now);
    u16 advertise();
    u32 free_window() const;
    // connection.cpp
    void set_mss(u32 mtu);
    void start_window();
    void change(u32 events) { changes_ |= events; }
    void fail(Errno);
    void reset_by_us(Errno);
    void enter_time_wait(Time now);
    void grow_receive_buffer(Time now);
    void measure_receive_rtt(const Segment&, Time now);
    u32 ts_now(Time now) const { return static_cast<u32>(now / ms) + id_.ts_offset; }
    bool synchronized() const { return state_ != State::syn_sent && state_ != State::closed; }

    const Identity id_;
    State state_ = State::closed;
    Errno error_{}, soft_error_{};
    u32 changes_ = 0;
    End end_;
    bool orphan_ = false, read_shut_ = false, fin_queued_ = false, fin_sent_ = false, more_ = false;
    bool sack_ = false, timestamps_ = false; // agreed on

    struct {
        Seq una, nxt, wl1, wl2, small; // small: the end of the last segment that was not full (Minshall)
        Seq up;                        // one behind the urgent byte
        u32 wnd = 0, max_wnd = 0;
        u8 scale = 0;
        bool urgent = false;
    } snd_;
    SendBuffer buffer_;
    Scoreboard board_;
    u32 mss_ = 536, peer_mss_ = 536;

    struct {
        Seq edge;          // right edge of the window that the peer knows
        Seq last_ack_sent; // RFC 7323
        u32 ts_recent = 0;
        Time ts_recent_at = 0;
        u32 unacked = 0;         // bytes that arrived since
        u32 segment_bytes = 536; // what the peer's full segments have
        u8 quick = 16;           // segments to be acknowledged at once
        u8 scale = 0;
        bool fin = false;
        bool interactive = false; // what is sent answers what came: an ACK may wait for it
        // Auto-tuning: what was read in the last round trip, as a receiver can measure one.
        u32 read = 0, read_before = 0;
        Time rtt = 0, read_since = 0, window_since = 0;
        Seq window_end;
    } rcv_;
    ReceiveQueue queue_;
    std::optional<Seq> urgent_at_; // of the byte itself
    std::optional<u8> urgent_;

    Window window_;
    RttEstimator rtt_;
    struct {
        bool on = false, asked = false, seen = false;
        bool echoes = false;   // until the peer says that its window is smaller
        bool owes_cwr = false; // ours is
        Seq until;             // what was sent before has told what it knows of
    } ecn_;
    struct {
        Phase phase = Phase::open;
        Seq point;                              // recovery ends when this is acknowledged
        u64 delivered = 0, out = 0, flight = 0; // PRR
        u32 duplicate_acks = 0;                 // without SACK
        u32 undo_retransmissions = 0;           // that no D-SACK has told of
        u32 first_retransmission_ts = 0;
        u64 prior_cwnd = 0, prior_ssthresh = 0;
        bool may_undo = false;
        bool frto = false;      // it is not known yet whether the timeout was one
        bool new_first = false; // to know that, new data go before what is thought lost
    } recovery_;
    u32 path_mtu_ = 0; // as the network says
    struct {
        bool on = false, probing = false;
        bool repairs = false;  // the last probe was lost, and goes again in small segments
        u32 low = 0, high = 0; // MTUs: one that passes, and what may pass
        u32 size = 0;          // the probe's
        Seq begin, end;
        Time settled_at = 0;
    } search_;
    struct {
        Time sent_at = 0, rtt = 0;
        Seq end, fack, duplicate_round;
        u32 multiplier = 1, persist = 0;
        bool reordering = false, has_fack = false;
    } rack_;
    struct {
        Seq end;
        bool active = false, retransmitted = false, pending = false;
    } probe_;

    Retransmit retransmit_ = Retransmit::none;
    Time retransmit_at_ = never, persist_at_ = never, ack_at_ = never, alive_at_ = never, end_at_ = never,
         paced_until_ = 0;
    Time last_received_ = 0, last_data_sent_ = 0, progress_at_ = 0, challenged_at_ = 0;
    u8 backoffs_ = 0, probes_ = 0, alive_probes_ = 0;
    bool syn_pending_ = false, rst_pending_ = false, ack_pending_ = false, window_probe_pending_ = false,
         cwnd_limited_ = false, waits_for_pace_ = false, syn_retransmitted_ = false, forced_ = false;
    std::optional<Seq> refused_; // in SYN-SENT: somebody acknowledged this
    Time syn_sent_at_ = 0;
    u32 most_flight_ = 0;
    Seq most_flight_until_;
    struct {
        u64 bytes_sent = 0, bytes_acked = 0, bytes_received = 0, bytes_retransmitted = 0;
        u32 segments_in = 0, segments_out = 0, last = 1, data_in = 0, data_out = 0; // as they are on the wire
        u32 retransmitted = 0, duplicates = 0, reordered = 0, told_duplicates = 0;
        u64 bytes_delivered = 0, bytes_marked = 0;
    } counts_;
};

/// What one acknowledgement has told.
struct Connection::AckSample {
    u32 acked = 0;                             // bytes up to SEG.ACK
    u32 delivered = 0;                         // of which nothing was known before, sacked ones included
    Time oldest_sent = never, newest_sent = 0; // of those that were sent once
    bool duplicate = false;                    // a D-SACK
    bool retransmitted = false;                // some of the acknowledged were sent again
    bool all_duplicates = false;               // the last retransmission that no D-SACK had told of
    bool new_loss = false;
    bool echo = false;     // of a mark: RFC 3168
    bool original = false; // something that was sent once, before the loss was noticed
    Seq una_before;
};
} // namespace net::tcp

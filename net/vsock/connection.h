// A connection of vsock with its credit (Virtual I/O Device 1.2, 5.10.6.3). No lock, no clock, no device.
#pragma once
#include "net/vsock/wire.h"

namespace vsock {
class Connection {
public:
    enum class State : u8 { connecting, connected, reset };
    /// A packet without data is to be sent; the ends are the caller's to fill in.
    class Output {
    public:
        virtual void send(const Header&) = 0;

    protected:
        ~Output() = default;
    };
    enum Event : u8 {
        established = 1,
        data = 2,      // what the packet carries is to be kept
        room = 4,      // there may be room to send now
        ended = 8,     // the peer sends no more, or takes no more
        was_reset = 16 // there is no connection any more
    };

    /// `buffer`: bytes that we keep for the reader.
    Connection(WireType type, u32 buffer) : type_{type}, buffer_{buffer} {}

    State state() const { return state_; }
    void ask(Output&);
    /// Answers a request.
    void accept(const Header& request, Output&);
    /// A packet that carries header.length bytes. Of Event.
    u8 received(const Header&, Output&);
    /// Bytes on their way at most, whatever room the peer says it has: they are somebody's memory.
    static constexpr u32 most_on_way = 1 << 20;
    /// How many bytes the peer has room for.
    u32 credit() const {
        u32 on_way = sent_ - peer_forwarded_;
        u32 most = peer_buffer_ < most_on_way ? peer_buffer_ : most_on_way;
        return on_way < most ? most - on_way : 0;
    }
    /// The longest message that will ever find room.
    u32 longest() const { return peer_buffer_ < most_on_way ? peer_buffer_ : most_on_way; }
    u32 on_way() const { return sent_ - peer_forwarded_; } // bytes that the peer has not forwarded yet
    /// So much of what we have taken from the user goes to the peer: the header of the packet. At most credit().
    Header data_header(u32 length, u32 flags);
    /// The user waits for credit: asks, once until some comes.
    void want_credit(Output&);
    /// The reader has taken bytes.
    void consumed(u32 bytes, Output&);
    void set_buffer(u32 bytes, Output&);
    u32 buffer() const { return buffer_; }
    u32 unread() const { return taken_ - forwarded_; }
    /// ShutdownFlag's.
    void shut_down(u32 flags, Output&);
    u32 own_shutdown() const { return own_shutdown_; }
    u32 peer_shutdown() const { return peer_shutdown_; }
    /// Ends it at once.
    void reset(Output&);
    /// What refuses a packet that no connection takes. False: it is not to be answered.
    static bool refuse(const Header&, Header& answer);

private:
    Header header(Operation, u32 flags = 0);
    bool take_credit(const Header&);

    const WireType type_;
    State state_ = State::connecting;
    bool asked_for_credit_ = false;
    u32 own_shutdown_ = 0, peer_shutdown_ = 0;
    u32 buffer_, forwarded_ = 0, taken_ = 0; // bytes: kept for the reader; the reader has taken; have come
    u32 told_ = 0;                           // forwarded_ as the peer knows it
    u32 sent_ = 0, peer_buffer_ = 0, peer_forwarded_ = 0;
};
} // namespace vsock

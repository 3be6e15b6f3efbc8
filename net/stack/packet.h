// Packets: a few bytes of their own, with room for headers in front, and then pieces of frames that others may have
// too. Everything that comes from a wire is read through Reader.
#pragma once
#include "core/alloc/frame.h"
#include "kernel/views/namespaces.h"
#include "lib/intrusive.h"
#include "lib/memory.h"
#include "net/stack/checksum.h"
#include "net/stack/unsent.h"
#include <cstring>
#include <optional>
#include <span>

namespace net {
/// Bytes of a block of frames that somebody else may have as well: nobody writes them any more.
struct Piece {
    FrameRef frame;
    u32 offset = 0, length = 0;
    std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(frame->data()) + offset, length}; }
    usize true_size() const { return page_size << frame->order; }
};

/// Whether the checksum of the transport's header is right.
enum class ChecksumState : u8 {
    unknown,  // to be checked, or written in software
    verified, // by a device, or it never left the machine
    partial,  // what stands there is the pseudo-header's sum: a device completes it, or complete_checksum()
};
/// To whom a frame of the link was sent.
enum class Destination : u8 { host, broadcast, multicast, other };

namespace inet {
class Interface;
}
class Packet;
using PacketBox = Box<Packet>;

/// One owner. A copy shares the pieces and has its own header bytes; so retransmitting, sniffing and flooding copy a
/// header at most. Not locked.
class Packet : public TreeLink<> {
public:
    static constexpr usize headroom = 128; // Ethernet with a tag, IPv6 with a fragment header, TCP with options
    static constexpr usize most_pieces = 18;
    static constexpr usize most_linear = 1536; // one object of the heap holds it

    /// An empty packet with headroom and `room` bytes behind it for append_linear(). err::nomem.
    static Result<PacketBox> create(usize room = 0);
    /// The same bytes again. err::nomem.
    Result<PacketBox> clone() const { return slice(0, size_); }
    /// Bytes [offset, offset + length), cut to what there is, with headroom in front.
    Result<PacketBox> slice(usize offset, usize length) const;
    ~Packet() {
        if (charged_) uncharge();
    }
    Packet(const Packet&) = delete;
    static void operator delete(void* p) { ::operator delete(p); }

    usize size() const { return size_; }
    bool empty() const { return size_ == 0; }

    /// Puts bytes in front. err::nobufs: no headroom is left.
    Result<> push(std::span<const std::byte> header);
    template <class T>
    Result<> push_header(const T& header) {
        return push(std::as_bytes(std::span{&header, 1}));
    }
    /// Takes bytes off the front or cuts the end; at most all there are.
    void trim_front(usize n);
    void truncate(usize n);
    /// n bytes behind the linear ones, to be written by the caller; empty when there is no room or pieces follow.
    std::span<std::byte> append_linear(usize n);
    /// Shares a piece; one that goes on where the last one ends becomes part of it. err::nobufs: too many pieces.
    Result<> append(Piece);
    /// Shares all of another's pieces and copies its linear bytes: for joining fragments. err::nobufs, err::nomem.
    Result<> append(const Packet&);
    /// Overwrites linear bytes: a header's field. False: they are not all linear.
    bool write(usize offset, std::span<const std::byte>);
    /// Overwrites bytes wherever they are. Only for who has made the packet and its pieces, and shares none yet.
    /// False: they are not all there.
    bool write_own(usize offset, std::span<const std::byte>);

    /// Copies bytes out. False, and nothing is copied, unless all of them are there.
    bool copy(usize offset, std::span<std::byte> to) const;
    /// Calls part(std::span<const std::byte>) for the bytes from `offset` on, `length` of them at most, in order.
    template <class F>
    void for_each(usize offset, usize length, F part) const;
    /// Ones' complement sum of bytes from `offset` on.
    void add_to(Checksum&, usize offset, usize length) const;
    /// Writes the checksum that is partial. The fields are those of `checksum_start` and `checksum_offset`.
    void complete_checksum();

    /// All memory that this packet keeps alive: blocks of frames count whole.
    usize true_size() const;
    /// The account whose queue holds the packet pays for it, instead of the one before; frames that it has paid for
    /// already are not charged again. err::nomem: its limit.
    Result<> charge_to(MemoryAccount&);
    void uncharge();
    /// Bytes of true_size() that `next`, which follows in a queue, has as well: the block in which one ends and the
    /// other begins, if the payer of `next` has it anyway.
    usize shared_with(const Packet& next) const;
    /// Until it is freed, or somebody is charged for it, the packet counts `n` bytes for who has sent it.
    void count_for(Ref<Unsent>, usize n);

    Packet* next = nullptr;                // in a PacketQueue
    inet::Interface* arrives_by = nullptr; // while an Outbox holds it
    Ref<NetworkNamespace> arrives_in;      // keeps that one, where it is of another network than the sender's
    u32 interface = 0;                     // it came in by, or is to leave by
    u16 protocol = 0;                      // ETH_P_*
    Destination destination = Destination::host;
    ChecksumState checksum = ChecksumState::unknown;
    u16 checksum_start = 0, checksum_offset = 0; // partial: of the transport's header, and of the field in it
    u16 segment_size = 0;                        // not 0: to be cut into segments of so many bytes of data
    u32 sequence = 0;                            // TCP: of the first byte
    u32 mark = 0;                                // for the protocol that queues it
    u64 time = 0;                                // ns, wall clock: when it came

private:
    static Result<PacketBox> with_room(usize);
    struct More {
        Piece pieces[most_pieces - 3];
    };
    explicit Packet(usize capacity) : capacity_{static_cast<u16>(capacity)}, start_{capacity_}, end_{capacity_} {}
    std::byte* linear() { return reinterpret_cast<std::byte*>(this + 1); }
    const std::byte* linear() const { return reinterpret_cast<const std::byte*>(this + 1); }
    Piece& piece(usize i) { return i < 3 ? pieces_[i] : more_->pieces[i - 3]; }
    const Piece& piece(usize i) const { return i < 3 ? pieces_[i] : more_->pieces[i - 3]; }
    usize linear_size() const { return end_ - start_; }

    u32 size_ = 0;
    u16 capacity_, start_, end_; // linear bytes: [start_, end_) of capacity_ are used
    u8 count_ = 0, first_ = 0;   // pieces [first_, count_)
    u16 payer_ = 0;
    u32 charged_ = 0; // to `unsent_`, where there is one; else to `payer_`'s account
    Ref<Unsent> unsent_;
    Piece pieces_[3];
    Box<More> more_;
};

/// A first-in, first-out queue. Knows how much memory it holds, of which a block that neighbours share counts once: so
/// nobody changes a packet that is in it.
class PacketQueue {
public:
    PacketQueue() = default;
    PacketQueue(const PacketQueue&) = delete;
    ~PacketQueue() { clear(); }
    void push(PacketBox);
    void push_front(PacketBox);
    PacketBox pop(); // null: empty
    void clear();
    Packet* first() const { return first_; }
    bool empty() const { return !first_; }
    usize bytes() const { return bytes_; }
    usize true_size() const { return true_size_; }

private:
    Packet *first_ = nullptr, *last_ = nullptr;
    usize bytes_ = 0, true_size_ = 0;
};

/// Reads a packet from an offset on; nothing is read beyond `end`.
class Reader {
public:
    explicit Reader(const Packet& p, usize at = 0) : Reader{p, at, p.size()} {}
    Reader(const Packet& p, usize at, usize end) : packet_{p}, at_{at}, end_{end < p.size() ? end : p.size()} {}
    usize offset() const { return at_; }
    usize remaining() const { return at_ < end_ ? end_ - at_ : 0; }
    /// The next bytes as a T, or nothing when they are not all there: then nothing is used up.
    template <class T>
    std::optional<T> take() {
        static_assert(std::is_trivially_copyable_v<T>);
        T value;
        if (!take(std::as_writable_bytes(std::span{&value, 1}))) return std::nullopt;
        return value;
    }
    bool take(std::span<std::byte> to) {
        if (to.size() > remaining() || !packet_.copy(at_, to)) return false;
        at_ += to.size();
        return true;
    }
    bool skip(usize n) {
        if (n > remaining()) return false;
        at_ += n;
        return true;
    }

private:
    const Packet& packet_;
    usize at_, end_;
};

template <class F>
void Packet::for_each(usize offset, usize length, F part) const {
    auto some = [&](std::span<const std::byte> bytes) {
        if (offset >= bytes.size()) {
            offset -= bytes.size();
            return;
        }
        bytes = bytes.subspan(offset);
        if (bytes.size() > length) bytes = bytes.first(length);
        offset = 0;
        length -= bytes.size();
        if (!bytes.empty()) part(bytes);
    };
    some({linear() + start_, linear_size()});
    for (usize i = first_; i < count_ && length; i++) some(piece(i).bytes());
}
} // namespace net

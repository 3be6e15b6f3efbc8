// What pipe.cpp and pipe_transfer.cpp share: a pipe behind its two ends.
#pragma once
#include "kernel/ipc/pipe.h"
#include "kernel/ipc/pipe_ring.h"
#include "kernel/vfs/attachments.h"
#include <linux/eventpoll.h>

namespace pipes {
/// What both ends share.
class Pipe : public RefCounted<Pipe> {
public:
    struct State {
        Ring ring;
        unsigned readers = 0, writers = 0;
        u64 reader_opens = 0, writer_opens = 0; // a FIFO's opener waits for one more of the other kind
        bool claimed = false, claim_awaited = false;
        /// A reader must come back when the claim is gone.
        bool must_wait() { return claimed && (claim_awaited = true); }
    };
    /// The state, locked for as long as this exists.
    class [[nodiscard]] Access {
    public:
        explicit Access(Pipe& of) : of_{of} { of_.lock_.lock(); }
        ~Access() { of_.lock_.unlock(); }
        Access(const Access&) = delete;
        State* operator->() const { return &of_.state_; }

    private:
        Pipe& of_;
    };
    Access lock() { return Access{*this}; }
    /// The states of two pipes, both locked.
    struct [[nodiscard]] BothAccess {
        BothAccess(Pipe& of_a, Pipe& of_b) : a{of_a.state_}, b{of_b.state_}, held_{of_a.lock_, of_b.lock_} {}
        State &a, &b;

    private:
        HoldingBoth<Mutex<Rank::pipe>> held_;
    };
    Result<> resize(usize pages) { return lock()->ring.resize(pages); }

    /// Where waits who has the pipe open for reading, for writing, for both: each hears of its own end only, so that an
    /// edge-triggered reader is not told that somebody has read.
    WaitQueue& queue_for(bool reads, bool writes) {
        if (!reads) return for_room_;
        if (!writes) return for_bytes_;
        has_both_.store(true, std::memory_order_relaxed);
        return for_both_;
    }
    // What the ends are told, after the state has changed.
    void notify_readers(u32 events = EPOLLIN | EPOLLRDNORM) { tell(for_bytes_, events); }
    void notify_writers(u32 events = EPOLLOUT | EPOLLWRNORM) { tell(for_room_, events); }
    void notify_openers() {
        for_bytes_.notify_all();
        if (has_both_.load(std::memory_order_relaxed)) for_both_.notify_all();
    }
    void notify_hang_up() {
        notify_openers();
        for_room_.notify_all();
    }
    /// For the opener of a FIFO: notify_openers().
    WaitQueue& openers() { return for_bytes_; }
    Ref<vfs::Inode> inode;

    static void last_ref_gone(Pipe* p) {
        // A FIFO's inode may be handing the pipe to an opener: it fails to take a reference, and makes a new pipe.
        if (p->on_fifo) {
            auto& there = *p->inode->attachments();
            Holding held{there.lock};
            if (there.fifo == p) there.fifo = nullptr;
        }
        delete p;
    }
    bool on_fifo = false;
    bool anonymous = false; // of pipe(2): opened again through /proc, it waits for nobody

private:
    void tell(WaitQueue& end, u32 events) {
        end.notify_one(events);
        if (has_both_.load(std::memory_order_relaxed)) for_both_.notify_one(events);
    }
    Mutex<Rank::pipe> lock_;
    State state_;
    WaitQueue for_bytes_, for_room_, for_both_;
    std::atomic<bool> has_both_ = false; // somebody may wait on for_both_
};

/// Of a file that is_pipe().
Pipe& pipe_behind(File&);
} // namespace pipes

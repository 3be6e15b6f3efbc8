// Message queues: msgget(2), msgop(2), msgctl(2).
#pragma once
#include "core/wait/wait.h"
#include "kernel/file/cursor.h"
#include "kernel/ipc/sysv/object.h"
#include "lib/chain.h"

namespace sysv {
class MessageQueue final : public Object, public RefCounted<MessageQueue> {
public:
    MessageQueue(const IpcNamespace& of, u32 mode, u32 most_bytes) : Object{of, mode} {
        state_.most_bytes = most_bytes;
    }
    ~MessageQueue();

    struct Message : ChainLink<Message> {
        i64 type = 0;
        Vector<std::byte> bytes;
    };
    /// Waits for room unless `wait` is false. err::again, err::idrm, err::acces, err::restartnohand.
    Result<> send(Box<Message>, bool wait);
    struct Wanted {
        i64 type;   // as msgrcv's
        usize most; // bytes
        u32 flags;  // IPC_NOWAIT, MSG_NOERROR, MSG_EXCEPT, MSG_COPY
        bool takes(const Message&) const;
    };
    /// The first that is wanted; with MSG_COPY a copy of the one at place `type`. err::nomsg, err::toobig, err::idrm,
    /// err::acces, err::restartnohand, err::nomem.
    Result<Box<Message>> receive(const Wanted&);

    /// What msgctl(2) shows besides the owner.
    struct State {
        u64 bytes = 0, messages = 0, most_bytes = 0;
        Ref<PidNumber> last_sender, last_receiver;
        i64 sent = 0, received = 0; // seconds since the epoch
    };
    State state() {
        Holding held{lock};
        return state_;
    }
    /// IPC_SET, permitted.
    void set_most_bytes(u64 bytes);
    /// IPC_RMID, permitted: whoever waits is told.
    void close();

private:
    struct Receiver : ChainLink<Receiver> {
        Wanted wanted;
        Sleeper sleeper{};
        Box<Message> got{};
        Errno error = Errno::again; // until something has come
    };
    struct Sender : ChainLink<Sender> {
        Box<Message> message;
        Ref<PidNumber> process;
        Sleeper sleeper{};
        bool done = false;
    };
    // All with the lock held.
    bool has_room(const Message& m) const {
        return m.bytes.size() + state_.bytes <= state_.most_bytes && state_.messages < state_.most_bytes;
    }
    bool hand_over(Box<Message>&);
    void put(Box<Message>, Ref<PidNumber> sender);
    Result<Box<Message>> take(const Wanted&);
    Result<Box<Message>> copy(const Wanted&) const;
    void let_senders_in();

    Chain<Message> messages_;
    Chain<Receiver> receivers_;
    Chain<Sender> senders_;
    State state_;
};
} // namespace sysv

#include "kernel/ipc/sysv/message_queue.h"
#include <linux/msg.h>

namespace sysv {
MessageQueue::~MessageQueue() {
    while (Message* m = messages_.pop_front()) delete m;
}

bool MessageQueue::Wanted::takes(const Message& m) const {
    if (type == 0) return true;
    if (type < 0) return type == std::numeric_limits<i64>::min() || m.type <= -type;
    return (m.type == type) != ((flags & MSG_EXCEPT) != 0);
}

/// To who waits for it. Who waits for it and has no room for it is told so, and it goes on to the next.
bool MessageQueue::hand_over(Box<Message>& message) {
    for (Receiver *r = receivers_.first(), *next; r; r = next) {
        next = receivers_.after(*r);
        if (!r->wanted.takes(*message)) continue;
        bool fits = message->bytes.size() <= r->wanted.most || r->wanted.flags & MSG_NOERROR;
        receivers_.erase(*r);
        r->error = fits ? Errno{} : Errno::toobig;
        if (fits) r->got = std::move(message);
        r->sleeper.notify();
        if (fits) return true;
    }
    return false;
}

void MessageQueue::put(Box<Message> message, Ref<PidNumber> sender) {
    state_.last_sender = std::move(sender);
    state_.sent = now();
    if (hand_over(message)) return;
    state_.bytes += message->bytes.size();
    state_.messages++;
    messages_.push_back(*message.release());
}

/// In the order in which they came, as long as there is room.
void MessageQueue::let_senders_in() {
    while (Sender* s = senders_.first()) {
        if (!has_room(*s->message)) return;
        senders_.erase(*s);
        put(std::move(s->message), std::move(s->process));
        s->done = true;
        s->sleeper.notify();
    }
}

Result<> MessageQueue::send(Box<Message> message, bool wait) {
    Sender self{.message = std::move(message), .process = current_process()};
    {
        Holding held{lock};
        if (removed) return err::idrm;
        TRY(permit(0222));
        if (has_room(*self.message)) return put(std::move(self.message), std::move(self.process)), Result<>{};
        if (!wait) return err::again;
        senders_.push_back(self);
    }
    for (;;) {
        auto slept = self.sleeper.sleep();
        Holding held{lock};
        if (self.done) return {};
        if (removed) return err::idrm;
        if (slept) continue;
        senders_.erase(self);
        return err::restartnohand;
    }
}

Result<Box<MessageQueue::Message>> MessageQueue::copy(const Wanted& wanted) const {
    i64 place = 0;
    for (Message* m = messages_.first(); m; m = messages_.after(*m)) {
        if (place++ != wanted.type) continue;
        if (m->bytes.size() > wanted.most && !(wanted.flags & MSG_NOERROR)) return err::toobig;
        auto made = TRY(make<Message>());
        made->type = m->type;
        TRY(made->bytes.append(std::span<const std::byte>{m->bytes.data(), m->bytes.size()}));
        return made;
    }
    return err::nomsg;
}

Result<Box<MessageQueue::Message>> MessageQueue::take(const Wanted& wanted) {
    if (wanted.flags & MSG_COPY) return copy(wanted);
    Message* found = nullptr;
    for (Message* m = messages_.first(); m; m = messages_.after(*m)) {
        if (!wanted.takes(*m)) continue;
        if (!found || m->type < found->type) found = m;
        if (wanted.type >= 0 || found->type == 1) break; // of several types the lowest comes first
    }
    if (!found) return err::nomsg;
    if (found->bytes.size() > wanted.most && !(wanted.flags & MSG_NOERROR)) return err::toobig;
    messages_.erase(*found);
    state_.bytes -= found->bytes.size();
    state_.messages--;
    return Box<Message>{found};
}

Result<Box<MessageQueue::Message>> MessageQueue::receive(const Wanted& wanted) {
    Receiver self{.wanted = wanted};
    Ref<PidNumber> process = current_process();
    auto received = [&](Box<Message> message) {
        state_.last_receiver = std::move(process);
        state_.received = now();
        let_senders_in();
        return message;
    };
    {
        Holding held{lock};
        if (removed) return err::idrm;
        TRY(permit(0444));
        auto message = take(wanted);
        if (message) return wanted.flags & MSG_COPY ? std::move(message) : received(std::move(*message));
        if (message.error() != Errno::nomsg || wanted.flags & IPC_NOWAIT) return message;
        receivers_.push_back(self);
    }
    for (;;) {
        auto slept = self.sleeper.sleep();
        Holding held{lock};
        if (self.got) return received(std::move(self.got));
        if (self.error != Errno::again) return std::unexpected(self.error);
        if (removed) return err::idrm;
        if (slept) continue;
        receivers_.erase(self);
        return err::restartnohand;
    }
}

void MessageQueue::set_most_bytes(u64 bytes) {
    Holding held{lock};
    state_.most_bytes = bytes;
    changed = now();
    let_senders_in();
}

void MessageQueue::close() {
    Holding held{lock};
    removed = true;
    while (Receiver* r = receivers_.pop_front()) r->sleeper.notify();
    while (Sender* s = senders_.pop_front()) s->sleeper.notify();
}
} // namespace sysv

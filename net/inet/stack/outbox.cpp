#include "net/inet/stack/outbox.h"
#include "core/work/work.h"
#include "net/inet/stack/input.h"
#include "net/inet/stack/interface.h"

namespace net::inet {
/// What flushes have left over, by CPU.
class Backlog final : public Work {
public:
    void take(Outbox& from) {
        {
            Holding held{lock_};
            (last_ ? last_->next : first_) = from.first_;
            last_ = from.last_;
        }
        from.first_ = from.last_ = nullptr;
        queue();
    }
    static Backlog& here() {
        static constinit Backlog backlogs[arch::max_cpus];
        return backlogs[arch::cpu_id()];
    }

private:
    bool run(unsigned) override {
        Outbox box;
        {
            Holding held{lock_};
            box.first_ = std::exchange(first_, nullptr);
            box.last_ = std::exchange(last_, nullptr);
        }
        return false;
    }
    Spinlock<Rank::network_queue> lock_;
    Packet *first_ = nullptr, *last_ = nullptr;
};

void Outbox::loop(PacketBox p, Interface& in) {
    p->next = nullptr;
    p->arrives_by = &in;
    Packet* entered = p.release();
    (last_ ? last_->next : first_) = entered;
    last_ = entered;
}

PacketBox Outbox::pop() {
    if (!first_) return nullptr;
    PacketBox p{first_};
    first_ = p->next;
    if (!first_) last_ = nullptr;
    p->next = nullptr;
    return p;
}

void Outbox::flush() {
    for (unsigned n = 0; PacketBox p = pop(); n++) {
        Interface& in = *p->arrives_by;
        in.counters.came(p->size());
        input(in, std::move(p), *this);
        if (n == most && first_) return Backlog::here().take(*this);
    }
    now = clocks::monotonic_ns();
}
} // namespace net::inet

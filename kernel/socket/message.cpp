#include "kernel/socket/message.h"
#include "core/time/clock.h"
#include "core/work/work.h"
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "kernel/socket/options.h"
#include <asm/socket.h>
#include <linux/sockios.h>

namespace sockets {
Identity Identity::of_caller(bool effective) {
    Caller* who = Caller::current();
    if (!who) return {};
    const Credentials& is = who->credentials();
    return {Ref<PidNumber>::share(who->process_number()), effective ? is.euid : is.uid, effective ? is.egid : is.gid};
}

Result<Box<Rights>> Rights::create(Vector<Ref<File>> files, Ref<User> sender) {
    auto made = TRY(make<Rights>());
    made->files_ = std::move(files);
    if (sender) sender->files_in_flight.fetch_add(made->files_.size(), std::memory_order_relaxed);
    made->sender_ = std::move(sender);
    return made;
}
Rights::~Rights() {
    if (sender_) sender_->files_in_flight.fetch_sub(files_.size(), std::memory_order_relaxed);
}
Result<Box<Rights>> Rights::clone() const {
    Vector<Ref<File>> copies;
    TRY(copies.reserve(files_.size()));
    for (const Ref<File>& file : files_) TRY(copies.push(file));
    return create(std::move(copies), {});
}

class Closer final : public Work {
public:
    void add(Rights* r) {
        r->next_ = first_.load(std::memory_order_relaxed);
        while (!first_.compare_exchange_weak(r->next_, r, std::memory_order_acq_rel)) {}
        queue();
    }

private:
    bool run(unsigned) override {
        for (Rights* r = first_.exchange(nullptr, std::memory_order_acq_rel); r;) {
            Box<Rights> gone{std::exchange(r, r->next_)};
        }
        return false;
    }
    std::atomic<Rights*> first_ = nullptr;
};
namespace {
constinit Closer closer;
}
void Rights::close_later(Box<Rights> rights) {
    if (rights) closer.add(rights.release());
}

bool ReceiveMessage::peeks() const { return flags & msg_peek; }
Result<usize> ReceiveMessage::no_error_queued() {
    flags |= msg_dontwait;
    return err::again;
}

namespace {
/// A timeval, or a timespec.
struct Time {
    u64 seconds, rest;
    Time(u64 time, bool in_ns) : seconds{time / clocks::ns_per_second}, rest{time % clocks::ns_per_second} {
        if (!in_ns) rest /= 1000;
    }
};
} // namespace

void put_time(ReceiveMessage& m, const Options& o, u64 time) {
    bool in_ns = o.on(Flag::timestamp_ns);
    if (!in_ns && !o.on(Flag::timestamp)) return;
    if (!m.control) return void(m.result |= msg_ctrunc);
    if (!time) time = static_cast<u64>(clocks::realtime_ns());
    m.control->put_value(sol_socket, in_ns ? SO_TIMESTAMPNS_OLD : SO_TIMESTAMP_OLD, Time{time, in_ns});
}

Result<> tell_time(unsigned request, uptr argument, u64 time) {
    if (time == ~u64{0}) return err::noent;
    return copy_out(UserPtr<Time>{argument}, Time{time, request == SIOCGSTAMPNS_OLD});
}
} // namespace sockets

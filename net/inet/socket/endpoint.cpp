#include "net/inet/socket/endpoint.h"
#include "kernel/credentials/caller.h"
#include "kernel/views/view.h"
#include "net/stack/packet_filter.h"
#include <algorithm>
#include <linux/eventpoll.h>

namespace net::inet {
InetEndpoint::InetEndpoint(Kind kind, u8 protocol, bool is_v6, Ref<NetworkNamespace> in, Stack& stack, Ref<Cgroup> pays)
    : Flow{kind, protocol, stack}, network{std::move(in)}, payer{std::move(pays)} {
    v6 = is_v6;
    ip.v6_only = stack.settings.v6_only.load();
    local.address = is_v6 ? any_v6 : any_v4;
}

InetEndpoint::~InetEndpoint() {
    forget_unsent();
    Ref<Unsent>::adopt(unsent_.load());
}

Unsent* InetEndpoint::unsent() {
    if (Unsent* u = unsent_.load(std::memory_order_relaxed)) [[likely]]
        return u;
    auto made = make_ref<Unsent>([](void* of) { static_cast<InetEndpoint*>(of)->devices_have_room(); }, this);
    if (!made) return nullptr;
    Unsent* u = made->release();
    unsent_.store(u, std::memory_order_release);
    return u;
}
void InetEndpoint::forget_unsent() {
    if (Unsent* u = unsent_.load()) u->forget();
}
void InetEndpoint::devices_have_room() { changed.notify_all(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND); }

Result<const Path*> InetEndpoint::path_to(const Endpoint& to) {
    if (path_.out && path_.generation == stack().generation() && path_for_ == to.address) [[likely]]
        return &path_;
    u32 by = bound_interface();
    // Who is bound to a group hears of it, but nothing can come from there.
    Address from = local.address.multicast() || local.address.broadcast() ? Address{} : local.address;
    path_ = TRY(stack().route(to.address, from, by ? by : to.interface));
    path_for_ = to.address;
    return &path_;
}

usize InetEndpoint::wanted(const Packet& p, usize begin) {
    if (!options.filter.present.load(std::memory_order_relaxed)) [[likely]]
        return p.size() - begin;
    Ref<bpf::Program> filter;
    {
        Holding held{lock};
        filter = options.filter.program;
    }
    FilterSubject subject{p, begin, 0, FilterSubject::none, {.protocol = p.protocol, .interface = p.interface}};
    return filter ? std::min<usize>(filter->run(subject), subject.size()) : subject.size();
}

Result<Maker> Maker::caller() {
    Caller* who = Caller::current();
    View& view = who ? who->view() : View::root();
    return Maker{view.network, *TRY(Stack::in(*view.network)), view.cgroup};
}
} // namespace net::inet

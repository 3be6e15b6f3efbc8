// libFuzzer: a host that configures itself, and routers and neighbours that say anything at any time. Whatever they
// say, what it has set is bounded, in order, and goes when it stops; it is not busy.
#include "net/inet/slaac.h"
#include <set>

using namespace net;
using namespace net::inet;

namespace {
struct World final : Slaac::Output {
    void set(const Slaac::OwnAddress& a) override {
        if (a.address.multicast() || a.address.unspecified()) __builtin_trap();
        addresses.insert(a.address);
    }
    void remove(const Slaac::OwnAddress& a) override { gone(addresses, a.address); }
    void probe(const Address& a) override {
        if (!addresses.count(a)) __builtin_trap();
    }
    void solicit(const Address&) override {}
    void set_router(const Address& a, u32) override { routers.insert(a); }
    void remove_router(const Address& a) override { gone(routers, a); }
    void set_on_link(const Prefix& p, u32) override { prefixes.insert({p.address, p.length}); }
    void remove_on_link(const Prefix& p) override { gone(prefixes, {p.address, p.length}); }
    void set_name_servers(std::span<const Address>) override {}
    void ask_server() override {}
    template <class T>
    static void gone(std::set<T>& from, const std::type_identity_t<T>& what) {
        if (!from.erase(what)) __builtin_trap();
    }
    std::set<Address> addresses, routers;
    std::set<std::pair<Address, u8>> prefixes;
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, usize size) {
    World world;
    Slaac slaac{LinkAddress{{2, 0, 0, 0, 0, 1}}, SipHash{3, 4}};
    u64 now = 1000 * Slaac::second;
    slaac.start({.probes = size ? data[0] % 3u : 1}, now, world);
    while (size > 4) {
        u8 what = data[0], length = std::min<usize>(data[1] * 4u, size - 4) & 0xff;
        u64 pass = static_cast<u64>(data[2]) * data[2] * data[3] * Slaac::second / 16;
        data += 4, size -= 4;
        for (unsigned n = 0; slaac.deadline() <= now + pass && n < 300; n++) {
            now = std::max(now, slaac.deadline());
            slaac.timer(now, world);
            if (slaac.deadline() <= now && n == 299) __builtin_trap(); // busy
        }
        now += pass;
        auto p = Packet::create(length);
        if (!p) return 0;
        if (length) std::memcpy((*p)->append_linear(length).data(), data, length);
        Ip ip{.source = Address::v6({0xfe80, 0, 0, 0, 0, 0, 0, what}), .hop_limit = 255};
        if (what & 1) {
            if (auto ra = parse_router_advertisement(**p, ip)) slaac.advertised(*ra, ip.source, now, world);
        } else if (auto m = parse_advertisement(**p, ip)) {
            slaac.contested(m->target, world);
        }
        if (world.addresses.size() > Slaac::most_addresses || world.routers.size() > Slaac::most_routers ||
            world.prefixes.size() > Slaac::most_prefixes)
            __builtin_trap();
        data += length, size -= length;
    }
    slaac.stop(world);
    if (!world.addresses.empty() || !world.routers.empty() || !world.prefixes.empty()) __builtin_trap();
    return 0;
}

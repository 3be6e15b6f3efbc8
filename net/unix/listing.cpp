// All Unix sockets there are: for /proc/net/unix and sock_diag(7).
#include "net/unix/endpoint.h"

namespace unix_sockets {
namespace {
struct Bucket {
    Spinlock<Rank::socket_names> lock;
    Chain<Endpoint> all;
};
constexpr usize buckets = 256;
Bucket& bucket(usize n) {
    static constinit Bucket table[buckets];
    return table[n];
}
Bucket& bucket_of(const Endpoint& e) {
    u64 hash = (reinterpret_cast<uptr>(&e) >> 6) * 0x9e37'79b9'7f4a'7c15;
    return bucket(hash >> 56);
}
} // namespace

void Endpoint::enlist() {
    Bucket& b = bucket_of(*this);
    Holding held{b.lock};
    b.all.push_back(*this);
}
void Endpoint::unlist() {
    Bucket& b = bucket_of(*this);
    Holding held{b.lock};
    b.all.erase(*this);
}

usize Endpoint::some(const NetworkNamespace& of, u64& at, std::span<Ref<Endpoint>> to) {
    usize n = 0, place = at >> 32;
    u32 passed = static_cast<u32>(at); // of the bucket
    while (n < to.size() && place < buckets) {
        Bucket& b = bucket(place);
        u32 seen = 0;
        {
            Holding held{b.lock};
            for (Endpoint* e = b.all.first(); e && n < to.size(); e = b.all.after(*e)) {
                if (e->network.get() != &of || seen++ < passed) continue;
                passed++;
                if (e->try_retain()) to[n++] = Ref<Endpoint>::adopt(e);
            }
        }
        if (n == to.size()) break;
        place++;
        passed = 0;
    }
    at = u64{place} << 32 | passed;
    return n;
}
} // namespace unix_sockets

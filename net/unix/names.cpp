#include "net/unix/names.h"
#include "core/rng/rng.h"
#include "core/sync/once.h"
#include "kernel/process/task.h"
#include "kernel/socket/numbers.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/permission.h"
#include "lib/hash.h"
#include <linux/stat.h>

namespace unix_sockets {
namespace {
using sockets::Address;
constexpr u32 path_at = 2; // offsetof(sockaddr_un, sun_path)
constexpr u32 longest = path_at + 108;

const SipHash& keyed_hash() {
    static constinit Once<SipHash> hash;
    return hash.get([] { return SipHash{rng::number(), rng::number()}; });
}

std::string_view text_of(const Address& a) { return {reinterpret_cast<const char*>(a.bytes), a.size}; }
bool is_abstract(const Address& a) { return a.bytes[path_at] == std::byte{0}; }
/// A path ends at its first null; what is kept of it has one.
std::string_view path_of(const Address& a) {
    auto path = text_of(a).substr(path_at);
    return path.substr(0, path.find('\0'));
}
Address with_end(const Address& a) {
    Address made;
    auto path = path_of(a);
    std::memcpy(made.bytes, a.bytes, path_at + path.size());
    made.bytes[path_at + path.size()] = std::byte{0};
    made.size = static_cast<u32>(path_at + path.size() + 1);
    return made;
}

Endpoint* bound_to(vfs::Inode& inode) {
    auto* there = inode.attachments();
    if (!there) return nullptr;
    Holding held{there->lock};
    return there->socket && there->socket->try_retain() ? there->socket : nullptr;
}
} // namespace

Name::~Name() = default;

struct Names::Bucket {
    Spinlock<Rank::socket_names> lock;
    Name* first = nullptr;
};
Names::Bucket& Names::bucket_of(const NetworkNamespace& where, int type, const Address& a) {
    static constinit Bucket buckets[256];
    u64 hash = keyed_hash()(text_of(a)) + where.number * 0x9e37'79b9 + static_cast<u64>(type);
    return buckets[(hash ^ hash >> 32) % std::size(buckets)];
}
Name* Names::look_up(Bucket& bucket, const Endpoint& by, const Address& a) {
    for (Name* n = bucket.first; n; n = n->next_)
        if (n->where_ == by.network.get() && n->type_ == by.type && text_of(n->address) == text_of(a)) return n;
    return nullptr;
}

Result<> Names::check(const Address& a) {
    bool good = a.size > path_at && a.size <= longest && a.family() == sockets::af_unix;
    return good ? Result<>{} : Result<>{err::inval};
}

namespace {
Result<> undo_and(Task& task, std::string_view path, Errno error) {
    (void)vfs::unlink(task.walker(), path);
    return std::unexpected(error);
}
} // namespace

Result<> Names::bind(Endpoint& e, const Address& a, u32 mode) {
    if (a.size == path_at && a.family() == sockets::af_unix) return bind_any(e);
    TRY(check(a));
    if (is_abstract(a)) {
        auto name = TRY(make_ref<Name>(a));
        name->where_ = e.network;
        name->type_ = e.type;
        if (e.has_name()) return err::inval;
        Bucket& bucket = bucket_of(*e.network, e.type, a);
        Holding held{bucket.lock};
        if (look_up(bucket, e, a)) return err::addrinuse;
        Holding state{e.lock};
        TRY(e.set_name(name));
        name->bound_ = &e;
        name->hashed_ = true;
        name->next_ = bucket.first;
        bucket.first = name.get();
        return {};
    }
    Task& task = Task::current();
    auto place = vfs::make_socket(task.walker(), path_of(a), mode);
    if (!place) return place.error() == Errno::exist ? Result<>{err::addrinuse} : std::unexpected(place.error());
    auto name = make_ref<Name>(with_end(a));
    auto* there = place->inode().attachments();
    if (!name || !there) return undo_and(task, path_of(a), Errno::nomem);
    (*name)->place_ = std::move(*place);
    {
        Holding state{e.lock};
        if (e.set_name(*name)) {
            Holding held{there->lock};
            there->socket = &e;
            return {};
        }
    }
    return undo_and(task, path_of(a), Errno::inval);
}

Result<> Names::bind_any(Endpoint& e) {
    if (e.has_name()) return {};
    u64 start = rng::number();
    for (u32 tries = 0; tries < 1u << 20; tries++) {
        Address a;
        u16 family = sockets::af_unix;
        std::memcpy(a.bytes, &family, sizeof family);
        char digits[8];
        BufferWriter number{digits};
        print(number, "{:05x}", (start + tries) & 0xfffff);
        a.bytes[path_at] = std::byte{0};
        std::memcpy(a.bytes + path_at + 1, digits, 5);
        a.size = path_at + 6;
        auto bound = bind(e, a, 0);
        if (bound || bound.error() == Errno::inval) return {}; // another thread has named it
        if (bound.error() != Errno::addrinuse) return bound;
    }
    return err::nospc;
}

Result<Ref<Endpoint>> Names::find(Endpoint& by, const Address& a) {
    if (is_abstract(a)) {
        Bucket& bucket = bucket_of(*by.network, by.type, a);
        Holding held{bucket.lock};
        Name* n = look_up(bucket, by, a);
        if (!n || !n->bound_->try_retain()) return err::connrefused;
        return Ref<Endpoint>::adopt(n->bound_);
    }
    Task& task = Task::current();
    vfs::Path place = TRY(vfs::resolve(task.walker(), path_of(a), vfs::walk_follow));
    TRY(vfs::check_inode(place, task.credentials(), vfs::may_write));
    if (!S_ISSOCK(place.inode().type())) return err::connrefused;
    auto found = Ref<Endpoint>::adopt(bound_to(place.inode()));
    if (!found) return err::connrefused;
    if (found->type != by.type) return err::prototype;
    vfs::touch_access(place);
    return found;
}

void Names::unbind(Name& name, Endpoint& e) {
    if (name.place_) {
        auto& there = *name.place_.inode().attachments();
        Holding held{there.lock};
        if (there.socket == &e) there.socket = nullptr;
        return;
    }
    Bucket& bucket = bucket_of(*name.where_, name.type_, name.address);
    Holding held{bucket.lock};
    if (!name.hashed_ || name.bound_ != &e) return;
    name.hashed_ = false;
    Name** at = &bucket.first;
    while (*at != &name) at = &(*at)->next_;
    *at = name.next_;
}
} // namespace unix_sockets

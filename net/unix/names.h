// What Unix sockets are bound to: places in the file tree, and names that only look so (abstract ones).
#pragma once
#include "kernel/socket/address.h"
#include "kernel/vfs/path.h"
#include "kernel/views/namespaces.h"
#include "net/unix/endpoint.h"

namespace unix_sockets {
/// A sockaddr_un that is somebody's. Connections share it with what accepted them.
class Name : public RefCounted<Name> {
public:
    explicit Name(const sockets::Address& of) : address{of} {}
    ~Name();
    const sockets::Address address;

private:
    friend struct Names;
    vfs::Path place_;             // of one in the file tree: keeps its inode
    Endpoint* bound_ = nullptr;   // of an abstract one: to whom; under its bucket's lock
    Name* next_ = nullptr;        // in the bucket
    Ref<NetworkNamespace> where_; // of an abstract one
    u8 type_ = 0;
    bool hashed_ = false;
};

struct Names {
    /// An address that a call may name: err::inval. Too short or long, or of another family.
    static Result<> check(const sockets::Address&);
    /// bind(2). err::addrinuse, err::inval (it has a name already), and what making a file says.
    static Result<> bind(Endpoint&, const sockets::Address&, u32 mode);
    /// A name that nobody has, unless it has one. err::nospc.
    static Result<> bind_any(Endpoint&);
    /// Who is bound to it, if the caller may. err::connrefused, err::prototype, and what walking there says.
    static Result<Ref<Endpoint>> find(Endpoint& by, const sockets::Address&);
    /// The endpoint that was bound to it goes.
    static void unbind(Name&, Endpoint&);

private:
    struct Bucket;
    /// Names of different types are different ones.
    static Bucket& bucket_of(const NetworkNamespace&, int type, const sockets::Address&);
    /// Who has the abstract name in the bucket, which is locked; null: nobody.
    static Name* look_up(Bucket&, const Endpoint& by, const sockets::Address&);
};
} // namespace unix_sockets

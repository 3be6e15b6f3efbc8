// Which groups a socket hears of: IP_ADD_MEMBERSHIP and its relatives, by ip(7), RFC 3678.
#pragma once
#include "net/inet/stack/stack.h"

namespace net::inet {
class Memberships {
public:
    static constexpr usize most_v4 = 20, most_v6 = 256, most_sources = 10; // igmp_max_memberships, igmp_max_msf
    /// What a program asks for.
    struct Request {
        Address group;
        u32 interface = 0; // 0: by `by`, or by the route
        Address by;        // an address of the interface; unspecified: none
    };
    // Changes: by one at a time.

    /// `include`: hears nobody until sources are added. err::inval: no group; err::nodev; err::addrinuse: it has;
    /// err::nobufs: too many; err::nomem.
    Result<> join(Stack&, const Request&, bool include = false);
    Result<> leave(Stack&, const Request&); // err::addrnotavail, err::nodev
    /// Adds or removes a source that is excluded, or (`include`) that alone is heard. err::inval, err::addrnotavail,
    /// err::nobufs, err::nomem, err::nodev.
    Result<> change_source(Stack&, const Request&, const Address& source, bool include, bool add);
    /// All sources at once, by which a membership becomes one that includes or excludes. err::inval: no member.
    Result<> set_sources(Stack&, const Request&, bool include, Vector<Address> sources);
    struct Filter {
        bool include;
        Vector<Address> sources;
    };
    Result<Filter> sources(Stack&, const Request&); // err::addrnotavail
    void leave_all(Stack&);

    /// Whether a packet from `source` to a group is for the socket that has these. `all`: also of groups that are not
    /// its own (IP_MULTICAST_ALL). Without locks of rank socket_state.
    bool hear(const Address& group, const Address& source, u32 interface, bool all) const;

private:
    struct Membership {
        Address group, by;
        u32 interface;
        bool include;
        Vector<Address> sources;
    };
    /// The interface that a request means. err::nodev.
    static Result<Ref<Interface>> interface_for(Stack&, const Request&);
    Membership* find(const Address& group, u32 interface);
    Result<> remove(Stack&, usize at);

    mutable Spinlock<Rank::socket_state> lock_;
    Vector<Membership> all_;
};
} // namespace net::inet

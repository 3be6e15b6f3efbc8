// Which servers of names the machine has been told of: by the command line, DHCP and routers.
#pragma once
#include "core/sync/lock.h"
#include "lib/format.h"
#include "lib/string.h"
#include "net/stack/address.h"

namespace net::inet {
/// Of the host world's network. Each of its interfaces has what each teller says last.
class NameServers {
public:
    enum class Teller : u8 { command_line, dhcp, router, dhcp_v6 };
    static constexpr usize most_servers = 3, most_tellers = 16;
    static NameServers& of_machine();
    /// Instead of what he said before; unspecified addresses are left out. Beyond so many tellers nothing is kept.
    void set(u32 interface, Teller, std::span<const Address> servers, std::string_view domain = {});
    /// Domains to search, a space between two, instead of what any interface's server has said; empty: what this one's
    /// said does not hold any more.
    void set_search(u32 interface, std::string_view domains);
    /// As Linux's /proc/net/pnp, which is made to be read as /etc/resolv.conf; nothing where nobody has said anything.
    /// Those with a link-local address, which are reached by the machine's interfaces alone, only where `link_local`.
    void print(Writer&, bool link_local);

private:
    struct Said {
        u32 interface = 0;
        Teller teller{};
        Address servers[most_servers];
        usize count = 0;
        FixedString<64> domain;
    };
    struct All {
        Said said[most_tellers];
        usize count = 0;
        u32 search_by = 0;
        FixedString<200> search;
    };
    Guarded<All, Spinlock<Rank::network>> all_;
};
} // namespace net::inet

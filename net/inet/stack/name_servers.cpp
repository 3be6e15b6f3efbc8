#include "net/inet/stack/name_servers.h"
#include <algorithm>

namespace net::inet {
namespace {
constinit NameServers machine;

/// What a server says is printed for programs to read: only what a name can have.
bool is_name(std::string_view s) {
    return std::ranges::all_of(s, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
               c == '_';
    });
}
} // namespace

NameServers& NameServers::of_machine() { return machine; }

void NameServers::set(u32 interface, Teller teller, std::span<const Address> servers, std::string_view domain) {
    Said said{.interface = interface, .teller = teller};
    for (const Address& a : servers)
        if (!a.unspecified() && said.count < most_servers) said.servers[said.count++] = a;
    if (is_name(domain)) said.domain.assign(domain);
    auto all = all_.lock();
    Said* end = all->said + all->count;
    Said* at =
        std::find_if(all->said, end, [&](const Said& s) { return s.interface == interface && s.teller == teller; });
    if (at == end && all->count == most_tellers) return;
    if (at == end) all->count++;
    *at = said;
}

void NameServers::set_search(u32 interface, std::string_view domains) {
    auto all = all_.lock();
    if (domains.empty() && all->search_by != interface) return;
    all->search_by = interface;
    all->search.assign(domains);
}

void NameServers::print(Writer& out, bool link_local) {
    All all = *all_.lock();
    std::span said{all.said, all.count};
    auto by = [&](Teller t) {
        return std::ranges::any_of(said, [&](const Said& s) { return s.teller == t && s.count; });
    };
    if (by(Teller::dhcp))
        out.write("#PROTO: DHCP\n");
    else if (by(Teller::command_line) || by(Teller::router) || by(Teller::dhcp_v6))
        out.write("#MANUAL\n");
    auto domain = std::ranges::find_if(said, [](const Said& s) { return !s.domain.empty(); });
    if (domain != said.end()) ::print(out, "domain {}\n", domain->domain.view());
    if (!all.search.empty()) { // instead of the domain, for who reads this as resolv.conf(5)
        out.write("search ");
        if (domain != said.end()) ::print(out, "{} ", domain->domain.view());
        ::print(out, "{}\n", all.search.view());
    }
    for (const Said& s : said)
        for (const Address& a : std::span{s.servers, s.count}) {
            bool scoped = !a.is_v4() && a.link_local();
            if (scoped && !link_local) continue;
            out.write("nameserver ");
            print_address(out, a);
            if (scoped) ::print(out, "%{}", s.interface); // by number, which resolvers take too
            out.write("\n");
        }
}
} // namespace net::inet

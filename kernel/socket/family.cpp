#include "kernel/socket/family.h"

namespace sockets {
namespace {
std::span<const Family* const> families;
}
void set_families(std::span<const Family* const> all) { families = all; }
Result<const Family*> find_family(int domain) {
    for (const Family* f : families)
        if (f->domain == domain) return f;
    return err::afnosupport;
}
} // namespace sockets

#include "kernel/credentials/credentials.h"
#include <algorithm>

bool Credentials::in_group(Kgid wanted) const {
    return wanted == fsgid || std::binary_search(groups.begin(), groups.end(), wanted);
}

Result<Vector<u32>> Credentials::shown_groups(const Credentials& who) const {
    Vector<u32> list;
    TRY(list.reserve(who.groups.size()));
    for (Kgid g : who.groups) TRY(list.push(shown(g)));
    return list;
}
void Credentials::sort_groups() {
    std::sort(groups.begin(), groups.end(), [](Kgid a, Kgid b) { return a < b; });
}

Result<Ref<Credentials>> Credentials::clone() const {
    auto copy = TRY(make_ref<Credentials>());
    Credentials& c = *copy;
    c.uid = uid, c.euid = euid, c.suid = suid, c.fsuid = fsuid;
    c.gid = gid, c.egid = egid, c.sgid = sgid, c.fsgid = fsgid;
    TRY(c.groups.resize(groups.size()));
    std::copy(groups.begin(), groups.end(), c.groups.begin());
    c.effective = effective, c.permitted = permitted, c.inheritable = inheritable;
    c.bounding = bounding, c.ambient = ambient;
    c.securebits = securebits;
    c.no_new_privileges = no_new_privileges;
    c.users = users;
    return copy;
}

Result<Kuid> Credentials::mapped_kuid(u32 id) const {
    Kuid found = users->kuid(id);
    return found == ids::no_user && id != ids::none ? Result<Kuid>{err::inval} : found;
}
Result<Kgid> Credentials::mapped_kgid(u32 id) const {
    Kgid found = users->kgid(id);
    return found == ids::no_group && id != ids::none ? Result<Kgid>{err::inval} : found;
}

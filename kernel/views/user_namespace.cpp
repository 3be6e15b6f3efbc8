#include "kernel/views/user_namespace.h"
#include "kernel/views/namespaces.h"
#include <algorithm>

namespace {
using Extent = IdMap::Extent;

/// Sorts by one side. err::inval: two share an ID there.
Result<> sort_by(u32 Extent::* side, Vector<Extent>& extents) {
    std::sort(extents.begin(), extents.end(), [=](const Extent& a, const Extent& b) { return a.*side < b.*side; });
    for (usize i = 1; i < extents.size(); i++)
        if (extents[i].*side - extents[i - 1].*side < extents[i - 1].count) return err::inval;
    return {};
}

template <u32 Extent::* From, u32 Extent::* To>
u32 translate(const Vector<Extent>& extents, u32 id) {
    auto behind = std::upper_bound(extents.begin(), extents.end(), id,
                                   [](u32 value, const Extent& e) { return value < e.*From; });
    if (behind == extents.begin()) return ids::none;
    const Extent& e = *--behind;
    u32 offset = id - e.*From;
    return offset < e.count ? e.*To + offset : ids::none;
}
} // namespace

Result<IdMap> IdMap::create(Vector<Extent> extents) {
    if (extents.size() > most_extents) return err::inval;
    for (const Extent& e : extents)
        if (!e.count || e.count > ids::none - e.inside || e.count > ids::none - e.outside) return err::inval;
    IdMap made;
    TRY(sort_by(&Extent::inside, extents));
    TRY(made.by_outside_.reserve(extents.size()));
    for (const Extent& e : extents) TRY(made.by_outside_.push(e));
    TRY(sort_by(&Extent::outside, made.by_outside_));
    made.by_inside_ = std::move(extents);
    return made;
}
u32 IdMap::to_kernel(u32 inside) const { return translate<&Extent::inside, &Extent::outside>(by_inside_, inside); }
u32 IdMap::to_user(u32 outside) const { return translate<&Extent::outside, &Extent::inside>(by_outside_, outside); }

UserNamespace::UserNamespace() : number{namespaces::first_user} {}
UserNamespace::UserNamespace(IdMap uids, IdMap gids)
    : number{namespaces::next_number()},
      has_maps_{true},
      uids_{std::move(uids)},
      gids_{std::move(gids)},
      root_{uids_.to_kernel(0)},
      root_group_{gids_.to_kernel(0)} {}
UserNamespace::~UserNamespace() = default;

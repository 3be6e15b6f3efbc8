#include "kernel/credentials/user.h"

namespace {
using Users = bi::set<User, bi::base_hook<TreeLink<>>, bi::key_of_value<User::KeyOf>, bi::constant_time_size<false>>;
constinit Spinlock<Rank::device> lock;
constinit Users* all = nullptr;
alignas(Users) std::byte memory[sizeof(Users)];

/// Under `lock`.
Users& table() {
    if (!all) all = new (memory) Users;
    return *all;
}
} // namespace

Result<Ref<User>> User::of(UserNamespace& users, Kuid uid) {
    Ref<User> fresh;
    while (true) {
        {
            Holding held{lock};
            auto at = table().find(Key{&users, uid});
            if (at != table().end() && at->try_retain()) return Ref<User>::adopt(&*at);
            if (at != table().end()) table().erase(at); // its last reference is going just now
            if (fresh) {
                table().insert(*fresh);
                return fresh;
            }
        }
        fresh = TRY(make_ref<User>(users, uid));
    }
}

void User::last_ref_gone(User* gone) {
    {
        Holding held{lock};
        auto at = table().find(Key{gone->users.get(), gone->uid});
        if (at != table().end() && &*at == gone) table().erase(at);
    }
    delete gone;
}

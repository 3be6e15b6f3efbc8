#include "kernel/process/user.h"

namespace {
using Users = bi::set<User, bi::base_hook<TreeLink<>>, bi::key_of_value<User::KeyOf>, bi::constant_time_size<false>>;
constinit Spinlock<Rank::device> lock;
constinit Users* all = nullptr;
alignas(Users) std::byte memory[sizeof(Users)];

/// Under `lock`.
Users& users() {
    if (!all) all = new (memory) Users;
    return *all;
}
} // namespace

Result<Ref<User>> User::of(View& view, u32 uid) {
    Ref<User> fresh;
    while (true) {
        {
            Holding held{lock};
            auto at = users().find(Key{&view, uid});
            if (at != users().end() && at->try_retain()) return Ref<User>::adopt(&*at);
            if (at != users().end()) users().erase(at); // its last reference is going just now
            if (fresh) {
                users().insert(*fresh);
                return fresh;
            }
        }
        fresh = TRY(make_ref<User>(view, uid));
    }
}

void User::last_ref_gone(User* gone) {
    {
        Holding held{lock};
        auto at = users().find(Key{gone->view.get(), gone->uid});
        if (at != users().end() && &*at == gone) users().erase(at);
    }
    delete gone;
}

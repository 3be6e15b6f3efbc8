// The real users of a user namespace's tasks: what RLIMIT_NPROC and RLIMIT_SIGPENDING count.
#pragma once
#include "kernel/views/namespaces.h"
#include "lib/intrusive.h"

/// A user ID in a user namespace. Kept alive by the tasks that run under it, and by what it has made.
class User : public RefCounted<User>, public TreeLink<> {
public:
    /// err::nomem.
    static Result<Ref<User>> of(UserNamespace&, Kuid uid);
    static void last_ref_gone(User*);

    const Ref<UserNamespace> users;
    const Kuid uid;
    /// Tasks that exist, until they are reaped.
    std::atomic<u64> tasks = 0;
    /// Signals queued for its tasks, and POSIX timers, which have one each.
    std::atomic<u64> signals = 0;
    /// Open files that its tasks have sent and nobody has received: SCM_RIGHTS.
    std::atomic<u64> files_in_flight = 0;
    /// inotify(7), by the effective user of who made the instance.
    std::atomic<u64> inotify_instances = 0, inotify_watches = 0;

    struct Key {
        const UserNamespace* users;
        Kuid uid;
        auto operator<=>(const Key&) const = default;
    };
    struct KeyOf {
        using type = Key;
        Key operator()(const User& u) const { return {u.users.get(), u.uid}; }
    };
    User(UserNamespace& of, Kuid id) : users{Ref<UserNamespace>::share(&of)}, uid{id} {}
};

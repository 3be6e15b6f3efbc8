// System V IPC: what message queues, semaphore sets and shared memory have in common, sysvipc(7).
#pragma once
#include "core/sync/epoch.h"
#include "core/wait/mutex.h"
#include "core/wait/retire.h"
#include "kernel/credentials/caller.h"
#include "kernel/views/namespaces.h"
#include "kernel/views/pid_namespace.h"
#include "lib/intrusive.h"
#include <linux/ipc.h>

namespace sysv {
using Key = __kernel_key_t;

/// Seconds since the epoch.
i64 now();
/// By whose number others know the current process; null: by none.
Ref<PidNumber> current_process();

/// Who made the object, who owns it, and its permissions: struct ipc_perm.
struct Owner {
    Kuid uid, maker_uid;
    Kgid gid, maker_gid;
    u32 mode;
};

/// Base of the three kinds, which count references. Table::find() reads without locks: so memory is retired.
class Object : public TreeLink<> {
public:
    static void operator delete(void* memory) { epoch::retire(memory); }

    int id = -1;           // constant once it is in the table
    Key key = IPC_PRIVATE; // changed with the table's lock

    /// Whether the caller has the permissions whose bits stand in any of the three places of `mode`. err::acces.
    Result<> permit(u32 mode);
    /// IPC_SET, IPC_RMID: for who owns or has made it. err::perm.
    Result<> permit_change();
    Owner owner() { return *owner_.lock(); }
    void set_owner(Kuid, Kgid, u32 mode); // IPC_SET, permitted
    /// Whether the caller has a capability over the namespace.
    bool is_privileged(unsigned capability) const;

    /// Guards what a kind keeps besides.
    Mutex<Rank::sysv_object> lock;
    bool removed = false;             // who waits for it answers err::idrm
    std::atomic<i64> changed = now(); // made, IPC_SET, SETVAL; without the lock

protected:
    Object(const IpcNamespace& of, u32 mode);
    ~Object() = default;

private:
    const Ref<const UserNamespace> users_; // the namespace's
    Guarded<Owner, Spinlock<Rank::device>> owner_;
};

/// Where objects of one kind stand in a namespace. An id is a place, and how often places were used again.
class Places {
public:
    static constexpr unsigned most = 32'768; // IPCMNI
    /// How many objects there are, and the highest place in use (0: of none): *_INFO.
    struct Use {
        unsigned objects, highest;
    };
    Use use() const {
        Holding held{lock_};
        return {used_, end_ ? end_ - 1 : 0};
    }
    /// The id that the next object gets, if its place is free; -1: as it comes. For who restores what was saved.
    std::atomic<int> next_id = -1;

protected:
    Places() = default;
    Places(const Places&) = delete;
    ~Places();
    /// What stands at a place; null: nothing. With the lock held, or in an epoch::Reading.
    Object* at(unsigned index) const;
    // With the lock held.
    /// err::nospc: there are `limit` already; err::nomem.
    Result<> add(Object&, Key, unsigned limit);
    void erase(Object&);
    Object* by_key(Key) const;
    /// Nobody finds it by its key any more.
    void forget_key(Object&);

    mutable Mutex<Rank::sysv_table> lock_;

private:
    static constexpr unsigned each = 256;
    struct Chunk {
        std::atomic<Object*> objects[each] = {};
    };
    struct KeyOf {
        using type = Key;
        Key operator()(const Object& o) const { return o.key; }
    };
    std::atomic<Chunk*> chunks_[most / each] = {}; // they stay until the end
    bi::set<Object, bi::base_hook<TreeLink<>>, bi::key_of_value<KeyOf>, bi::constant_time_size<false>> keys_;
    unsigned used_ = 0, end_ = 0, first_free_ = 0, last_ = 0, round_ = 0;
};

/// All objects of kind T, which is an Object and RefCounted. The table holds a reference to each.
template <class T>
class Table : public Places {
public:
    ~Table() {
        for (unsigned i = 0; auto object = next(i); i++) remove(*object);
    }
    /// msgget(2), semget(2), shmget(2). `fits(T&)`: whether one that is there will do. err::exist, err::noent,
    /// err::acces, err::nospc, and what the two answer.
    Result<int> get(Key key, u32 flags, unsigned limit, auto fits, auto make) {
        Holding held{lock_};
        if (Object* found = key == IPC_PRIVATE ? nullptr : by_key(key)) {
            if (flags & IPC_CREAT && flags & IPC_EXCL) return err::exist;
            TRY(fits(static_cast<T&>(*found)));
            TRY(found->permit(flags));
            return found->id;
        }
        if (key != IPC_PRIVATE && !(flags & IPC_CREAT)) return err::noent;
        Ref<T> made = TRY(make());
        TRY(add(*made, key, limit));
        return made.release()->id;
    }
    /// Without locks. err::inval: there is none.
    Result<Ref<T>> find(int id) const {
        auto found = id < 0 ? nullptr : find_at(static_cast<unsigned>(id) % most);
        if (!found || found->id != id) return err::inval;
        return found;
    }
    /// By its place; null: none.
    Ref<T> find_at(unsigned index) const {
        epoch::Reading reading;
        auto* object = static_cast<T*>(at(index));
        return object && object->try_retain() ? Ref<T>::adopt(object) : nullptr;
    }
    /// The first at `index` or behind it, where that is set to its place; null: none.
    Ref<T> next(unsigned& index) const {
        for (unsigned end = use().highest + 1; index < end; index++)
            if (auto found = find_at(index)) return found;
        return nullptr;
    }
    /// Nobody finds it any more, and the table's reference is given up. False: that was done before.
    bool remove(T& object) {
        Ref<T> gone; // dropped behind the lock
        Holding held{lock_};
        if (at(static_cast<unsigned>(object.id) % most) != &object) return false;
        erase(object);
        gone = Ref<T>::adopt(&object);
        return true;
    }
    /// It is found by its id only.
    void hide(T& object) {
        Holding held{lock_};
        forget_key(object);
    }
};
} // namespace sysv

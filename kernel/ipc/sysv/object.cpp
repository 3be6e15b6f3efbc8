#include "kernel/ipc/sysv/object.h"
#include "core/time/clock.h"
#include <linux/capability.h>

namespace sysv {
i64 now() { return clocks::realtime_ns() / static_cast<i64>(clocks::ns_per_second); }
Ref<PidNumber> current_process() {
    Caller* caller = Caller::current();
    return Ref<PidNumber>::share(caller ? caller->process_number() : nullptr);
}

Object::Object(const IpcNamespace& of, u32 mode) : users_{of.owner} {
    const Credentials& who = Caller::current()->credentials();
    *owner_.lock() = {who.euid, who.euid, who.egid, who.egid, mode & 0777};
}
bool Object::is_privileged(unsigned capability) const {
    return Caller::current()->credentials().can_in(users_.get(), capability);
}

Result<> Object::permit(u32 mode) {
    const Credentials& who = Caller::current()->credentials();
    Owner o = owner();
    u32 wanted = mode >> 6 | mode >> 3 | mode, granted = o.mode;
    if (who.euid == o.uid || who.euid == o.maker_uid)
        granted >>= 6;
    else if (who.in_group(o.gid) || who.in_group(o.maker_gid))
        granted >>= 3;
    return wanted & ~granted & 7 && !is_privileged(CAP_IPC_OWNER) ? err::acces : Result<>{};
}
Result<> Object::permit_change() {
    const Credentials& who = Caller::current()->credentials();
    Owner o = owner();
    return who.euid == o.uid || who.euid == o.maker_uid || is_privileged(CAP_SYS_ADMIN) ? Result<>{} : err::perm;
}
void Object::set_owner(Kuid uid, Kgid gid, u32 mode) {
    auto o = owner_.lock();
    o->uid = uid;
    o->gid = gid;
    o->mode = mode & 0777;
    changed = now();
}

Places::~Places() {
    for (auto& chunk : chunks_) delete chunk.load();
}

Object* Places::at(unsigned index) const {
    Chunk* chunk = chunks_[index / each].load(std::memory_order_acquire);
    return chunk ? chunk->objects[index % each].load(std::memory_order_acquire) : nullptr;
}

Result<> Places::add(Object& object, Key key, unsigned limit) {
    if (used_ >= limit || used_ >= most) return err::nospc;
    int wanted = next_id.exchange(-1);
    unsigned index = wanted < 0 ? first_free_ : static_cast<unsigned>(wanted) % most;
    while (index < most && at(index)) index++;
    if (index == most) return err::nospc;
    auto& chunk = chunks_[index / each];
    if (!chunk.load(std::memory_order_relaxed)) chunk.store(TRY(make<Chunk>()).release(), std::memory_order_release);
    if (wanted < 0) {
        if (index <= last_) round_++;
        last_ = index;
        first_free_ = index + 1;
    }
    end_ = std::max(end_, index + 1);
    used_++;
    constexpr unsigned rounds = (unsigned{1} << 31) / most;
    unsigned round = wanted < 0 ? round_ % rounds : static_cast<unsigned>(wanted) / most;
    object.id = static_cast<int>(round * most + index);
    object.key = key;
    if (key != IPC_PRIVATE) keys_.insert(object);
    chunk.load(std::memory_order_relaxed)->objects[index % each].store(&object, std::memory_order_release);
    return {};
}

void Places::erase(Object& object) {
    unsigned index = static_cast<unsigned>(object.id) % most;
    forget_key(object);
    chunks_[index / each].load(std::memory_order_relaxed)->objects[index % each].store(nullptr);
    used_--;
    first_free_ = std::min(first_free_, index);
    while (end_ && !at(end_ - 1)) end_--;
}

Object* Places::by_key(Key key) const {
    auto found = keys_.find(key);
    return found == keys_.end() ? nullptr : const_cast<Object*>(&*found);
}
void Places::forget_key(Object& object) {
    if (object.key != IPC_PRIVATE) keys_.erase(keys_.iterator_to(object));
    object.key = IPC_PRIVATE;
}
} // namespace sysv

#include "core/futex/futex.h"
#include "arch/api/user_copy.h"
#include "core/mm/address_space.h"
#include "core/sched/thread.h"
#include "core/wait/wait.h"
#include <algorithm>
#include <linux/futex.h>
#include <memory>

namespace futex {
namespace {
using Key = AddressSpace::FutexKey;
struct Bucket;

/// One sleeper on one word; on the sleeper's stack. All but `bucket` is under the bucket's lock.
struct Queued : ChainLink<Queued> {
    Key key{};
    Ref<MemoryObject> keep_alive;
    u32 bits = 0;
    u32 pi_tid = 0; // not 0: waits for ownership
    Sleeper* sleeper = nullptr;
    std::atomic<Bucket*> bucket = nullptr; // changes with both buckets locked (requeue)
    bool woken = false;                    // then it is in no bucket
};

struct alignas(64) Bucket {
    void add(Queued& q) {
        q.bucket.store(this, std::memory_order_relaxed);
        sleepers.push_back(q);
        count.fetch_add(1, std::memory_order_seq_cst);
    }
    void remove(Queued& q) {
        sleepers.erase(q);
        count.fetch_sub(1, std::memory_order_relaxed);
    }
    Spinlock<Rank::futex> lock;
    Chain<Queued> sleepers;
    /// Of `sleepers`. A sleeper is counted before it looks at its word, and a waker has changed the word: where that
    /// sees 0, whoever comes later sees the new value.
    std::atomic<u32> count = 0;
};
constexpr unsigned bucket_bits = 8;
constinit Bucket buckets[1 << bucket_bits];

Bucket& bucket_of(const Key& key) {
    u64 n = (reinterpret_cast<u64>(key.object) ^ std::rotl(key.offset, 29)) * 0x9e3779b97f4a7c15;
    return buckets[n >> (64 - bucket_bits)];
}

Result<Key> key_of(Word word, Ref<MemoryObject>& keep_alive) {
    if (word.address % 4) return err::inval;
    if (word.address >= arch::user_top) return err::fault;
    AddressSpace* space = AddressSpace::of(Thread::current());
    if (!space) return err::fault;
    if (!word.shared) return Key{space, word.address};
    TRY(arch::load_user(
        word.address)); // futex(2): EFAULT when the page cannot be read; a private word's place is enough
    Key key = TRY(space->futex_key(word.address, &keep_alive));
    key.offset |= 1; // words are aligned: no private key has this bit
    return key;
}

/// Accesses under a bucket's lock: err::fault when the page is absent, and then the caller lets go of the lock,
/// touches the page and tries again.
Result<u32> load_now(Word word) {
    NoFaults no_faults;
    return arch::load_user(word.address);
}
Result<u32> exchange_now(Word word, u32 expected, u32 desired) {
    NoFaults no_faults;
    return arch::compare_exchange_user(word.address, expected, desired);
}
/// Makes the page present and writable, with no lock held.
Result<> touch_for_write(Word word) {
    u32 value = TRY(arch::load_user(word.address));
    TRY(arch::compare_exchange_user(word.address, value, value));
    return {};
}

void wake_one(Queued& q, Bucket& bucket) {
    bucket.remove(q);
    q.woken = true;
    q.sleeper->notify(); // with the bucket locked: its stack stays until it has looked at `woken`
}

/// Takes q out of its bucket unless it has been woken; whether it had been.
bool leave(Queued& q) {
    for (;;) {
        Bucket* bucket = q.bucket.load(std::memory_order_acquire);
        if (!bucket) return false;
        Holding held{bucket->lock};
        if (q.bucket.load(std::memory_order_relaxed) != bucket) continue;
        if (!q.woken) bucket->remove(q);
        return q.woken;
    }
}
bool was_woken(Queued& q) {
    for (;;) {
        Bucket* bucket = q.bucket.load(std::memory_order_acquire);
        Holding held{bucket->lock};
        if (q.bucket.load(std::memory_order_relaxed) == bucket) return q.woken;
    }
}

Result<> sleep_until_woken(Queued& q, Sleeper& self, Moment until) {
    clocks::MomentSleeper sleeper{self, until};
    for (;;) {
        Result<> slept = sleeper.sleep();
        if (slept) {
            if (was_woken(q)) return {};
        } else {
            if (leave(q)) return {}; // both happened: the wake counts
            return slept;
        }
    }
}

/// Queues q if the word holds `expected`; err::again if not.
Result<> enqueue_if(Queued& q, Word word, u32 expected) {
    for (;;) {
        q.key = TRY(key_of(word, q.keep_alive));
        Bucket& bucket = bucket_of(q.key);
        {
            Holding held{bucket.lock};
            bucket.add(q);
            auto value = load_now(word);
            if (value && *value == expected) return {};
            bucket.remove(q);
            q.bucket.store(nullptr, std::memory_order_relaxed);
            if (value) return err::again;
        }
        TRY(arch::load_user(word.address));
    }
}

Result<usize> wake_locked(Bucket& bucket, const Key& key, unsigned count, u32 bits) {
    usize woken = 0;
    for (Queued *q = bucket.sleepers.first(), *next; q && woken < count; q = next) {
        next = bucket.sleepers.after(*q);
        if (q->key != key || !(q->bits & bits)) continue;
        if (q->pi_tid) return err::inval;
        wake_one(*q, bucket);
        woken++;
    }
    return woken;
}
} // namespace

Result<> wait(Word word, u32 expected, u32 bits, Moment until) {
    if (!bits) return err::inval;
    Sleeper self;
    Queued q;
    q.bits = bits;
    q.sleeper = &self;
    TRY(enqueue_if(q, word, expected));
    return sleep_until_woken(q, self, until);
}

Result<usize> wake(Word word, unsigned count, u32 bits) {
    if (!bits) return err::inval;
    Ref<MemoryObject> keep_alive;
    Key key = TRY(key_of(word, keep_alive));
    Bucket& bucket = bucket_of(key);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!bucket.count.load(std::memory_order_relaxed)) return 0;
    constexpr usize at_once = 32; // bounds the time with interrupts off
    for (usize woken = 0;;) {
        usize wanted = std::min(count - woken, at_once), did = 0;
        {
            Holding held{bucket.lock};
            did = TRY(wake_locked(bucket, key, static_cast<unsigned>(wanted), bits));
        }
        woken += did;
        if (did < wanted || woken == count) return woken;
    }
}

Result<usize> requeue(Word from, Word to, unsigned wake_count, unsigned move_count, std::optional<u32> expected) {
    for (;;) {
        Ref<MemoryObject> keep_from, keep_to;
        Key from_key = TRY(key_of(from, keep_from)), to_key = TRY(key_of(to, keep_to));
        Bucket &source = bucket_of(from_key), &target = bucket_of(to_key);
        {
            HoldingBoth both{source.lock, target.lock};
            Result<u32> value = expected ? load_now(from) : Result<u32>{0};
            if (value) {
                if (expected && *value != *expected) return err::again;
                usize done = TRY(wake_locked(source, from_key, wake_count, any_bit));
                unsigned moved = 0;
                for (Queued *q = source.sleepers.first(), *next; q && moved < move_count; q = next) {
                    next = source.sleepers.after(*q);
                    if (q->key != from_key) continue;
                    if (q->pi_tid) return err::inval;
                    moved++;
                    if (from_key == to_key) continue;
                    source.remove(*q);
                    q->key = to_key;
                    q->keep_alive = keep_to; // its old object is kept by keep_from: nothing dies under the lock
                    target.add(*q);
                }
                return done + moved;
            }
        }
        TRY(arch::load_user(from.address));
    }
}

namespace {
struct WakeOp {
    arch::AtomicOp op;
    u32 operand;
    unsigned comparison;
    i32 compared;
};

Result<WakeOp> decode(u32 encoded) {
    auto sign_extend12 = [](u32 n) { return static_cast<i32>(n << 20) >> 20; };
    unsigned op = encoded >> 28 & 7;
    i32 operand = sign_extend12(encoded >> 12 & 0xfff);
    if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT) operand = static_cast<i32>(u32{1} << (operand & 31));
    WakeOp result{{}, static_cast<u32>(operand), encoded >> 24 & 15, sign_extend12(encoded & 0xfff)};
    switch (op) {
    case FUTEX_OP_SET: result.op = arch::AtomicOp::set; break;
    case FUTEX_OP_ADD: result.op = arch::AtomicOp::add; break;
    case FUTEX_OP_OR: result.op = arch::AtomicOp::bit_or; break;
    case FUTEX_OP_ANDN: result.op = arch::AtomicOp::and_not; break;
    case FUTEX_OP_XOR: result.op = arch::AtomicOp::bit_xor; break;
    default: return err::nosys;
    }
    if (result.comparison > FUTEX_OP_CMP_GE) return err::nosys;
    return result;
}

bool compares(const WakeOp& op, i32 old) {
    switch (op.comparison) {
    case FUTEX_OP_CMP_EQ: return old == op.compared;
    case FUTEX_OP_CMP_NE: return old != op.compared;
    case FUTEX_OP_CMP_LT: return old < op.compared;
    case FUTEX_OP_CMP_LE: return old <= op.compared;
    case FUTEX_OP_CMP_GT: return old > op.compared;
    default: return old >= op.compared;
    }
}
} // namespace

Result<usize> wake_op(Word first, Word second, unsigned count1, unsigned count2, u32 encoded) {
    WakeOp op = TRY(decode(encoded));
    for (;;) {
        Ref<MemoryObject> keep_first, keep_second;
        Key key1 = TRY(key_of(first, keep_first)), key2 = TRY(key_of(second, keep_second));
        Bucket &bucket1 = bucket_of(key1), &bucket2 = bucket_of(key2);
        {
            HoldingBoth both{bucket1.lock, bucket2.lock};
            Result<u32> old = [&] {
                NoFaults no_faults;
                return arch::fetch_op_user(second.address, op.op, op.operand);
            }();
            if (old) {
                usize woken = TRY(wake_locked(bucket1, key1, count1, any_bit));
                if (compares(op, static_cast<i32>(*old))) woken += TRY(wake_locked(bucket2, key2, count2, any_bit));
                return woken;
            }
        }
        TRY(touch_for_write(second));
    }
}

namespace {
enum class Attempt { taken, queued, changed, absent };

/// One try at a PI futex whose word was seen as `seen`.
Attempt try_pi(Word word, u32 seen, u32 tid, Queued* queue) {
    Ref<MemoryObject> keep_alive;
    auto key = key_of(word, queue ? queue->keep_alive : keep_alive);
    if (!key) return Attempt::absent;
    Bucket& bucket = bucket_of(*key);
    Holding held{bucket.lock};
    bool is_free = !(seen & FUTEX_TID_MASK);
    // A free word may still be waited for: who takes it keeps the bits. An owned one gets the waiters' bit, also from
    // who does not wait.
    u32 wanted = is_free ? (seen & ~u32{FUTEX_TID_MASK}) | tid : seen | FUTEX_WAITERS;
    auto old = exchange_now(word, seen, wanted);
    if (!old) return Attempt::absent;
    if (*old != seen) return Attempt::changed;
    if (is_free) return Attempt::taken;
    if (!queue) return Attempt::queued;
    queue->key = *key;
    bucket.add(*queue);
    return Attempt::queued;
}

Result<> take_pi(Word word, u32 tid, OwnerAlive owner_alive, Queued* queue, bool& queued) {
    Ref<MemoryObject> keep_alive;
    TRY(key_of(word, keep_alive));
    for (;;) {
        u32 seen = TRY(arch::load_user(word.address));
        u32 owner = seen & FUTEX_TID_MASK;
        if (owner == tid) return err::deadlk;
        if (owner && !owner_alive(owner)) {
            if (TRY(arch::compare_exchange_user(word.address, seen, seen | FUTEX_WAITERS)) != seen)
                continue; // it let go as it died
            return err::srch;
        }
        switch (try_pi(word, seen, tid, queue)) {
        case Attempt::taken: return {};
        case Attempt::queued: queued = true; return {};
        case Attempt::changed: break;
        case Attempt::absent: TRY(touch_for_write(word)); break;
        }
    }
}

/// The longest waiter for ownership of a word, and whether others wait behind it.
struct NextOwner {
    Queued* waiter = nullptr;
    bool more = false;
};
NextOwner next_owner(Bucket& bucket, const Key& key) {
    NextOwner next;
    for (Queued* q = bucket.sleepers.first(); q; q = bucket.sleepers.after(*q)) {
        if (q->key != key || !q->pi_tid) continue;
        if (next.waiter) {
            next.more = true;
            break;
        }
        next.waiter = q;
    }
    return next;
}

/// Gives the word, if it is still `seen`, to the next waiter, or to nobody. `kept`: bits that stay set.
Attempt pass_on(Word word, u32 seen, u32 kept) {
    Ref<MemoryObject> keep_alive;
    auto key = key_of(word, keep_alive);
    if (!key) return Attempt::absent;
    Bucket& bucket = bucket_of(*key);
    Holding held{bucket.lock};
    NextOwner next = next_owner(bucket, *key);
    u32 wanted = kept | (next.waiter ? next.waiter->pi_tid : 0) | (next.more ? FUTEX_WAITERS : 0);
    auto old = exchange_now(word, seen, wanted);
    if (!old) return Attempt::absent;
    if (*old != seen) return Attempt::changed;
    if (next.waiter) wake_one(*next.waiter, bucket);
    return Attempt::taken;
}
} // namespace

Result<> lock_pi(Word word, u32 tid, Moment until, OwnerAlive owner_alive) {
    Sleeper self;
    Queued q;
    q.bits = any_bit;
    q.pi_tid = tid;
    q.sleeper = &self;
    bool queued = false;
    TRY(take_pi(word, tid, owner_alive, &q, queued));
    if (!queued) return {};
    Result<> slept = sleep_until_woken(q, self, until);
    if (slept == err::restartsys) return err::restartnointr;
    return slept;
}

Result<> try_lock_pi(Word word, u32 tid, OwnerAlive owner_alive) {
    bool owned = false;
    TRY(take_pi(word, tid, owner_alive, nullptr, owned));
    if (owned) return err::again;
    return {};
}

Result<> unlock_pi(Word word, u32 tid) {
    for (;;) {
        bool aligned = word.address % 4 == 0;
        u32 seen; // at once, as others change it; who does not own an unaligned one hears that first
        if (aligned)
            seen = TRY(arch::load_user(word.address));
        else
            TRY(arch::copy_in(&seen, word.address, sizeof seen));
        if ((seen & FUTEX_TID_MASK) != tid) return err::perm;
        if (!aligned) return err::inval;
        Attempt attempt = pass_on(word, seen, 0);
        if (attempt == Attempt::taken) return {};
        if (attempt == Attempt::absent) TRY(touch_for_write(word));
    }
}

namespace {
bool has_pi_waiter(Word word) {
    Ref<MemoryObject> keep_alive;
    auto key = key_of(word, keep_alive);
    if (!key) return false;
    Bucket& bucket = bucket_of(*key);
    Holding held{bucket.lock};
    return next_owner(bucket, *key).waiter;
}
} // namespace

void owner_died_pi(uptr address) {
    Word word{address, true};
    word.shared = !has_pi_waiter({address, false}); // the list does not say which kind it is
    for (;;) {
        auto seen = arch::load_user(word.address);
        if (!seen || word.address % 4 || (*seen & FUTEX_TID_MASK)) return;
        Attempt attempt = pass_on(word, *seen, FUTEX_OWNER_DIED);
        if (attempt == Attempt::taken) return;
        if (attempt == Attempt::absent && !touch_for_write(word)) return;
    }
}

Result<usize> wait_any(std::span<const WaitvEntry> entries, Moment until) {
    if (entries.empty() || entries.size() > FUTEX_WAITV_MAX) return err::inval;
    std::unique_ptr<Queued[]> queued{new (std::nothrow) Queued[entries.size()]};
    if (!queued) return err::nomem;
    Sleeper self;
    auto leave_all = [&](usize n) {
        std::optional<usize> woken;
        for (usize i = 0; i < n; i++)
            if (leave(queued[i]) && !woken) woken = i;
        return woken;
    };
    for (usize i = 0; i < entries.size(); i++) {
        queued[i].bits = any_bit;
        queued[i].sleeper = &self;
        auto done = enqueue_if(queued[i], entries[i].word, entries[i].expected);
        if (done) continue;
        if (auto woken = leave_all(i)) return *woken;
        return std::unexpected(done.error());
    }
    clocks::MomentSleeper sleeper{self, until};
    for (;;) {
        Result<> slept = sleeper.sleep();
        bool any = false;
        for (usize i = 0; i < entries.size() && slept; i++) any = any || was_woken(queued[i]);
        if (slept && !any) continue;
        if (auto woken = leave_all(entries.size())) return *woken;
        return std::unexpected(slept.error());
    }
}
} // namespace futex

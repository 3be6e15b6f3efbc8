#include "core/rng/rng.h"
#include "arch/api/clock.h"
#include "arch/api/cpu.h"
#include "core/log/log.h"
#include "core/rng/chacha.h"
#include "core/sync/lock.h"
#include "core/time/clock.h"
#include <algorithm>
#include <cstring>

namespace rng {
namespace {
/// What has been mixed in: a sponge over the ChaCha permutation with 256 bits of rate and 256 of capacity.
struct Pool {
    chacha::Block state{};
    void absorb(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            usize n = bytes.size() < 32 ? bytes.size() : 32;
            u32 words[8]{};
            std::memcpy(words, bytes.data(), n);
            for (unsigned i = 0; i < 8; i++) state[i] ^= words[i];
            state[15] += static_cast<u32>(n);
            chacha::permute(state);
            bytes = bytes.subspan(n);
        }
    }
    chacha::Key squeeze() {
        chacha::Key key;
        for (unsigned i = 0; i < 8; i++) key[i] = state[i];
        chacha::permute(state);
        for (unsigned i = 0; i < 8; i++) state[i] ^= key[i]; // the way back is closed: earlier keys cannot be found
        return key;
    }
};
constinit Guarded<Pool, Spinlock<Rank::random>> pool;
constinit std::atomic<u32> generation = 1; // of the pool: generators of an older one take a new key

/// Each CPU draws from its own key, so that nobody waits. Used with interrupts off.
struct alignas(64) Generator {
    chacha::Key key{};
    u32 generation = 0;
    // What number() has drawn and not given out yet.
    u32 numbers_left = 0;
    u64 numbers[4] = {};
    // Times of interrupts since the last reseed.
    u32 events = 0;
    u64 times[4] = {};
};
constinit Generator generators[arch::max_cpus];
constexpr u32 events_per_reseed = 256;

/// Bits mixed in that nobody else can know, and how many make a seed.
constinit std::atomic<unsigned> known = 0;
constexpr unsigned needed = 256;

void refill(Generator& g) {
    u32 now = generation.load(std::memory_order_acquire);
    if (g.generation == now) return;
    auto access = pool.lock();
    g.key = access->squeeze();
    g.generation = now;
    g.numbers_left = 0;
}

/// One block whose first half replaces the key; the other half is for the caller.
chacha::Key draw(Generator& g) {
    chacha::Block block = chacha::block(g.key, 0, {});
    chacha::Key out;
    for (unsigned i = 0; i < 8; i++) g.key[i] = block[i], out[i] = block[8 + i];
    return out;
}

chacha::Key one_time_key() {
    bool were_on = arch::irqs_save();
    Generator& g = generators[arch::cpu_id()];
    refill(g);
    chacha::Key key = draw(g);
    arch::irqs_restore(were_on);
    return key;
}

/// A loop that a timer interrupts. How far it gets depends on caches, memory refreshes and whatever else the host does.
struct Race final : Timer {
    Race() : Timer{[](Timer& t) { static_cast<Race&>(t).over.store(true, std::memory_order_relaxed); }} {}
    std::atomic<bool> over = false;
    u64 run(u64 length_ns) {
        over.store(false, std::memory_order_relaxed);
        arm(clocks::in(length_ns));
        u64 turns = 0;
        while (!over.load(std::memory_order_relaxed)) turns++;
        return turns;
    }
};

/// Mixes races in until they have brought what is needed. One brings a bit at most, and none if the two before it told
/// its length: then the next one is longer. Returns how many bits, after a second at the latest.
unsigned race_for_bits() {
    constexpr u64 patience_ns = 1'000'000'000, shortest_ns = 20'000, longest_ns = 640'000;
    Race race;
    unsigned bits = 0;
    u64 last = 0, last_step = 0, length = shortest_ns;
    for (u64 begin = clocks::monotonic_ns(); bits < needed && clocks::monotonic_ns() - begin < patience_ns;) {
        u64 turns = race.run(length), times[2] = {turns, arch::counter()};
        mix(std::as_bytes(std::span{times}));
        u64 step = turns - std::exchange(last, turns);
        if (step != 0 && step != last_step)
            bits++;
        else if (length < longest_ns)
            length *= 2;
        last_step = step;
    }
    return bits;
}
} // namespace

void init() {
    u64 words[8];
    usize n = 0;
    std::string_view source;
    for (u64& word : words) {
        auto number = arch::hardware_random();
        if (!number) break;
        word = number->value;
        source = number->source;
        n++;
    }
    if (n) add(source, std::as_bytes(std::span{words, n}), static_cast<unsigned>(n * 64));
    auto seed = arch::boot_seed();
    if (!seed.empty()) add("the boot loader", seed, static_cast<unsigned>(seed.size() * 8));
    u64 now = arch::counter();
    mix(std::as_bytes(std::span{&now, 1}));
}

void complete_seed() {
    if (known.load(std::memory_order_relaxed) >= needed) return;
    add("the times of interrupts", {}, race_for_bits());
    unsigned bits = known.load(std::memory_order_relaxed);
    if (bits >= needed) return;
    log(LogLevel::warning,
        "random: only {} unknown bits of {}: numbers may be guessed. Give the machine a CPU with RDRAND or Zkr.", bits,
        needed);
}

void add(std::string_view source, std::span<const std::byte> bytes, unsigned bits) {
    mix(bytes);
    unsigned before = known.load(std::memory_order_relaxed);
    while (!known.compare_exchange_weak(before, before < needed ? before + bits : before, std::memory_order_relaxed)) {}
    if (before < needed) log(LogLevel::info, "random: {} bits from {}", bits, source);
}

void mix(std::span<const std::byte> bytes) {
    constexpr usize at_once = 128; // as much as the lock is held for, with interrupts off
    for (usize done = 0; done < bytes.size(); done += at_once) {
        auto access = pool.lock();
        access->absorb(bytes.subspan(done, std::min(at_once, bytes.size() - done)));
    }
    generation.fetch_add(1, std::memory_order_release);
}

void mix_interrupt(unsigned line) {
    Generator& g = generators[arch::cpu_id()];
    u64& word = g.times[g.events % 4];
    word = std::rotl(word, 13) * 0x9e3779b97f4a7c15 + arch::counter() + line;
    if (++g.events % events_per_reseed == 0) mix(std::as_bytes(std::span{g.times}));
}

void fill(std::span<std::byte> to) {
    chacha::Key key = one_time_key();
    if (to.size() <= sizeof key) {
        std::memcpy(to.data(), key.data(), to.size());
        return;
    }
    for (u32 counter = 0; !to.empty(); counter++) {
        chacha::Block block = chacha::block(key, counter, {});
        usize n = to.size() < sizeof block ? to.size() : sizeof block;
        std::memcpy(to.data(), block.data(), n);
        to = to.subspan(n);
    }
}

u64 number() {
    bool were_on = arch::irqs_save();
    Generator& g = generators[arch::cpu_id()];
    refill(g);
    if (!g.numbers_left) {
        chacha::Key drawn = draw(g);
        static_assert(sizeof drawn == sizeof g.numbers);
        std::memcpy(g.numbers, drawn.data(), sizeof drawn);
        g.numbers_left = std::size(g.numbers);
    }
    u64 n = std::exchange(g.numbers[--g.numbers_left], 0);
    arch::irqs_restore(were_on);
    return n;
}

u64 below(u64 limit) {
    u64 excess = -limit % limit; // 2^64 mod limit: numbers below it would favour small results
    for (;;)
        if (u64 n = number(); n >= excess) return n % limit;
}
} // namespace rng

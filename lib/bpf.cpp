#include "lib/bpf.h"
#include <algorithm>
#include <array>
#include <bit>

namespace bpf {
namespace {
constexpr u32 ancillary_area = static_cast<u32>(SKF_AD_OFF);

/// Those that Linux takes.
constexpr u16 known[] = {
    BPF_ALU | BPF_ADD | BPF_K,
    BPF_ALU | BPF_ADD | BPF_X,
    BPF_ALU | BPF_SUB | BPF_K,
    BPF_ALU | BPF_SUB | BPF_X,
    BPF_ALU | BPF_MUL | BPF_K,
    BPF_ALU | BPF_MUL | BPF_X,
    BPF_ALU | BPF_DIV | BPF_K,
    BPF_ALU | BPF_DIV | BPF_X,
    BPF_ALU | BPF_MOD | BPF_K,
    BPF_ALU | BPF_MOD | BPF_X,
    BPF_ALU | BPF_AND | BPF_K,
    BPF_ALU | BPF_AND | BPF_X,
    BPF_ALU | BPF_OR | BPF_K,
    BPF_ALU | BPF_OR | BPF_X,
    BPF_ALU | BPF_XOR | BPF_K,
    BPF_ALU | BPF_XOR | BPF_X,
    BPF_ALU | BPF_LSH | BPF_K,
    BPF_ALU | BPF_LSH | BPF_X,
    BPF_ALU | BPF_RSH | BPF_K,
    BPF_ALU | BPF_RSH | BPF_X,
    BPF_ALU | BPF_NEG,
    BPF_LD | BPF_W | BPF_ABS,
    BPF_LD | BPF_H | BPF_ABS,
    BPF_LD | BPF_B | BPF_ABS,
    BPF_LD | BPF_W | BPF_LEN,
    BPF_LD | BPF_W | BPF_IND,
    BPF_LD | BPF_H | BPF_IND,
    BPF_LD | BPF_B | BPF_IND,
    BPF_LD | BPF_IMM,
    BPF_LD | BPF_MEM,
    BPF_LDX | BPF_W | BPF_LEN,
    BPF_LDX | BPF_B | BPF_MSH,
    BPF_LDX | BPF_IMM,
    BPF_LDX | BPF_MEM,
    BPF_ST,
    BPF_STX,
    BPF_MISC | BPF_TAX,
    BPF_MISC | BPF_TXA,
    BPF_RET | BPF_K,
    BPF_RET | BPF_A,
    BPF_JMP | BPF_JA,
    BPF_JMP | BPF_JEQ | BPF_K,
    BPF_JMP | BPF_JEQ | BPF_X,
    BPF_JMP | BPF_JGE | BPF_K,
    BPF_JMP | BPF_JGE | BPF_X,
    BPF_JMP | BPF_JGT | BPF_K,
    BPF_JMP | BPF_JGT | BPF_X,
    BPF_JMP | BPF_JSET | BPF_K,
    BPF_JMP | BPF_JSET | BPF_X,
};
constexpr u32 ancillaries[] = {SKF_AD_PROTOCOL,         SKF_AD_PKTTYPE,    SKF_AD_IFINDEX,   SKF_AD_NLATTR,
                               SKF_AD_NLATTR_NEST,      SKF_AD_MARK,       SKF_AD_QUEUE,     SKF_AD_HATYPE,
                               SKF_AD_RXHASH,           SKF_AD_CPU,        SKF_AD_ALU_XOR_X, SKF_AD_VLAN_TAG,
                               SKF_AD_VLAN_TAG_PRESENT, SKF_AD_PAY_OFFSET, SKF_AD_RANDOM,    SKF_AD_VLAN_TPID};

bool has_ancillary(const sock_filter& i) {
    return BPF_CLASS(i.code) == BPF_LD && BPF_MODE(i.code) == BPF_ABS && i.k >= ancillary_area;
}
bool is_conditional(u16 code) { return BPF_CLASS(code) == BPF_JMP && BPF_OP(code) != BPF_JA; }

/// `left`: how many instructions follow it.
bool is_good(const sock_filter& i, usize left) {
    if (!std::ranges::contains(known, i.code)) return false;
    switch (i.code) {
    case BPF_ALU | BPF_DIV | BPF_K:
    case BPF_ALU | BPF_MOD | BPF_K: return i.k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K: return i.k < 32;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX: return i.k < BPF_MEMWORDS;
    case BPF_JMP | BPF_JA: return i.k < left;
    default: break;
    }
    if (is_conditional(i.code)) return i.jt < left && i.jf < left;
    return !has_ancillary(i) || std::ranges::contains(ancillaries, i.k - ancillary_area);
}

/// Whether each word of memory is written before it is read, by every way that leads there.
Result<> check_memory(std::span<const sock_filter> code) {
    Vector<u16> written; // on all ways to an instruction, by bit
    TRY(written.reserve(code.size()));
    for (usize i = 0; i < code.size(); i++) TRY(written.push(0xffff));
    u16 now = 0;
    for (usize at = 0; at < code.size(); at++) {
        const sock_filter& i = code[at];
        now &= written[at];
        auto leads_to = [&](usize to) { written[to] &= now; };
        switch (i.code) {
        case BPF_ST:
        case BPF_STX: now |= static_cast<u16>(1u << i.k); break;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
            if (!(now >> i.k & 1)) return err::inval;
            break;
        case BPF_JMP | BPF_JA:
            leads_to(at + 1 + i.k);
            now = 0xffff;
            break;
        default:
            if (!is_conditional(i.code)) break;
            leads_to(at + 1 + i.jt);
            leads_to(at + 1 + i.jf);
            now = 0xffff;
        }
    }
    return {};
}

/// A, X, and the words of memory.
struct Machine {
    u32 a = 0, x = 0;
    std::array<u32, BPF_MEMWORDS> memory{};

    /// False: it divides by zero.
    bool compute(const sock_filter& i) {
        u32 by = BPF_SRC(i.code) == BPF_X ? x : i.k;
        switch (BPF_OP(i.code)) {
        case BPF_ADD: a += by; break;
        case BPF_SUB: a -= by; break;
        case BPF_MUL: a *= by; break;
        case BPF_DIV:
        case BPF_MOD:
            if (!by) return false;
            a = BPF_OP(i.code) == BPF_DIV ? a / by : a % by;
            break;
        case BPF_AND: a &= by; break;
        case BPF_OR: a |= by; break;
        case BPF_XOR: a ^= by; break;
        case BPF_LSH: a <<= by & 31; break;
        case BPF_RSH: a >>= by & 31; break;
        case BPF_NEG: a = 0 - a; break;
        }
        return true;
    }
    /// By how many instructions it jumps.
    u32 jump(const sock_filter& i) const {
        u32 by = BPF_SRC(i.code) == BPF_X ? x : i.k;
        switch (BPF_OP(i.code)) {
        case BPF_JA: return i.k;
        case BPF_JEQ: return a == by ? i.jt : i.jf;
        case BPF_JGE: return a >= by ? i.jt : i.jf;
        case BPF_JGT: return a > by ? i.jt : i.jf;
        default: return a & by ? i.jt : i.jf;
        }
    }
    /// False: that is not there.
    bool load(const sock_filter& i, const Subject& s) {
        switch (BPF_MODE(i.code)) {
        case BPF_IMM: a = i.k; return true;
        case BPF_MEM: a = memory[i.k]; return true;
        case BPF_LEN: a = s.size(); return true;
        case BPF_ABS:
            if (!has_ancillary(i)) return load_bytes(i.code, i.k, s);
            if (i.k - ancillary_area == SKF_AD_ALU_XOR_X)
                a ^= x;
            else
                a = s.ancillary(i.k - ancillary_area);
            return true;
        default: return load_bytes(i.code, i.k + x, s);
        }
    }
    bool load_index(const sock_filter& i, const Subject& s) {
        std::byte b;
        switch (BPF_MODE(i.code)) {
        case BPF_IMM: x = i.k; return true;
        case BPF_MEM: x = memory[i.k]; return true;
        case BPF_LEN: x = s.size(); return true;
        default: // an IPv4 header's length
            if (!s.load(i.k, {&b, 1})) return false;
            x = (std::to_integer<u32>(b) & 15) * 4;
            return true;
        }
    }

private:
    bool load_bytes(u16 code, u32 at, const Subject& s) {
        usize n = BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
        std::array<std::byte, 4> bytes{};
        if (!s.load(at, std::span{bytes}.last(n))) return false;
        a = std::byteswap(std::bit_cast<u32>(bytes));
        return true;
    }
};
static_assert(std::endian::native == std::endian::little);
} // namespace

Result<Ref<Program>> Program::create(std::span<const sock_filter> code) {
    if (code.empty() || code.size() > most_instructions) return err::inval;
    for (usize i = 0; i < code.size(); i++)
        if (!is_good(code[i], code.size() - 1 - i)) return err::inval;
    if (BPF_CLASS(code.back().code) != BPF_RET) return err::inval;
    TRY(check_memory(code));
    Vector<sock_filter> kept;
    TRY(kept.append(code));
    return make_ref<Program>(std::move(kept));
}

u32 Program::run(const Subject& s) const {
    Machine m;
    for (const sock_filter* i = code_.begin();; i++) {
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            if (!m.load(*i, s)) return 0;
            break;
        case BPF_LDX:
            if (!m.load_index(*i, s)) return 0;
            break;
        case BPF_ST: m.memory[i->k] = m.a; break;
        case BPF_STX: m.memory[i->k] = m.x; break;
        case BPF_ALU:
            if (!m.compute(*i)) return 0;
            break;
        case BPF_JMP: i += m.jump(*i); break;
        case BPF_RET: return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
        default: BPF_MISCOP(i->code) == BPF_TAX ? m.x = m.a : m.a = m.x;
        }
    }
}
} // namespace bpf

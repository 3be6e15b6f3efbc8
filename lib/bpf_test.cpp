#include "lib/bpf.h"
#include <cstring>
#include <gtest/gtest.h>
#include <initializer_list>
#include <string>

namespace {
class Bytes final : public bpf::Subject {
public:
    explicit Bytes(std::string of) : of_{std::move(of)} {}
    bool load(u32 offset, std::span<std::byte> to) const override {
        if (offset > of_.size() || to.size() > of_.size() - offset) return false;
        std::memcpy(to.data(), of_.data() + offset, to.size());
        return true;
    }
    u32 size() const override { return static_cast<u32>(of_.size()); }
    u32 ancillary(u32 which) const override { return 1000 + which; }

private:
    std::string of_;
};

Result<Ref<bpf::Program>> make(std::initializer_list<sock_filter> code) {
    return bpf::Program::create({code.begin(), code.size()});
}
u32 run(std::initializer_list<sock_filter> code, const std::string& on = {"\x45\x02\x03\x04\x05", 5}) {
    auto p = make(code);
    EXPECT_TRUE(p);
    return p ? (*p)->run(Bytes{on}) : ~0u;
}
constexpr sock_filter ret_a = BPF_STMT(BPF_RET | BPF_A, 0), tax = BPF_STMT(BPF_MISC | BPF_TAX, 0);
constexpr sock_filter imm(u32 k) { return BPF_STMT(BPF_LD | BPF_IMM, k); }
constexpr sock_filter ret(u32 k) { return BPF_STMT(BPF_RET | BPF_K, k); }
} // namespace

TEST(Bpf, Loads) {
    EXPECT_EQ(run({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 1), ret_a}), 0x02030405u);
    EXPECT_EQ(run({BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 3), ret_a}), 0x0405u);
    EXPECT_EQ(run({BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 4), ret_a}), 5u);
    EXPECT_EQ(run({BPF_STMT(BPF_LDX | BPF_IMM, 2), BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1), ret_a}), 4u);
    EXPECT_EQ(run({BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), BPF_STMT(BPF_MISC | BPF_TXA, 0), ret_a}), 20u);
    EXPECT_EQ(run({BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), ret_a}), 5u);
    EXPECT_EQ(run({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<u32>(SKF_AD_OFF) + SKF_AD_IFINDEX), ret_a}), 1008u);
    EXPECT_EQ(run({imm(6), BPF_STMT(BPF_LDX | BPF_IMM, 3),
                   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<u32>(SKF_AD_OFF) + SKF_AD_ALU_XOR_X), ret_a}),
              5u);
    // Beyond the end: nothing is wanted.
    EXPECT_EQ(run({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), ret(7)}), 0u);
    EXPECT_EQ(run({BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 5), ret(7)}), 0u);
    EXPECT_EQ(run({BPF_STMT(BPF_LDX | BPF_IMM, ~0u), BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1), ret_a}), 0x45u); // wraps
}

TEST(Bpf, Arithmetic) {
    struct {
        u16 op;
        u32 a, by, is;
    } const cases[] = {{BPF_ADD, ~0u, 2, 1}, {BPF_SUB, 1, 2, ~0u}, {BPF_MUL, 0x10001, 0x10000, 0x10000},
                       {BPF_DIV, 7, 2, 3},   {BPF_MOD, 7, 4, 3},   {BPF_AND, 6, 3, 2},
                       {BPF_OR, 6, 3, 7},    {BPF_XOR, 6, 3, 5},   {BPF_LSH, 3, 31, 1u << 31},
                       {BPF_RSH, ~0u, 31, 1}};
    for (const auto& c : cases) {
        EXPECT_EQ(run({imm(c.a), BPF_STMT(u16(BPF_ALU | c.op | BPF_K), c.by), ret_a}), c.is);
        EXPECT_EQ(run({imm(c.by), tax, imm(c.a), BPF_STMT(u16(BPF_ALU | c.op | BPF_X), 0), ret_a}), c.is);
    }
    EXPECT_EQ(run({imm(1), BPF_STMT(BPF_ALU | BPF_NEG, 0), ret_a}), ~0u);
    for (u16 op : {BPF_DIV, BPF_MOD}) EXPECT_EQ(run({imm(1), BPF_STMT(u16(BPF_ALU | op | BPF_X), 0), ret(7)}), 0u);
    EXPECT_EQ(run({imm(33), tax, imm(1), BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0), ret_a}), 2u);
}

TEST(Bpf, JumpsAndMemory) {
    auto taken = [](u16 op, u32 a, u32 k) {
        return run({imm(k), tax, imm(a), BPF_JUMP(u16(BPF_JMP | op | BPF_K), k, 1, 0), ret(0),
                    BPF_JUMP(u16(BPF_JMP | op | BPF_X), 0, 1, 0), ret(2), ret(1)});
    };
    EXPECT_EQ(taken(BPF_JEQ, 5, 5), 1u);
    EXPECT_EQ(taken(BPF_JEQ, 5, 6), 0u);
    EXPECT_EQ(taken(BPF_JGT, 6, 5), 1u);
    EXPECT_EQ(taken(BPF_JGT, 5, 5), 0u);
    EXPECT_EQ(taken(BPF_JGE, 5, 5), 1u);
    EXPECT_EQ(taken(BPF_JGE, 4, 5), 0u);
    EXPECT_EQ(taken(BPF_JSET, 6, 2), 1u);
    EXPECT_EQ(taken(BPF_JSET, 5, 2), 0u);
    EXPECT_EQ(run({BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), ret(1), ret(2)}), 2u);
    EXPECT_EQ(run({imm(9), BPF_STMT(BPF_ST, 15), imm(0), BPF_STMT(BPF_LD | BPF_MEM, 15), ret_a}), 9u);
    EXPECT_EQ(run({BPF_STMT(BPF_LDX | BPF_IMM, 8), BPF_STMT(BPF_STX, 0), BPF_STMT(BPF_LD | BPF_MEM, 0), ret_a}), 8u);
}

TEST(Bpf, WhatIsRefused) {
    EXPECT_EQ(make({}), err::inval);
    EXPECT_EQ(make({imm(1)}), err::inval); // no return
    EXPECT_EQ(make({BPF_STMT(0xffff, 0), ret(1)}), err::inval);
    EXPECT_EQ(make({BPF_STMT(BPF_RET | BPF_X, 0)}), err::inval);
    for (u16 op : {BPF_DIV, BPF_MOD}) EXPECT_EQ(make({BPF_STMT(u16(BPF_ALU | op | BPF_K), 0), ret(1)}), err::inval);
    for (u16 op : {BPF_LSH, BPF_RSH}) EXPECT_EQ(make({BPF_STMT(u16(BPF_ALU | op | BPF_K), 32), ret(1)}), err::inval);
    EXPECT_EQ(make({BPF_STMT(BPF_ST, 16), ret(1)}), err::inval);
    EXPECT_EQ(make({BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), ret(1)}), err::inval);
    EXPECT_EQ(make({BPF_JUMP(BPF_JMP | BPF_JA, ~0u, 0, 0), ret(1)}), err::inval);
    EXPECT_EQ(make({BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), ret(1)}), err::inval);
    EXPECT_EQ(make({BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), ret(1)}), err::inval);
    EXPECT_EQ(make({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<u32>(SKF_AD_OFF) + 2), ret(1)}), err::inval);
    // Read before it is written, by one way of two.
    EXPECT_EQ(make({BPF_STMT(BPF_LD | BPF_MEM, 0), ret_a}), err::inval);
    EXPECT_EQ(
        make({BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), ret_a}),
        err::inval);
    EXPECT_TRUE(make({BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_ST, 3),
                      BPF_STMT(BPF_LD | BPF_MEM, 3), ret_a}));
    Vector<sock_filter> longest;
    for (usize i = 0; i < bpf::most_instructions; i++) ASSERT_TRUE(longest.push(ret(1)));
    EXPECT_TRUE(bpf::Program::create(longest));
    ASSERT_TRUE(longest.push(ret(1)));
    EXPECT_EQ(bpf::Program::create(longest), err::inval);
}

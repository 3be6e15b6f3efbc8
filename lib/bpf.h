// Classic BPF as Linux has it (Documentation/networking/filter.rst): checked programs, and what runs them.
#pragma once
#include "lib/memory.h"
#include "lib/types.h"
#include "lib/vector.h"
#include <linux/filter.h>
#include <span>

namespace bpf {
inline constexpr usize most_instructions = 4096; // BPF_MAXINSNS

/// What a program looks at.
class Subject {
public:
    /// Copies bytes from `offset` on; offsets from SKF_LL_OFF on count from the link's header, those from SKF_NET_OFF
    /// on from the network's. False: they are not all there.
    virtual bool load(u32 offset, std::span<std::byte> to) const = 0;
    virtual u32 size() const = 0;
    /// SKF_AD_* but for SKF_AD_ALU_XOR_X.
    virtual u32 ancillary(u32 which) const = 0;

protected:
    ~Subject() = default;
};

/// A program for sockets. Never changes; shared by those who run it.
class Program : public RefCounted<Program> {
public:
    /// err::inval: Linux would not take it: an unknown instruction, a jump out of it, a read of memory that was not
    /// written, no return at the end; err::nomem.
    static Result<Ref<Program>> create(std::span<const sock_filter>);
    /// What it returns: how many bytes are wanted; 0 of what reads beyond the end or divides by zero. Always ends:
    /// jumps lead forwards.
    u32 run(const Subject&) const;
    std::span<const sock_filter> code() const { return code_; }

    explicit Program(Vector<sock_filter> code) : code_{std::move(code)} {}

private:
    const Vector<sock_filter> code_;
};
} // namespace bpf

#include "arch/api/machine.h"
#include "core/rng/rng.h"
#include "kernel/process/exec/load.h"
#include <algorithm>
#include <cstring>
#include <linux/auxvec.h>
#include <linux/elf.h>

namespace exec {
namespace {
constexpr usize string_max = 128 * KiB;    // MAX_ARG_STRLEN
constexpr usize initial_stack = 132 * KiB; // mapped at once; more on demand
constexpr u64 stack_limit_most = 6 * MiB;  // of arguments and environment: 3/4 of the default limit

/// Fills the new stack from the top down, in memory that is not loaded: through a buffer, since each write there has to
/// find the page.
class Builder {
public:
    Builder(AddressSpace& space, uptr top) : space_{space}, at_{top}, written_{top} {}
    /// `alignment`: at most 16.
    Result<uptr> bytes(std::span<const std::byte> what, uptr alignment = 1) {
        static constexpr std::byte zeros[16]{};
        TRY(put({zeros, (at_ - what.size()) & (alignment - 1)}));
        TRY(put(what));
        return at_;
    }
    /// With its null.
    Result<uptr> text(std::string_view s) {
        static constexpr std::byte null{};
        TRY(put({&null, 1}));
        return bytes(std::as_bytes(std::span{s}));
    }
    uptr at() const { return at_; }
    /// Last of all.
    Result<> flush() {
        usize n = written_ - at_;
        if (space_.write_memory(at_, {buffer_ + sizeof buffer_ - n, n}, true) != n) return err::nomem;
        written_ = at_;
        return {};
    }

private:
    Result<> put(std::span<const std::byte> what) {
        while (!what.empty()) {
            usize room = sizeof buffer_ - (written_ - at_), n = std::min(what.size(), room);
            std::memcpy(buffer_ + room - n, what.data() + what.size() - n, n);
            what = what.first(what.size() - n);
            at_ -= n;
            if (n == room) TRY(flush());
        }
        return {};
    }

    AddressSpace& space_;
    uptr at_, written_; // all above `written_` is in the stack, the rest at the buffer's end
    std::byte buffer_[1024];
};

/// Total bytes of the strings and their pointers, within what execve(2) allows.
Result<usize> measure(Task& task, const Request& request) {
    u64 quarter = task.process().limits.soft(RLIMIT_STACK) / 4;
    u64 limit = std::min(std::max(quarter, u64{128 * KiB}), stack_limit_most);
    usize total = request.path.size() + 1;
    auto add = [&](const Vector<String>& list) -> Result<> {
        for (const String& s : list) {
            if (s.size() >= string_max) return err::toobig;
            total += s.size() + 1 + sizeof(uptr);
            if (total > limit) return err::toobig;
        }
        return {};
    };
    TRY(add(request.arguments));
    TRY(add(request.environment));
    return total;
}

/// The words at the bottom: argc, argv, envp, auxv.
class Words {
public:
    Result<> reserve(usize n) { return words_.reserve(n); }
    Result<> add(u64 word) { return words_.push(word); }
    Result<> pair(u64 key, u64 value) {
        TRY(add(key));
        return add(value);
    }
    std::span<const std::byte> bytes() const { return std::as_bytes(std::span<const u64>{words_}); }
    usize count() const { return words_.size(); }
    /// A copy of those from `first` on.
    Result<Vector<u64>> from(usize first) const {
        Vector<u64> copy;
        TRY(copy.reserve(words_.size() - first));
        for (usize i = first; i < words_.size(); i++) TRY(copy.push(words_[i]));
        return copy;
    }

private:
    Vector<u64> words_;
};

struct Placed {
    uptr random, platform, path, vdso;
};

Result<> add_auxiliary(Words& words, const Auxiliary& aux, const Loaded& loaded, const Placed& placed) {
    const arch::UserCpu& cpu = arch::user_cpu();
    const Credentials& who = *loaded.credentials;
    if (placed.vdso) TRY(words.pair(AT_SYSINFO_EHDR, placed.vdso));
    TRY(words.pair(AT_HWCAP, cpu.hwcap));
    TRY(words.pair(AT_PAGESZ, page_size));
    TRY(words.pair(AT_CLKTCK, 100));
    TRY(words.pair(AT_PHDR, aux.headers));
    TRY(words.pair(AT_PHENT, sizeof(Elf64_Phdr)));
    TRY(words.pair(AT_PHNUM, aux.header_count));
    TRY(words.pair(AT_BASE, aux.base));
    TRY(words.pair(AT_FLAGS, 0));
    TRY(words.pair(AT_ENTRY, aux.entry));
    TRY(words.pair(AT_UID, who.shown(who.uid)));
    TRY(words.pair(AT_EUID, who.shown(who.euid)));
    TRY(words.pair(AT_GID, who.shown(who.gid)));
    TRY(words.pair(AT_EGID, who.shown(who.egid)));
    TRY(words.pair(AT_SECURE, loaded.secure));
    TRY(words.pair(AT_RANDOM, placed.random));
    TRY(words.pair(AT_HWCAP2, cpu.hwcap2));
    if (cpu.minimum_signal_stack) TRY(words.pair(51 /* AT_MINSIGSTKSZ, in newer headers */, cpu.minimum_signal_stack));
    TRY(words.pair(AT_EXECFN, placed.path));
    if (placed.platform) TRY(words.pair(AT_PLATFORM, placed.platform));
    return words.pair(AT_NULL, 0);
}

/// Copies the strings to the top of the stack; their addresses follow from their order.
Result<uptr> put_strings(Builder& to, const Vector<String>& list) {
    for (usize i = list.size(); i-- > 0;) TRY(to.text(list[i]));
    return to.at();
}
Result<> add_pointers(Words& words, const Vector<String>& list, uptr at) {
    for (const String& s : list) {
        TRY(words.add(at));
        at += s.size() + 1;
    }
    return words.add(0);
}
} // namespace

Result<> make_stack(Task& task, const Request& request, const Auxiliary& aux, Loaded& loaded) {
    AddressSpace& space = *loaded.space;
    usize strings = TRY(measure(task, request));
    uptr top = arch::user_top - page_size - page_down(rng::below(arch::user_top >> 11));
    usize size = page_up(strings + (request.arguments.size() + request.environment.size()) * 8) + initial_stack;
    TRY(space.map({.address = top - size,
                   .size = size,
                   .access = arch::page_read | arch::page_write,
                   .fixed = true,
                   .replace = false,
                   .grows_down = true,
                   .label = std::string_view{"[stack]"}}));
    [[clang::uninitialized]] Builder stack{space, top - 8}; // Linux leaves a null word at the very top
    auto& layout = space.layout;
    Placed placed{};
    placed.path = TRY(stack.text(request.path));
    layout.environment_end = stack.at();
    uptr environment = TRY(put_strings(stack, request.environment));
    layout.environment_start = layout.arguments_end = environment;
    uptr arguments = layout.arguments_start = TRY(put_strings(stack, request.arguments));
    const u64 random[] = {rng::number(), rng::number()};
    placed.random = TRY(stack.bytes(std::as_bytes(std::span{random}), 16));
    if (auto platform = arch::user_cpu().platform; !platform.empty()) placed.platform = TRY(stack.text(platform));
    placed.vdso = layout.vdso;

    Words words;
    TRY(words.reserve(request.arguments.size() + request.environment.size() + 64));
    TRY(words.add(request.arguments.size()));
    TRY(add_pointers(words, request.arguments, arguments));
    TRY(add_pointers(words, request.environment, environment));
    usize auxiliary = words.count();
    TRY(add_auxiliary(words, aux, loaded, placed));
    space.auxiliary = TRY(make_ref<AddressSpace::Auxiliary>(TRY(words.from(auxiliary))));
    loaded.stack = TRY(stack.bytes(words.bytes(), 16));
    TRY(stack.flush());
    layout.stack_start = loaded.stack;
    return {};
}
} // namespace exec

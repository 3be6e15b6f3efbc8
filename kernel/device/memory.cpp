// null, zero, full, random, urandom: mem(4), random(4).
#include "arch/api/user_copy.h"
#include "core/rng/rng.h"
#include "core/sched/thread.h"
#include "kernel/device/devices.h"
#include "kernel/vfs/open_file.h"
#include <algorithm>
#include <linux/fs.h>
#include <linux/random.h>

namespace device {
namespace {
enum Minor : u32 { null = 3, zero = 5, full = 7, random_ = 8, urandom = 9, kmsg = 11 };

/// Zeros; a signal ends a long read early.
Result<usize> read_zeros(Sink& to) {
    constexpr usize chunk = 64 * KiB;
    usize sum = 0;
    do {
        usize n = std::min(to.remaining(), chunk);
        auto put = to.put_zeros(n);
        if (!put) return sum ? Result<usize>{sum} : put;
        sum += *put;
        if (*put < n) break;
    } while (!to.done() && !Thread::current().interrupted());
    return sum;
}

/// What the random number generator gives; a signal ends a long read early.
Result<usize> read_random(Sink& to) {
    std::byte bytes[256];
    usize sum = 0;
    while (!to.done()) {
        usize n = to.remaining() < sizeof bytes ? to.remaining() : sizeof bytes;
        rng::fill(std::span{bytes, n});
        auto put = to.put({bytes, n});
        if (!put) return sum ? Result<usize>{sum} : put;
        sum += *put;
        if (*put < n || (sum % page_size == 0 && Thread::current().interrupted())) break; // short ones come whole
    }
    return sum;
}

/// Likewise.
Result<usize> mix_random(Source& from) {
    std::byte bytes[256];
    usize sum = 0;
    while (!from.done()) {
        auto n = from.get(bytes);
        if (!n) return sum ? Result<usize>{sum} : n;
        rng::mix(std::span{bytes, *n});
        sum += *n;
        if (*n < sizeof bytes || (sum % page_size == 0 && Thread::current().interrupted())) break;
    }
    return sum;
}

class MemoryFile final : public vfs::PlacedFile {
public:
    MemoryFile(const vfs::Path& place, u32 file_flags, Minor minor) : PlacedFile{place, file_flags}, minor_{minor} {}

    Result<usize> read(Sink& to, u64*) override {
        if (minor_ == null || to.done()) return 0;
        if (minor_ == zero || minor_ == full) return read_zeros(to);
        return read_random(to);
    }
    Result<usize> write(Source& from, u64*) override {
        if (minor_ == full) {
            if (from.done()) return 0;
            return err::nospc;
        }
        if (minor_ == random_ || minor_ == urandom) return mix_random(from);
        return from.skip(from.remaining());
    }
    bool pollable() override { return minor_ == random_; }
    /// Offsets mean nothing, but seeking is no error.
    bool seekable() const override { return true; }
    Result<u64> seek(u64, i64, int) override { return 0; }

    Result<Ref<MemoryObject>> memory_object() override {
        if (minor_ != zero) return err::nodev;
        // As large as any mapping can ask for; only pages that are touched exist.
        constexpr u64 limit = u64{1} << 46;
        return make_shared_memory(limit);
    }
    Result<i64> ioctl(unsigned request, uptr argument) override {
        if (minor_ != random_ && minor_ != urandom) return err::notty;
        if (request == RNDADDTOENTCNT) return err::perm;
        if (request != RNDGETENTCNT) return err::notty;
        TRY(arch::copy_out(argument, &rng::pool_bits, sizeof rng::pool_bits));
        return 0;
    }

private:
    const Minor minor_;
};

class MemoryDevices final : public CharacterDevice {
public:
    Result<Ref<File>> open(u64 device, const vfs::Path& path, u32 flags) override {
        switch (u32 n = minor(device)) {
        case null:
        case zero:
        case full:
        case random_:
        case urandom: return TRY(make_ref<MemoryFile>(path, flags, static_cast<Minor>(n)));
        case kmsg: return open_log(path, flags);
        default: return err::nxio;
        }
    }
    std::string_view name() const override { return "mem"; }
};
constinit MemoryDevices the_memory_devices;
} // namespace

CharacterDevice& memory_devices() { return the_memory_devices; }
} // namespace device

// What kernel/file and kernel/vfs need of the kernel around them.
#include "files.h"
#include "core/mm/object.h"
#include "core/rng/rng.h"
#include "kernel/credentials/credentials.h"
#include "kernel/file/current.h"
#include "kernel/ipc/pipe.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/operations.h"
#include "kernel/views/view.h"
#include <random>

void MemoryObject::unmap(u64, u64, bool) {}
bool MemoryObject::is_locked(u64) { return false; }
u64 rng::number() {
    static thread_local std::mt19937_64 random{42};
    return random();
}
void rng::fill(std::span<std::byte> bytes) {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(number());
}
u64 rng::below(u64 limit) { return number() % limit; }

std::atomic<unsigned> host::broken_pipes = 0;
bool host::view_ready() {
    static bool ready = View::init_root().has_value();
    return ready;
}
bool host::files_ready() {
    static bool ready = [] {
        pipes::init();
        return vfs::init().has_value();
    }();
    return ready;
}

namespace file {
u64 size_limit() { return ~u64{0}; }
Result<> check_size(u64) { return {}; }
void broken_pipe() { host::broken_pipes++; }
bool interrupted() { return false; }
bool killed() { return false; }
const Credentials* credentials() {
    static const Credentials root;
    return &root;
}
} // namespace file
Result<Ref<File>> device::open_character(u64, const vfs::Path&, u32) { return err::nxio; }

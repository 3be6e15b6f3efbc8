#include "kernel/vfs/device.h"
#include "kernel/credentials/caller.h"
#include "kernel/views/view.h"

namespace device {
namespace {
// Filled at boot, then only read.
constinit std::atomic<CharacterDevice*> table[512]{};
} // namespace

Result<> register_character(u32 major, CharacterDevice& device) {
    if (major >= std::size(table)) return err::inval;
    CharacterDevice* none = nullptr;
    if (!table[major].compare_exchange_strong(none, &device)) return err::busy;
    return {};
}

Result<Ref<File>> open_character(u64 device, const vfs::Path& path, u32 flags) {
    Caller* who = Caller::current();
    if (who && !who->view().is_root() && !allowed_in_container(device)) return err::perm;
    u32 n = major(device);
    auto* driver = n < std::size(table) ? table[n].load(std::memory_order_acquire) : nullptr;
    if (!driver) return err::nxio;
    return driver->open(device, path, flags);
}

void print_devices(Writer& out) {
    out.write("Character devices:\n");
    for (u32 n = 0; n < std::size(table); n++)
        if (auto* driver = table[n].load(std::memory_order_acquire)) print(out, "{:>3} {}\n", n, driver->name());
    out.write("\nBlock devices:\n");
}
} // namespace device

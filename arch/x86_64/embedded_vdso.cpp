// cmake/vdso.cmake embeds the image.
#include "arch/api/code.h"
#include "arch/api/vdso.h"
#include "arch/x86_64/port_internal.h"

extern "C" const std::byte vdso_start[], vdso_end[];
extern "C" const u64 vdso_sigreturn_at;

namespace arch {
std::span<const std::byte> vdso_image() {
    return {static_cast<const std::byte*>(direct(x86::image_physical(vdso_start))),
            static_cast<usize>(vdso_end - vdso_start)};
}
usize vdso_sigreturn_offset() { return vdso_sigreturn_at; }
void sync_instructions() {}
void sync_instructions(const std::atomic<u64>&) {}
} // namespace arch

// libFuzzer: whatever an initramfs holds, unpacking ends, and what it made can be walked.
#include "boot/initramfs.h"
#include "tests/fuzz/tree.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    FuzzTree tree;
    (void)boot::unpack_initramfs(tree.walker, {reinterpret_cast<const std::byte*>(data), size});
    (void)vfs::resolve(tree.walker, "a/b/../c/.", vfs::walk_follow);
    return 0;
}

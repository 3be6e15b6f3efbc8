#include "kernel/vfs/memfd.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/open_file.h"
#include "kernel/vfs/page_cache.h"
#include "kernel/views/view.h"
#include <linux/stat.h>

namespace vfs {
/// Each file has a tmpfs of its own: it goes with the file, and no limit is shared.
Result<Ref<File>> make_memory_file(std::string_view name, const Credentials& who, u32 mode, u32 seals) {
    const FilesystemType* tmpfs = find_filesystem("tmpfs");
    if (!tmpfs) return err::nosys;
    auto sb = TRY(tmpfs->mount({.source = "memfd", .options = "size=0", .flags = 0, .view = View::root()}));
    auto tree = TRY(MountTree::create(sb, "memfd", 0));
    Path root = tree->root();
    auto inode =
        TRY(root.inode().directory()->create_unnamed({.mode = S_IFREG | mode, .uid = who.fsuid, .gid = who.fsgid}));
    if (seals) TRY(inode->pages()->add_seals(seals));
    char label[260];
    BufferWriter text{label};
    print(text, "memfd:{}", name);
    auto d = TRY(DentryCache::make(*root.dentry, text.text().substr(0, name_max), std::move(inode)));
    DentryCache::set_unlinked(*d, true);
    return open_uncounted({root.mount, std::move(d)}, O_RDWR | O_LARGEFILE);
}
} // namespace vfs

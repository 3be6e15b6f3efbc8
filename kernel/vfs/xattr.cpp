#include "kernel/vfs/xattr.h"
#include "kernel/vfs/file_capabilities.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/permission.h"
#include <algorithm>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <linux/xattr.h>

namespace vfs {
namespace {
Result<> check(const Path& at, const Credentials& who, std::string_view name, unsigned may) {
    bool writes = may & may_write;
    Inode& inode = at.inode();
    if (writes && at.mount->read_only()) return err::rofs;
    if (writes && inode.unchangeable()) return err::perm;
    if (name.starts_with(XATTR_TRUSTED_PREFIX))
        return who.can_everywhere(CAP_SYS_ADMIN) ? Result<>{} : writes ? Result<>{err::perm} : Result<>{err::nodata};
    if (name.starts_with(XATTR_SECURITY_PREFIX)) {
        Protection p = inode.protection();
        bool may_write =
            name == XATTR_NAME_CAPS ? who.can_over(p.uid, p.gid, CAP_SETFCAP) : who.can_everywhere(CAP_SYS_ADMIN);
        return writes && !may_write ? Result<>{err::perm} : Result<>{};
    }
    if (name.starts_with(XATTR_SYSTEM_PREFIX)) return err::opnotsupp;
    if (!name.starts_with(XATTR_USER_PREFIX)) {
        TRY(check_mode(inode, who, may));
        return err::opnotsupp;
    }
    // The user's name space: like the content of the file, and only where there is content.
    if (!inode.is_regular() && !inode.is_directory()) return writes ? Result<>{err::perm} : Result<>{err::nodata};
    if (writes && inode.is_directory() && inode.protection().mode & S_ISVTX && !owns(inode, who)) return err::perm;
    return check_mode(inode, who, may);
}
} // namespace

Result<> set_xattr(const Path& at, const Credentials& who, std::string_view name, std::span<const std::byte> value,
                   int flags) {
    CapabilityValue capabilities;
    if (name == XATTR_NAME_CAPS && !at.mount->read_only()) {
        capabilities = TRY(check_capability_value(value, who));
        value = std::span{capabilities.bytes}.first(capabilities.size);
    }
    TRY(check(at, who, name, may_write));
    TRY(at.inode().set_xattr(name, value, flags));
    notify(at, IN_ATTRIB);
    return {};
}
Result<usize> get_xattr(const Path& at, const Credentials& who, std::string_view name, std::span<std::byte> to) {
    TRY(check(at, who, name, may_read));
    if (name != XATTR_NAME_CAPS || !who.users) return at.inode().get_xattr(name, to);
    CapabilityValue shown = TRY(shown_capability_value(at.inode(), who));
    if (!to.empty() && to.size() < shown.size) return err::range;
    std::copy_n(shown.bytes.begin(), to.empty() ? 0 : shown.size, to.begin());
    return shown.size;
}
Result<Vector<char>> list_xattr(const Path& at, const Credentials& who) {
    Vector<char> names;
    usize size = TRY(at.inode().list_xattr({}));
    if (size > XATTR_LIST_MAX) return err::toobig;
    TRY(names.resize(size));
    if (size) size = TRY(at.inode().list_xattr(names)); // err::range: more than a moment ago
    bool all = who.can_everywhere(CAP_SYS_ADMIN);
    usize kept = 0;
    for (usize from = 0, n; from < size; from += n) {
        std::string_view name{names.data() + from};
        n = name.size() + 1;
        if (!all && name.starts_with(XATTR_TRUSTED_PREFIX)) continue;
        std::memmove(names.data() + kept, names.data() + from, n);
        kept += n;
    }
    TRY(names.resize(kept));
    return names;
}
Result<> remove_xattr(const Path& at, const Credentials& who, std::string_view name) {
    TRY(check(at, who, name, may_write));
    TRY(at.inode().remove_xattr(name));
    notify(at, IN_ATTRIB);
    return {};
}
} // namespace vfs

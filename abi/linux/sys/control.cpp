#include "abi/linux/sys/control.h"
#include "core/mm/user.h"
#include "kernel/process/pidfd.h"
#include "kernel/process/tree.h"
#include "kernel/socket/numbers.h"
#include <algorithm>
#include <linux/capability.h>

namespace linux_abi {
namespace {
using namespace sockets;

struct cmsghdr {
    usize size; // of header and data
    int level, type;
};
constexpr usize aligned(usize n) { return (n + sizeof(usize) - 1) & ~(sizeof(usize) - 1); }

/// Whether the caller may call itself that.
Result<> check_identity(Task& task, const Identity::Shown& says, Kuid kuid, Kgid kgid) {
    const Credentials& is = task.credentials();
    if (kuid == ids::no_user || kgid == ids::no_group) return err::inval;
    bool pid = says.pid == task.process().pid() || is.can(CAP_SYS_ADMIN);
    bool uid = kuid == is.uid || kuid == is.euid || kuid == is.suid || is.can(CAP_SETUID);
    bool gid = kgid == is.gid || kgid == is.egid || kgid == is.sgid || is.can(CAP_SETGID);
    return pid && uid && gid ? Result<>{} : Result<>{err::perm};
}
Result<> decode_identity(Task& task, std::span<const std::byte> data, Identity& to) {
    Identity::Shown says;
    if (data.size() != sizeof says) return err::inval;
    std::memcpy(&says, data.data(), sizeof says);
    Kuid uid = TRY(task.credentials().kuid(says.uid));
    Kgid gid = TRY(task.credentials().kgid(says.gid));
    TRY(check_identity(task, says, uid, gid));
    process::TreeLock tree;
    PidNumber* number = task.pids().find(says.pid, tree);
    if (!number) return err::srch;
    to = {Ref<PidNumber>::share(number), uid, gid};
    return {};
}

Result<> decode_rights(Task& task, std::span<const std::byte> data, Vector<Ref<File>>& to) {
    usize n = data.size() / sizeof(int);
    if (to.size() + n > Rights::most) return err::inval;
    for (usize i = 0; i < n; i++) {
        int fd;
        std::memcpy(&fd, data.data() + i * sizeof fd, sizeof fd);
        TRY(to.push(TRY(task.files->get(fd, true))));
    }
    return {};
}
} // namespace

Result<> decode_control(Task& task, std::span<const std::byte> all, bool passes, SendMessage& to,
                        sockets::Identity& identity) {
    Vector<Ref<File>> files;
    for (usize at = 0; all.size() - at >= sizeof(cmsghdr);) {
        cmsghdr header;
        std::memcpy(&header, all.data() + at, sizeof header);
        if (header.size < sizeof header || header.size > all.size() - at) return err::inval;
        auto data = all.subspan(at + sizeof header, header.size - sizeof header);
        if (header.level == sol_socket && passes) {
            if (header.type == scm_rights)
                TRY(decode_rights(task, data, files));
            else if (header.type == scm_credentials) {
                TRY(decode_identity(task, data, identity));
                to.identity = &identity;
            } else
                return err::inval;
        }
        at += aligned(header.size);
        if (at > all.size()) break;
    }
    if (files.empty()) return {};
    const Credentials& is = task.credentials();
    bool too_many = task.user->files_in_flight.load(std::memory_order_relaxed) > task.descriptor_limit();
    if (too_many && !is.can_everywhere(CAP_SYS_RESOURCE) && !is.can_everywhere(CAP_SYS_ADMIN)) return err::toomanyrefs;
    to.rights = TRY(Rights::create(std::move(files), task.user));
    return {};
}

void UserControl::advance(usize n) {
    n = std::min(aligned(n), room_);
    at_ += n;
    room_ -= n;
}

Result<> UserControl::write(int level, int type, std::span<const std::byte> data) {
    if (room_ < sizeof(cmsghdr)) return truncated_ = true, Result<>{};
    cmsghdr header{sizeof header + data.size(), level, type};
    usize wanted = header.size;
    if (header.size > room_) {
        truncated_ = true;
        header.size = room_;
    }
    TRY(copy_out(UserPtr<cmsghdr>{at_}, header));
    TRY(arch::copy_out(at_ + sizeof header, data.data(), header.size - sizeof header));
    advance(wanted);
    return {};
}
void UserControl::put(int level, int type, std::span<const std::byte> data) { (void)write(level, type, data); }

void UserControl::put_identity(const Identity& who) {
    put_value(sol_socket, scm_credentials, who.shown(task_.pids(), task_.credentials()));
}

void UserControl::put_rights(Rights& rights) {
    auto files = rights.files();
    usize room = room_ <= sizeof(cmsghdr) ? 0 : (room_ - sizeof(cmsghdr)) / sizeof(int);
    usize most = std::min(room, files.size()), n = 0;
    for (; n < most; n++) {
        auto fd = task_.install(files[n], close_on_exec_);
        if (!fd) break;
        if (copy_out(UserPtr<int>{at_ + sizeof(cmsghdr)} + n, *fd)) continue;
        (void)task_.files->close(*fd);
        break;
    }
    if (n < files.size()) truncated_ = true;
    if (n == 0) return;
    usize size = sizeof(cmsghdr) + n * sizeof(int);
    if (copy_out(UserPtr<cmsghdr>{at_}, cmsghdr{size, sol_socket, scm_rights})) advance(size);
}

void UserControl::put_process(PidNumber* number) {
    if (!number) return;
    if (room_ < sizeof(cmsghdr) + sizeof(int)) return static_cast<void>(truncated_ = true);
    auto fd = process::open_pidfd(task_, *number);
    int value = fd ? *fd : -static_cast<int>(fd.error());
    if (!write(sol_socket, scm_pidfd, std::as_bytes(std::span{&value, 1})) && fd) (void)task_.files->close(*fd);
}
} // namespace linux_abi

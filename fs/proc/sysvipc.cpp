// /proc/sysvipc: the System V objects of the view's namespace.
#include "fs/proc/items.h"
#include "kernel/ipc/sysv/namespace.h"

namespace proc {
namespace {
/// A record is the heading, or one object: at position 1 and its place.
template <auto table, class Print>
Result<bool> print_objects(Writer& out, const Context& c, u64& at, std::string_view heading, Print print_object) {
    auto* objects = sysv::Namespace::find(*c.view->ipc);
    if (at == 0) {
        out.write(heading);
        at = 1;
        return objects != nullptr;
    }
    auto index = static_cast<unsigned>(at - 1);
    auto object = (objects->*table).next(index);
    if (!object) return false;
    print_object(*object);
    at = u64{index} + 2;
    return true;
}
struct Ids {
    u32 uid, gid, maker_uid, maker_gid;
};
/// As the reader's user namespace calls them.
Ids ids_of(const Context& c, const sysv::Owner& o) {
    const UserNamespace& users = *reader_view(c).users;
    return {users.shown(o.uid), users.shown(o.gid), users.shown(o.maker_uid), users.shown(o.maker_gid)};
}
Pid pid_of(const Context& c, const Ref<PidNumber>& number) { return number ? number->in(c.pids()) : 0; }

Result<bool> print_queues(Writer& out, const Context& c, u64& at) {
    constexpr std::string_view heading =
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  "
        "cgid      stime      rtime      ctime\n";
    return print_objects<&sysv::Namespace::queues>(out, c, at, heading, [&](sysv::MessageQueue& q) {
        auto o = q.owner();
        Ids i = ids_of(c, o);
        auto s = q.state();
        print(out, "{:10} {:10}  {:4o}  {:10} {:10} {:5} {:5} {:5} {:5} {:5} {:5} {:10} {:10} {:10}\n", q.key, q.id,
              o.mode, s.bytes, s.messages, pid_of(c, s.last_sender), pid_of(c, s.last_receiver), i.uid, i.gid,
              i.maker_uid, i.maker_gid, s.sent, s.received, q.changed.load());
    });
}
Result<bool> print_semaphores(Writer& out, const Context& c, u64& at) {
    constexpr std::string_view heading =
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n";
    return print_objects<&sysv::Namespace::semaphores>(out, c, at, heading, [&](sysv::SemaphoreSet& set) {
        auto o = set.owner();
        Ids i = ids_of(c, o);
        print(out, "{:10} {:10}  {:4o} {:10} {:5} {:5} {:5} {:5} {:10} {:10}\n", set.key, set.id, o.mode, set.size(),
              i.uid, i.gid, i.maker_uid, i.maker_gid, set.operated(), set.changed.load());
    });
}
Result<bool> print_segments(Writer& out, const Context& c, u64& at) {
    constexpr std::string_view heading =
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      "
        "dtime      ctime                   rss                  swap\n";
    return print_objects<&sysv::Namespace::segments>(out, c, at, heading, [&](sysv::Segment& segment) {
        auto o = segment.owner();
        Ids i = ids_of(c, o);
        auto s = segment.show();
        print(out, "{:10} {:10}  {:4o} {:21} {:5} {:5}  {:5} {:5} {:5} {:5} {:5} {:10} {:10} {:10} {:21} {:21}\n",
              segment.key, segment.id, o.mode | s.flags(), segment.bytes, pid_of(c, s.maker), pid_of(c, s.last),
              s.attachments, i.uid, i.gid, i.maker_uid, i.maker_gid, s.attached, s.detached, segment.changed.load(),
              segment.resident_pages() * page_size, 0);
    });
}

constexpr u32 text = S_IFREG | 0444;
constexpr Item list[] = {
    {.name = "msg", .mode = text, .print_record = print_queues},
    {.name = "sem", .mode = text, .print_record = print_semaphores},
    {.name = "shm", .mode = text, .print_record = print_segments},
};
} // namespace

constinit const Items sysvipc_items{list};
} // namespace proc

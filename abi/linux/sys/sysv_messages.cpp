#include "abi/linux/sys/sysv_object.h"
#include <linux/capability.h>

namespace linux_abi::sys {
Result<int> msgget(Task& task, int key, u32 flags) { return TRY(objects_of(task))->get_queue(key, flags); }

Result<> msgsnd(Task& task, int id, UserPtr<const msgbuf> message, usize size, u32 flags) {
    auto* objects = TRY(objects_of(task));
    i64 type = TRY(copy_in(message.as<const i64>()));
    if (size > objects->settings.msgmax || id < 0 || type < 1) return err::inval;
    auto made = TRY(make<sysv::MessageQueue::Message>());
    made->type = type;
    TRY(made->bytes.resize(size));
    TRY(arch::copy_in(made->bytes.data(), message.address() + sizeof type, size));
    auto queue = TRY(objects->queues.find(id));
    return queue->send(std::move(made), !(flags & IPC_NOWAIT));
}

Result<usize> msgrcv(Task& task, int id, UserPtr<msgbuf> message, usize size, i64 type, u32 flags) {
    if (id < 0 || size > ~usize{0} >> 1) return err::inval;
    if (flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT))) return err::inval;
    auto queue = TRY(TRY(objects_of(task))->queues.find(id));
    auto got = TRY(queue->receive({type, size, flags}));
    TRY(copy_out(message.as<i64>(), got->type));
    usize n = std::min(size, got->bytes.size());
    TRY(arch::copy_out(message.address() + sizeof type, got->bytes.data(), n));
    return n;
}

namespace {
void fill(Task& task, msqid64_ds& shown, sysv::MessageQueue& queue) {
    auto state = queue.state();
    fill_owner(task, shown.msg_perm, queue);
    shown.msg_stime = state.sent;
    shown.msg_rtime = state.received;
    shown.msg_ctime = queue.changed;
    shown.msg_cbytes = state.bytes;
    shown.msg_qnum = state.messages;
    shown.msg_qbytes = state.most_bytes;
    shown.msg_lspid = pid_of(task, state.last_sender);
    shown.msg_lrpid = pid_of(task, state.last_receiver);
}

Result<int> show_limits(sysv::Namespace& objects, bool use, UserPtr<msqid64_ds> argument) {
    auto limit = [](const std::atomic<u64>& value) { return static_cast<int>(value.load()); };
    const auto& s = objects.settings;
    msginfo info{.msgpool = MSGPOOL,
                 .msgmap = MSGMAP,
                 .msgmax = limit(s.msgmax),
                 .msgmnb = limit(s.msgmnb),
                 .msgmni = limit(s.msgmni),
                 .msgssz = MSGSSZ,
                 .msgtql = MSGTQL,
                 .msgseg = MSGSEG};
    if (use) {
        u64 messages = 0, bytes = 0;
        for (unsigned i = 0; auto queue = objects.queues.next(i); i++) {
            auto state = queue->state();
            messages += state.messages;
            bytes += state.bytes;
        }
        info.msgpool = static_cast<int>(objects.queues.use().objects);
        info.msgmap = static_cast<int>(messages);
        info.msgtql = static_cast<int>(bytes);
    }
    TRY(copy_out_zeroed(argument.as<msginfo>(), info));
    return static_cast<int>(objects.queues.use().highest);
}
} // namespace

Result<int> msgctl(Task& task, int id, int command, UserPtr<msqid64_ds> argument) {
    auto& objects = *TRY(objects_of(task));
    if (id < 0 || command < 0) return err::inval;
    switch (command) {
    case IPC_INFO:
    case MSG_INFO: return show_limits(objects, command == MSG_INFO, argument);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return show(objects.queues, id, command, MSG_STAT_ANY, argument,
                    [&](auto& queue, auto& shown) { fill(task, shown, queue); });
    case IPC_SET: {
        auto wanted = TRY(copy_in(argument));
        auto queue = TRY(find_to_change(objects.queues, id));
        if (wanted.msg_qbytes > objects.settings.msgmnb && !task.credentials().can_everywhere(CAP_SYS_RESOURCE))
            return err::perm;
        TRY(set_owner(task, *queue, wanted.msg_perm));
        queue->set_most_bytes(wanted.msg_qbytes);
        return 0;
    }
    case IPC_RMID: {
        auto queue = TRY(find_to_change(objects.queues, id));
        objects.drop(*queue);
        queue->close();
        return 0;
    }
    default: return err::inval;
    }
}
} // namespace linux_abi::sys

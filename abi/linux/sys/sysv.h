// System V IPC.
#pragma once
#include "abi/linux/sys/timespec.h"
#include "core/mm/user.h"
#include "kernel/process/task.h"
#include <linux/msg.h>
#include <linux/sem.h>
#include <linux/shm.h>

namespace linux_abi::sys {
Result<int> msgget(Task&, int key, u32 flags);
Result<> msgsnd(Task&, int id, UserPtr<const msgbuf> message, usize size, u32 flags);
Result<usize> msgrcv(Task&, int id, UserPtr<msgbuf> message, usize size, i64 type, u32 flags);
Result<int> msgctl(Task&, int id, int command, UserPtr<msqid64_ds> argument);
Result<int> semget(Task&, int key, int n, u32 flags);
Result<> semop(Task&, int id, UserPtr<const sembuf> operations, u32 n);
Result<> semtimedop(Task&, int id, UserPtr<const sembuf> operations, u32 n, UserPtr<const Timespec> timeout);
Result<int> semctl(Task&, int id, int index, int command, uptr argument);
Result<int> shmget(Task&, int key, usize size, u32 flags);
Result<uptr> shmat(Task&, int id, uptr address, u32 flags);
Result<> shmdt(Task&, uptr address);
Result<int> shmctl(Task&, int id, int command, UserPtr<shmid64_ds> argument);
} // namespace linux_abi::sys

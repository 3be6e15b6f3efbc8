// Apart from account.cpp, which is tested on the host without threads of the kernel's.
#include "core/alloc/frame_pool.h"
#include "core/sched/thread.h"

MemoryAccount& MemoryAccount::current() {
    arch::ThreadHead* head = arch::current_thread();
    if (!head) return kernel();
    MemoryAccount* account = static_cast<Thread*>(head)->account;
    return account ? *account : kernel();
}

void mm::note_shortage() {
    if (arch::ThreadHead* head = arch::current_thread()) head->work.fetch_or(arch::work_memory);
}

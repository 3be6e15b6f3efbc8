// Offsets that assembly knows; trap.cpp checks them against the C++ types.
#pragma once

#define MAX_CPUS 8
#define CPU_SIZE 136
#define CPU_CURRENT 8
#define CPU_KERNEL_STACK 16
#define CPU_SCRATCH0 24
#define CPU_SCRATCH1 32
#define CPU_SCRATCH2 40
#define CPU_ENTERING 48 // scratch[3]: a trap from the kernel is saving its registers
#define CPU_HARDWARE_ID 64
#define CPU_EMERGENCY 88 // port[2]: top of the stack for reporting that the kernel stack has overflowed

#define THREAD_KERNEL_STACK 0
#define THREAD_WORK 8
#define THREAD_SYSCALLS 16
#define SYSCALL_LIMIT 512

#define FRAME_PC 0
#define FRAME_REG(n) (8 * (n))
#define FRAME_STATUS 256
#define FRAME_CAUSE 264
#define FRAME_BAD_ADDRESS 272
#define FRAME_ORIGINAL_A0 280
#define FRAME_SIZE 288

#define SSTATUS_SIE 2
#define SSTATUS_FS 0x6000
#define SSTATUS_SUM 0x40000
#define CAUSE_SYSCALL 8

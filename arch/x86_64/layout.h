// Numbers that assembly and C++ share: offsets in TrapFrame and CpuLocal (checked in cpu.cpp), selectors, MSRs.
#pragma once

#define FRAME_FAULT_ADDRESS 0
#define FRAME_TRAP_NUMBER 8
#define FRAME_ERROR_CODE 16
#define FRAME_RBP 56
#define FRAME_R10 80
#define FRAME_R9 88
#define FRAME_R8 96
#define FRAME_RAX 104
#define FRAME_RDX 120
#define FRAME_RSI 128
#define FRAME_RDI 136
#define FRAME_ORIGINAL_RAX 144
#define FRAME_RIP 152
#define FRAME_CS 160
#define FRAME_RFLAGS 168
#define FRAME_RSP 176
#define FRAME_SIZE 192

#define CPU_CURRENT 8
#define CPU_KERNEL_STACK 16
#define CPU_SCRATCH 24

#define HEAD_KERNEL_STACK 0
#define HEAD_WORK 8
#define HEAD_SYSCALLS 16
#define SYSCALL_LIMIT 512

#define KERNEL_CODE 0x10
#define KERNEL_DATA 0x18
#define USER_DATA 0x2b
#define USER_CODE 0x33
#define CPU_NUMBER_SEGMENT 0x53 /* readable by users: its limit is the CPU's number */

#define MSR_EFER 0xc0000080
#define MSR_GS_BASE 0xc0000101

#define IMAGE_BASE 0xffffffff80000000
#define TRAMPOLINE 0x8000 /* physical page where other CPUs start */

#define VECTOR_SYSCALL 0x80
#define VECTOR_DEVICE 0x30 /* + GSI */
#define DEVICE_VECTORS 48
#define VECTOR_MESSAGE 0xa0 /* what devices write themselves: each CPU has its own use for them */
#define MESSAGE_VECTORS 64
#define VECTOR_TIMER 0xe0
#define VECTOR_IPI 0xe1
#define VECTOR_SPURIOUS 0xff

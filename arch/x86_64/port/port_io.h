// The inline part of arch/api/port_io.h for x86-64.
#pragma once

namespace arch {
inline u8 read_port(u16 port) {
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline void write_port(u16 port, u8 value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
} // namespace arch

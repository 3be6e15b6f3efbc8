// The inline part of arch/api/port_io.h for x86-64.
#pragma once

namespace arch {
template <class T>
T read_port(u16 port) {
    static_assert(sizeof(T) <= 4);
    T value;
    if constexpr (sizeof(T) == 1)
        asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    else if constexpr (sizeof(T) == 2)
        asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    else
        asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
template <class T>
void write_port(u16 port, T value) {
    static_assert(sizeof(T) <= 4);
    if constexpr (sizeof(T) == 1)
        asm volatile("outb %0, %1" ::"a"(value), "Nd"(port));
    else if constexpr (sizeof(T) == 2)
        asm volatile("outw %0, %1" ::"a"(value), "Nd"(port));
    else
        asm volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}
} // namespace arch

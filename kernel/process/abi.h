// How user programs talk to the kernel: numbers, registers, images. Each process holds one; exec picks it.
#pragma once
#include "arch/api/cpu.h"
#include "lib/result.h"
#include <span>
#include <string_view>

class Task;
namespace exec {
struct Image;
}

class Abi {
public:
    virtual std::string_view name() const = 0;
    /// Whether an image is for this ABI, in this task's view: the Host ABI claims images with its ELF note in the root
    /// view only.
    virtual bool claims(const Task&, const exec::Image&) const = 0;
    /// For ThreadHead::syscalls of the tasks that use it; with `traced`, handlers that log each call.
    virtual const arch::SyscallHandlers& syscalls(bool traced) const = 0;

protected:
    ~Abi() = default; // constants
};

/// The manifest's ABIs in the order in which they are asked; set once at boot.
void set_abis(std::span<const Abi* const>);
std::span<const Abi* const> abis();

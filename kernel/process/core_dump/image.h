// What a core dump holds (core(5)): an ELF file whose notes tell of threads and mapped files, and whose segments are
// the memory.
#pragma once
#include "kernel/process/core_dump/notes.h"

namespace core_dump {
class Image {
public:
    /// `current` has ended its process by `info`; `blocked` was its mask. The other threads have left their registers.
    Image(Task& current, const siginfo_t& info, SignalSet blocked) : task_{current}, info_{info}, blocked_{blocked} {}
    /// Before anything is written: what will be. err::nomem.
    Result<> gather();
    /// Pages that were never touched become holes. err::fbig: `limit` bytes have been written, what is left is missing.
    /// err::intr: the task has been killed.
    Result<> write(File&, u64 limit);

private:
    struct Segment {
        uptr start, end;
        arch::PageFlags access;
        u64 dumped; // bytes of it, from `start` on
    };
    u64 dumped(const AddressSpace::AreaInfo&) const;
    Result<> gather_threads();
    Result<> write_headers(class Output&);
    Result<> write_memory(class Output&, const Segment&);

    Task& task_;
    const siginfo_t& info_;
    const SignalSet blocked_;
    Notes notes_;
    Vector<Segment> segments_;
};
} // namespace core_dump

// The notes of a core dump, in the layouts of Linux's elf_prstatus, elf_prpsinfo and NT_FILE.
#pragma once
#include "kernel/process/task.h"
#include "lib/vector.h"

namespace core_dump {
/// Notes as they stand in the file, one after another. What does not find memory is left out, and so is all behind it.
class Notes {
public:
    std::span<const std::byte> bytes() const { return bytes_; }

    /// NT_PRSTATUS: a thread, which has left its registers.
    void status(Task&, const siginfo_t&, SignalSet blocked);
    /// NT_PRFPREG, and what the processor has besides.
    void floats(Task&);
    /// NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE of the current process.
    void process(Task&, const siginfo_t&);

private:
    void note(std::string_view owner, u32 type, std::span<const std::byte> content);
    void files(AddressSpace&);
    Vector<std::byte> bytes_;
    bool failed_ = false;
};
} // namespace core_dump

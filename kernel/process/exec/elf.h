// ELF64 files as the loader needs them: checked headers, nothing mapped. Pure: host tests and the fuzzer feed it bytes.
#pragma once
#include "lib/result.h"
#include "lib/types.h"
#include "lib/vector.h"
#include <span>

namespace elf {
/// Where the bytes come from.
class Reader {
public:
    /// Exactly that many bytes. err::io when the file ends before.
    virtual Result<> read(u64 offset, std::span<std::byte> to) = 0;

protected:
    ~Reader() = default;
};

struct Segment { // a PT_LOAD
    u64 offset = 0, file_size = 0;
    uptr address = 0;
    u64 memory_size = 0;
    bool read = false, write = false, execute = false;
    uptr start() const { return page_down(address); }
    uptr end() const { return page_up(address + memory_size); }
};

struct Image {
    bool position_independent = false; // ET_DYN
    uptr entry = 0;
    uptr headers = 0; // where the program headers are in memory, before relocation; 0: nowhere
    u16 header_count = 0;
    u64 alignment = page_size; // the largest of the segments'
    Vector<Segment> segments;
    u64 interpreter_offset = 0, interpreter_size = 0; // PT_INTERP, 0: none
    bool rundlet_note = false;                        // the note that marks programs of the Host ABI

    /// The addresses that the segments span, before relocation.
    uptr lowest() const;
    uptr highest() const;
};

/// err::noexec: not an ELF64 file for `machine` (EM_*), or its headers make no sense. Segments are not checked against
/// the address space: see check_segments().
Result<Image> parse(Reader&, u16 machine);
/// What fails only when mapping starts: sizes and addresses beyond `top` (err::inval, err::nomem), files that are
/// shorter in memory than on disk, offsets that do not match addresses.
Result<> check_segments(const Image&, uptr top);
/// The text of PT_INTERP without its null. err::noexec, err::io.
Result<usize> read_interpreter(Reader&, const Image&, std::span<char> to);
} // namespace elf

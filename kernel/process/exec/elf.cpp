#include "kernel/process/exec/elf.h"
#include <algorithm>
#include <cstring>
#include <linux/elf.h>

namespace elf {
namespace {
constexpr usize most_headers = 65536 / sizeof(Elf64_Phdr); // Linux reads no larger table
constexpr usize most_notes = 4096;                         // bytes of a PT_NOTE that are looked at

Result<> check_header(const Elf64_Ehdr& h, u16 machine) {
    if (std::memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
        h.e_ident[EI_DATA] != ELFDATA2LSB)
        return err::noexec;
    if (h.e_type != ET_EXEC && h.e_type != ET_DYN) return err::noexec;
    if (h.e_machine != machine || h.e_phentsize != sizeof(Elf64_Phdr)) return err::noexec;
    if (h.e_phnum == 0 || h.e_phnum > most_headers) return err::noexec;
    return {};
}

/// Looks for the note "Rundlet" of type 1. A damaged note is no note.
Result<bool> find_note(Reader& file, const Elf64_Phdr& p) {
    std::byte notes[512];
    usize size = std::min<u64>({p.p_filesz, sizeof notes, most_notes});
    if (size < sizeof(Elf64_Nhdr) || !file.read(p.p_offset, {notes, size})) return false;
    for (usize at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
        Elf64_Nhdr n;
        std::memcpy(&n, notes + at, sizeof n);
        usize name = at + sizeof n;
        constexpr char wanted[] = "Rundlet";
        if (n.n_namesz > size - name) break;
        if (n.n_type == 1 && n.n_namesz == sizeof wanted && std::memcmp(notes + name, wanted, sizeof wanted) == 0)
            return true;
        u64 next = name + align_up(n.n_namesz, 4) + align_up(u64{n.n_descsz}, 4);
        if (next > size) break;
        at = next;
    }
    return false;
}

Result<> add_load(Image& image, const Elf64_Phdr& p) {
    if (p.p_align > image.alignment && std::has_single_bit(p.p_align)) image.alignment = p.p_align;
    return image.segments.push({.offset = p.p_offset,
                                .file_size = p.p_filesz,
                                .address = p.p_vaddr,
                                .memory_size = p.p_memsz,
                                .read = (p.p_flags & PF_R) != 0,
                                .write = (p.p_flags & PF_W) != 0,
                                .execute = (p.p_flags & PF_X) != 0});
}
} // namespace

uptr Image::lowest() const {
    uptr low = ~uptr{0};
    for (const Segment& s : segments) low = std::min(low, s.start());
    return low;
}
uptr Image::highest() const {
    uptr high = 0;
    for (const Segment& s : segments) high = std::max(high, s.end());
    return high;
}

Result<Image> parse(Reader& file, u16 machine) {
    Elf64_Ehdr header;
    if (!file.read(0, std::as_writable_bytes(std::span{&header, 1}))) return err::noexec;
    TRY(check_header(header, machine));
    Image image;
    image.position_independent = header.e_type == ET_DYN;
    image.entry = header.e_entry;
    image.header_count = header.e_phnum;
    Vector<Elf64_Phdr> headers;
    TRY(headers.resize(header.e_phnum));
    if (!file.read(header.e_phoff, std::as_writable_bytes(std::span<Elf64_Phdr>{headers}))) return err::noexec;
    for (const Elf64_Phdr& p : headers) {
        if (p.p_type == PT_LOAD) {
            TRY(add_load(image, p));
            if (!image.headers && p.p_offset <= header.e_phoff && header.e_phoff - p.p_offset < p.p_filesz)
                image.headers = header.e_phoff - p.p_offset + p.p_vaddr;
        } else if (p.p_type == PT_INTERP && !image.interpreter_size) {
            if (p.p_filesz < 2 || p.p_filesz > 4096) return err::noexec;
            image.interpreter_offset = p.p_offset;
            image.interpreter_size = p.p_filesz;
        } else if (p.p_type == PT_NOTE && !image.rundlet_note)
            image.rundlet_note = TRY(find_note(file, p));
    }
    return image;
}

Result<> check_segments(const Image& image, uptr top) {
    if (image.position_independent && image.segments.empty()) return err::inval;
    for (const Segment& s : image.segments) {
        if (s.address >= top || s.file_size > s.memory_size || s.memory_size > top || top - s.memory_size < s.address)
            return err::inval;
        if (s.file_size && (s.offset ^ s.address) % page_size) return err::inval;
        if (s.offset + s.file_size < s.offset || s.offset > ~u64{0} >> 1) return err::inval;
    }
    return {};
}

Result<usize> read_interpreter(Reader& file, const Image& image, std::span<char> to) {
    if (image.interpreter_size > to.size()) return err::noexec;
    auto text = to.first(image.interpreter_size);
    TRY(file.read(image.interpreter_offset, std::as_writable_bytes(text)));
    if (text.back() != 0) return err::noexec;
    return std::strlen(text.data());
}
} // namespace elf

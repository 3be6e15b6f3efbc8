// A process's memory as text: maps, cmdline, environ, statm.
#include "fs/proc/items.h"

namespace proc {
namespace {
/// Prints a piece of a stretch of the process's memory.
Result<bool> print_memory(Writer& out, AddressSpace& space, uptr start, uptr end, u64& at) {
    std::byte chunk[256];
    if (start >= end || at >= end - start) return false;
    usize n = std::min(end - start - at, sizeof chunk), got = space.read_memory(start + at, {chunk, n});
    out.write({reinterpret_cast<const char*>(chunk), got});
    at += got;
    return got == n;
}
} // namespace

void print_area(Writer& out, const AddressSpace::AreaInfo& a) {
    constexpr usize name_column = 73;
    MappingSource::Identity id{};
    if (a.source) id = a.source->identity();
    char head[96];
    BufferWriter line{head};
    print(line, "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ", a.start, a.end,
          a.access & arch::page_read ? 'r' : '-', a.access & arch::page_write ? 'w' : '-',
          a.access & arch::page_execute ? 'x' : '-', a.shared ? 's' : 'p', a.source ? a.offset : 0, id.major, id.minor,
          id.inode);
    out.write(line.text());
    bool shared_memory = a.shared && !a.source && a.label.empty();
    if (a.source || shared_memory || !a.label.empty()) {
        constexpr std::string_view spaces = "                                                                         ";
        static_assert(spaces.size() == name_column);
        if (line.text().size() < name_column) out.write(spaces.substr(line.text().size()));
        if (a.source)
            a.source->print_path(out);
        else if (shared_memory)
            out.write("/dev/zero (deleted)"); // what Linux makes it of
        else
            out.write(a.label.view());
    }
    out.write("\n");
}

Result<bool> print_maps(Writer& out, const Context& c, u64& at) {
    auto space = space_of(*c.task);
    auto area = space ? space->area_after(at) : err::noent;
    if (!area) return false;
    print_area(out, *area);
    at = area->end;
    return true;
}
Result<bool> print_cmdline(Writer& out, const Context& c, u64& at) {
    auto space = space_of(*c.task);
    if (!space) return false;
    return print_memory(out, *space, space->layout.arguments_start, space->layout.arguments_end, at);
}
Result<bool> print_environ(Writer& out, const Context& c, u64& at) {
    auto space = space_of(*c.task);
    if (!space) return false;
    return print_memory(out, *space, space->layout.environment_start, space->layout.environment_end, at);
}
void print_auxv(Writer& out, const Context& c) {
    auto space = space_of(*c.task);
    if (!space || !space->auxiliary) return;
    std::span<const u64> words{space->auxiliary->words};
    out.write({reinterpret_cast<const char*>(words.data()), words.size_bytes()});
}
void print_statm(Writer& out, const Context& c) {
    SpaceUsage u{};
    if (auto space = space_of(*c.task)) u = space->usage();
    print(out, "{} {} {} {} 0 {} 0\n", u.total, u.resident, u.file + u.shared, u.text, u.data + u.stack);
}
} // namespace proc

// A process's memory as text: maps, cmdline, environ, statm.
#include "fs/proc/node.h"

namespace proc {
namespace {
/// Prints a stretch of the process's memory.
Result<> print_memory(Writer& out, AddressSpace& space, uptr start, uptr end) {
    std::byte chunk[256];
    while (start < end) {
        usize n = end - start < sizeof chunk ? end - start : sizeof chunk;
        usize got = space.read_memory(start, {chunk, n});
        out.write({reinterpret_cast<const char*>(chunk), got});
        if (got < n) break;
        start += n;
    }
    return {};
}
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
    if (a.source || !a.label.empty()) {
        for (usize at = line.text().size(); at < name_column; at++) out.write(" ");
        if (a.source)
            a.source->print_path(out);
        else
            out.write(a.label.view());
    }
    out.write("\n");
}
} // namespace

Result<> print_maps(Writer& out, const Context& c) {
    auto space = space_of(*c.task);
    if (!space) return {};
    for (uptr at = 0;;) {
        auto area = space->area_after(at);
        if (!area) return {};
        print_area(out, *area);
        at = area->end;
    }
}
Result<> print_cmdline(Writer& out, const Context& c) {
    auto space = space_of(*c.task);
    if (!space) return {};
    return print_memory(out, *space, space->layout.arguments_start, space->layout.arguments_end);
}
Result<> print_environ(Writer& out, const Context& c) {
    auto space = space_of(*c.task);
    if (!space) return {};
    return print_memory(out, *space, space->layout.environment_start, space->layout.environment_end);
}
Result<> print_statm(Writer& out, const Context& c) {
    SpaceUsage u{};
    if (auto space = space_of(*c.task)) u = space->usage();
    print(out, "{} {} {} {} 0 {} 0\n", u.total, u.resident, u.file + u.shared, u.text, u.data + u.stack);
    return {};
}
} // namespace proc

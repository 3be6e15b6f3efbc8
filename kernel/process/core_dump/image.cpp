#include "kernel/process/core_dump/image.h"
#include "arch/api/frame.h"
#include "kernel/process/signals/signals.h"
#include <linux/elf.h>

namespace core_dump {
/// The file, from its beginning to its end.
class Output {
public:
    Output(Task& task, File& file, u64 limit) : task_{task}, file_{file}, limit_{limit} {}
    Result<> write(std::span<const std::byte> bytes) {
        if (bytes.size() > limit_ - written_) return err::fbig;
        written_ += bytes.size();
        for (Source from{bytes}; !from.done();) {
            if (signals::dying(task_)) return err::intr;
            if (TRY(file_.write(from, &at_)) == 0) return err::io;
        }
        return {};
    }
    /// What lies between is zero.
    void go_to(u64 at) { at_ = at; }
    u64 at() const { return at_; }
    Result<> end() { return file_.truncate(at_); }

private:
    Task& task_;
    File& file_;
    const u64 limit_;
    u64 at_ = 0, written_ = 0;
};

namespace {
// /proc/pid/coredump_filter.
enum Filter : u32 {
    private_anonymous = 1 << 0,
    shared_anonymous = 1 << 1,
    private_files = 1 << 2,
    shared_files = 1 << 3,
    elf_headers = 1 << 4,
};
constexpr usize pages_at_once = 16;
} // namespace

u64 Image::dumped(const AddressSpace::AreaInfo& a) const {
    u32 filter = task_.process().coredump_filter;
    u64 whole = a.end - a.start;
    if (a.special) return a.label.view() == "[vdso]" ? whole : 0;
    if (a.dont_dump) return 0;
    if (a.shared) return filter & (a.source ? shared_files : shared_anonymous) ? whole : 0;
    if (filter & private_anonymous && (!a.source || a.copied)) return whole;
    if (!a.source) return 0;
    if (filter & private_files) return whole;
    // A debugger knows a program again by its headers.
    char magic[SELFMAG];
    bool headers = filter & elf_headers && a.offset == 0 && a.access & arch::page_read &&
                   task_.space->read_memory(a.start, std::as_writable_bytes(std::span{magic})) == SELFMAG &&
                   std::string_view{magic, SELFMAG} == ELFMAG;
    return headers ? page_size : 0;
}

Result<> Image::gather_threads() {
    Process& process = task_.process();
    struct Other {
        Ref<Task> task;
        SignalSet blocked;
    };
    Vector<Other> others;
    TRY(others.reserve(process.live_threads)); // from here on it only sinks
    {
        auto lock = process.lock_signals();
        for_each_thread(process, lock, [&](Task& t) {
            auto& s = t.signals(lock);
            if (s.left_registers && !t.is_exiting()) (void)others.push({Ref<Task>::share(&t), s.blocked});
        });
    }
    for (const Other& other : others) {
        notes_.status(*other.task, info_, other.blocked);
        notes_.floats(*other.task);
    }
    return {};
}

/// Debuggers take the first thread for the one to show.
Result<> Image::gather() {
    arch::sync_user_state(task_.user_state);
    notes_.status(task_, info_, blocked_);
    notes_.process(task_, info_);
    notes_.floats(task_);
    TRY(gather_threads());
    for (uptr at = 0;;) {
        auto area = task_.space->area_after(at);
        if (!area) break;
        TRY(segments_.push({area->start, area->end, area->access, dumped(*area)}));
        at = area->end;
    }
    return {};
}

Result<> Image::write_headers(Output& out) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = header.e_version = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = arch::elf_machine;
    header.e_phoff = header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<u16>(1 + segments_.size()); // an address space has fewer areas than PN_XNUM
    TRY(out.write(std::as_bytes(std::span{&header, 1})));

    u64 at = sizeof header + header.e_phnum * sizeof(Elf64_Phdr);
    Elf64_Phdr notes{.p_type = PT_NOTE, .p_offset = at, .p_filesz = notes_.bytes().size(), .p_align = 4};
    TRY(out.write(std::as_bytes(std::span{&notes, 1})));
    at = page_up(at + notes_.bytes().size());
    for (const Segment& s : segments_) {
        u32 flags = (s.access & arch::page_read ? PF_R : 0u) | (s.access & arch::page_write ? PF_W : 0u) |
                    (s.access & arch::page_execute ? PF_X : 0u);
        Elf64_Phdr load{.p_type = PT_LOAD,
                        .p_flags = flags,
                        .p_offset = at,
                        .p_vaddr = s.start,
                        .p_filesz = s.dumped,
                        .p_memsz = s.end - s.start,
                        .p_align = page_size};
        TRY(out.write(std::as_bytes(std::span{&load, 1})));
        at += s.dumped;
    }
    return out.write(notes_.bytes());
}

Result<> Image::write_memory(Output& out, const Segment& s) {
    Vector<std::byte> buffer;
    TRY(buffer.resize(page_size));
    u64 first = out.at();
    for (uptr at = s.start; at < s.start + s.dumped; at += pages_at_once * page_size) {
        u8 there[pages_at_once] = {};
        usize n = std::min<u64>(pages_at_once, (s.start + s.dumped - at) / page_size);
        (void)task_.space->residency(at, std::span{there}.first(n));
        if (signals::dying(task_)) return err::intr;
        for (usize i = 0; i < n; i++) {
            if (!(there[i] & 1) || task_.space->read_memory(at + i * page_size, buffer) != page_size) continue;
            out.go_to(first + (at - s.start) + i * page_size);
            TRY(out.write(buffer));
        }
    }
    out.go_to(first + s.dumped);
    return {};
}

Result<> Image::write(File& file, u64 limit) {
    Output out{task_, file, limit};
    TRY(write_headers(out));
    out.go_to(page_up(out.at()));
    for (const Segment& s : segments_)
        if (s.dumped) TRY(write_memory(out, s));
    return out.end();
}
} // namespace core_dump

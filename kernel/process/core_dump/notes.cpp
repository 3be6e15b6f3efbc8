#include "kernel/process/core_dump/notes.h"
#include "arch/api/registers.h"
#include <array>
#include <linux/elf.h>

namespace core_dump {
namespace {
struct Time {
    i64 seconds, microseconds;
    explicit Time(u64 ns)
        : seconds{static_cast<i64>(ns / 1'000'000'000)}, microseconds{static_cast<i64>(ns / 1000 % 1'000'000)} {}
};
struct Status { // struct elf_prstatus
    i32 number, code, error;
    i16 current;
    u64 pending, blocked;
    i32 pid, parent, group, session;
    Time user, system, children_user, children_system;
    arch::GeneralRegisters registers;
    i32 has_floats;
};
struct ProcessInfo { // struct elf_prpsinfo
    i8 state = 0;
    char state_letter = 'R', zombie = 0, nice = 0;
    u64 flags = 0;
    u32 uid, gid;
    i32 pid, parent, group, session;
    char name[16] = {}, arguments[80] = {};
};
static_assert(sizeof(Status) == 120 + sizeof(arch::GeneralRegisters) && sizeof(ProcessInfo) == 136);

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span{&value, 1});
}

/// Text that grows up to a bound, beyond which a mapped file has no name any more.
class Names final : public Writer {
public:
    void write(std::string_view s) override { failed_ = failed_ || text_.size() + s.size() > most || !text_.append(s); }
    bool failed() const { return failed_; }
    const Vector<char>& text() const { return text_; }

private:
    static constexpr usize most = 4 * MiB;
    Vector<char> text_;
    bool failed_ = false;
};
} // namespace

void Notes::note(std::string_view owner, u32 type, std::span<const std::byte> content) {
    constexpr usize alignment = 4;
    elf64_note head{
        .n_namesz = static_cast<u32>(owner.size() + 1), .n_descsz = static_cast<u32>(content.size()), .n_type = type};
    usize named = sizeof head + align_up(owner.size() + 1, alignment), at = bytes_.size();
    if (failed_ || !bytes_.resize(at + named + align_up(content.size(), alignment))) return void(failed_ = true);
    std::memcpy(bytes_.data() + at, &head, sizeof head);
    std::memcpy(bytes_.data() + at + sizeof head, owner.data(), owner.size());
    if (!content.empty()) std::memcpy(bytes_.data() + at + named, content.data(), content.size());
}

void Notes::status(Task& task, const siginfo_t& info, SignalSet blocked) {
    Process& process = task.process();
    SignalSet pending;
    {
        auto lock = process.lock_signals();
        pending = task.signals(lock).pending.set;
    }
    ResourceUse own = process::thread_usage(task), children = process::children_usage(process);
    Status s{.number = info.si_signo,
             .code = info.si_code,
             .error = info.si_errno,
             .current = static_cast<i16>(info.si_signo),
             .pending = pending,
             .blocked = blocked,
             .pid = task.tid(),
             .parent = process.parent_pid(),
             .group = process::group_of(process, process.pids()),
             .session = process::session_of(process, process.pids()),
             .user = Time{own.user_ns},
             .system = Time{own.system_ns},
             .children_user = Time{children.user_ns},
             .children_system = Time{children.system_ns},
             .registers = arch::general_registers(arch::user_frame(task), task.user_state),
             .has_floats = 1};
    note("CORE", NT_PRSTATUS, bytes_of(s));
}

void Notes::floats(Task& task) {
    note("CORE", NT_PRFPREG, bytes_of(arch::float_registers(task.user_state)));
    if constexpr (arch::extended_room != 0) {
        std::array<std::byte, arch::extended_room> image;
        usize n = arch::extended_registers(task.user_state, image);
        if (n) note("LINUX", arch::extended_note, std::span{image}.first(n));
    }
}

void Notes::process(Task& task, const siginfo_t& info) {
    Process& process = task.process();
    AddressSpace& space = *task.space;
    const Credentials& who = task.credentials();
    ProcessInfo p{.uid = who.shown(who.uid),
                  .gid = who.shown(who.gid),
                  .pid = process.pid(),
                  .parent = process.parent_pid(),
                  .group = process::group_of(process, process.pids()),
                  .session = process::session_of(process, process.pids())};
    auto name = task.name.view();
    std::memcpy(p.name, name.data(), std::min(name.size(), sizeof p.name - 1));
    usize arguments = std::min(space.layout.arguments_end - space.layout.arguments_start, sizeof p.arguments - 1);
    arguments =
        space.read_memory(space.layout.arguments_start, std::as_writable_bytes(std::span{p.arguments, arguments}));
    std::replace(p.arguments, p.arguments + arguments, '\0', ' ');
    note("CORE", NT_PRPSINFO, bytes_of(p));
    note("CORE", NT_SIGINFO, bytes_of(info));
    if (space.auxiliary) note("CORE", NT_AUXV, std::as_bytes(std::span<const u64>{space.auxiliary->words}));
    files(space);
}

void Notes::files(AddressSpace& space) {
    Vector<u64> table; // how many, the unit of offsets; of each its start, end, offset
    Names names;
    bool whole = table.push(0) && table.push(page_size);
    for (uptr at = 0; whole;) {
        auto area = space.area_after(at);
        if (!area) break;
        at = area->end;
        if (!area->source) continue;
        area->source->print_path(names);
        names.write({"", 1});
        for (u64 word : {area->start, area->end, area->offset / page_size}) whole = whole && table.push(word);
        table[0]++;
    }
    Vector<std::byte> content;
    whole = whole && !names.failed() && content.append(std::as_bytes(std::span<const u64>{table})) &&
            content.append(std::as_bytes(std::span<const char>{names.text()}));
    if (whole) note("CORE", NT_FILE, content);
}
} // namespace core_dump

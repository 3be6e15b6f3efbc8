#include "kernel/process/exec/load.h"
#include "core/rng/rng.h"
#include "kernel/file/block_on.h"
#include "kernel/process/mapping.h"
#include <algorithm>
#include <asm/fcntl.h>
#include <linux/elf-em.h>
#include <linux/elf.h>

namespace exec {
namespace {
constexpr unsigned script_depth = 5;

class FileReader final : public elf::Reader {
public:
    explicit FileReader(File& file) : file_{file} {}
    Result<> read(u64 offset, std::span<std::byte> to) override { return file::read_exactly(file_, to, offset); }

private:
    File& file_;
};

arch::PageFlags access_of(const elf::Segment& s) {
    arch::PageFlags access = arch::page_none;
    if (s.read) access = access | arch::page_read;
    if (s.write) access = access | arch::page_write;
    if (s.execute) access = access | arch::page_execute;
    return access;
}

/// The part of a segment behind its file's bytes: zeros up to the page's end, then anonymous memory.
Result<> map_zeros(AddressSpace& space, const elf::Segment& s, uptr bias) {
    uptr file_end = bias + s.address + s.file_size, end = bias + s.end();
    uptr anonymous = s.file_size ? page_up(file_end) : bias + s.start();
    if (s.file_size && s.write) {
        auto zeros = mm::zero_frame()->bytes().first(anonymous - file_end);
        if (space.write_memory(file_end, zeros, true) != zeros.size()) return err::nomem;
    }
    if (anonymous >= end) return {};
    TRY(space.map({.address = anonymous, .size = end - anonymous, .access = access_of(s), .fixed = true}));
    return {};
}

Result<> map_segment(AddressSpace& space, const elf::Segment& s, uptr bias, const Ref<MappingSource>& source) {
    if (s.memory_size == 0) return {};
    if (s.file_size) {
        uptr start = bias + s.start();
        MapRequest request{.address = start,
                           .size = page_up(bias + s.address + s.file_size) - start,
                           .access = access_of(s),
                           .fixed = true,
                           .offset = page_down(s.offset)};
        request.object = Ref<MemoryObject>::share(&source->object());
        request.source = source;
        TRY(space.map(request));
    }
    return s.memory_size > s.file_size ? map_zeros(space, s, bias) : Result<>{};
}

/// Where a position-independent image goes: `near` 0 means wherever there is room.
Result<uptr> choose_bias(AddressSpace& space, const elf::Image& image, uptr near) {
    if (!image.position_independent) return 0;
    uptr low = image.lowest(), size = image.highest() - low;
    if (near) return align_down(near, image.alignment) - align_down(low, image.alignment);
    usize slack = image.alignment - page_size;
    uptr at = TRY(space.map({.size = size + slack})); // found and given back: nobody else maps in this space
    TRY(space.unmap(at, size + slack));
    return align_up(at, image.alignment) - low;
}

struct Placement {
    uptr bias, end;
};
Result<Placement> map_image(AddressSpace& space, const elf::Image& image, File& file, uptr near) {
    TRY(elf::check_segments(image, arch::user_top));
    auto source = TRY(process::mapping_source(Ref<File>::share(&file), false));
    uptr bias = TRY(choose_bias(space, image, near));
    if (bias + image.highest() > arch::user_top) return err::nomem;
    for (const elf::Segment& s : image.segments) TRY(map_segment(space, s, bias, source));
    return Placement{bias, image.segments.empty() ? 0 : bias + image.highest()};
}

/// The interpreter that PT_INTERP names. Its own PT_INTERP means nothing, so there are no cycles.
struct Interpreter {
    Ref<File> file;
    WriteGuard guard;
    elf::Image image;
};
Result<Interpreter> open_interpreter(Task& task, elf::Reader& program, const elf::Image& image) {
    char name[4096];
    usize size = TRY(elf::read_interpreter(program, image, name));
    if (!size) return err::acces; // as Linux, which takes it for the working directory
    auto walker = task.walker();
    Interpreter made;
    made.file =
        TRY(vfs::open(walker, {name, size}, {.flags = O_RDONLY | vfs::open_for_execution, .walk = vfs::walk_follow}));
    TRY(made.guard.hold(made.file));
    FileReader reader{*made.file};
    std::byte first[sizeof(Elf64_Ehdr)];
    TRY(reader.read(0, first));
    auto parsed = elf::parse(reader, arch::elf_machine);
    if (!parsed) return parsed.error() == Errno::nomem ? Result<Interpreter>{err::nomem} : err::libbad;
    made.image = std::move(*parsed);
    return made;
}

void record_layout(AddressSpace& space, const elf::Image& image, uptr bias) {
    auto& layout = space.layout;
    layout.code_start = ~uptr{0};
    for (const elf::Segment& s : image.segments) {
        uptr start = bias + s.address, end = start + s.file_size;
        if (s.execute) {
            layout.code_start = std::min(layout.code_start, start);
            layout.code_end = std::max(layout.code_end, end);
        }
        if (start > layout.data_start) layout.data_start = start;
        layout.data_end = std::max(layout.data_end, end);
    }
    if (layout.code_start == ~uptr{0}) layout.code_start = 0;
}

/// The address space's frame: limits, where mmap looks, where the heap starts.
void set_up_space(Task& task, AddressSpace& space) {
    MemoryLimits limits = process::memory_limits(task.process(), task.credentials());
    u64 stack = limits.stack;
    space.set_limits(limits);
    u64 gap = std::clamp<u64>(stack, 128 * MiB, arch::user_top / 6 * 5);
    u64 stack_spread = arch::user_top >> 11, spread = arch::user_top >> 8;
    uptr base = arch::user_top - std::min<u64>(gap + stack_spread + page_size, arch::user_top / 6 * 5);
    space.set_map_base(page_down(base - rng::below(spread)));
}

uptr position_independent_base() {
    return page_down(arch::user_top / 3 * 2) + page_down(rng::below(arch::user_top >> 8));
}

const Abi* choose_abi(const Task& task, const Image& image) {
    for (const Abi* abi : abis())
        if (abi->claims(task, image)) return abi;
    return nullptr;
}

Result<> map_all(Task& task, Request& request, const elf::Image& image, Interpreter& interpreter, Loaded& loaded) {
    AddressSpace& space = *loaded.space;
    set_up_space(task, space);
    Placement program = TRY(map_image(space, image, *request.file, position_independent_base()));
    record_layout(space, image, program.bias);
    Auxiliary aux{.headers = image.headers ? program.bias + image.headers : 0,
                  .entry = program.bias + image.entry,
                  .header_count = image.header_count};
    loaded.entry = aux.entry;
    if (interpreter.file) {
        Placement placed = TRY(map_image(space, interpreter.image, *interpreter.file, 0));
        aux.base = placed.bias;
        loaded.entry = placed.bias + interpreter.image.entry;
    }
    if (loaded.entry >= arch::user_top) return err::inval;
    TRY(space.map_vdso(task.view().time->page));
    uptr heap = page_up(program.end) + page_down(rng::below(32 * MiB));
    space.layout.brk_start = heap;
    space.init_break(heap);
    return make_stack(task, request, aux, loaded);
}
} // namespace

Result<> load(Task& task, Request& request, Loaded& loaded) {
    Charging account{task.view().account()}; // the image is its container's to pay, whoever loads it
    TRY(loaded.guard.hold(request.file));
    for (unsigned depth = 0; TRY(follow_script(task, request));) {
        if (++depth > script_depth) return err::loop;
        TRY(loaded.guard.hold(request.file));
    }
    FileReader reader{*request.file};
    elf::Image image = TRY(elf::parse(reader, arch::elf_machine));
    loaded.abi = choose_abi(task, {image, image.rundlet_note});
    if (!loaded.abi) return err::noexec;
    Interpreter interpreter;
    if (image.interpreter_size) interpreter = TRY(open_interpreter(task, reader, image));
    if (interpreter.file) loaded.readable = may_read(*interpreter.file, task.credentials());
    TRY(choose_credentials(task, *request.file, loaded));
    loaded.file = request.file;
    std::string_view name = request.path;
    if (usize slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
    loaded.name.assign(name);
    loaded.space = TRY(AddressSpace::create());
    if (AddressSpace* before = AddressSpace::of(task); before && before->huge_pages_disabled())
        loaded.space->disable_huge_pages(true);
    loaded.mapping = true;
    return map_all(task, request, image, interpreter, loaded);
}
} // namespace exec

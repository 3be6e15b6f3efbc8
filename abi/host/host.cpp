#include "abi/host/host.h"
#include "abi/host/call.h"
#include "core/log/log.h"
#include "kernel/process/exec/image.h"
#include "lib/errno.h"

namespace host_abi {
constinit const Host abi;

bool Host::claims(const Task& task, const exec::Image& image) const { return image.host_note && task.view().is_root(); }

namespace {
i64 run(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
    Task& task = Task::current();
    u64 number = arch::user_frame(task).syscall_number();
    Handler handler = find_call(number);
    if (!handler) return static_cast<i64>(Error::not_implemented);
    Arguments a{a0, a1, a2, a3, a4, a5};
    Result<> result = handler(task, a);
    if (task.traced) [[unlikely]]
        log(LogLevel::notice, "[{}] host call {}({:#x}, {:#x}, {:#x}) = {}", task.tid(), number, a[0], a[1], a[2],
            result ? "0" : errno_text(result.error()));
    return static_cast<i64>(result ? Error::none : to_error(result.error()));
}

struct Handlers {
    arch::SyscallHandlers at;
};
constinit const Handlers handlers = [] {
    Handlers made{};
    for (auto& handler : made.at) handler = run;
    return made;
}();
} // namespace

const arch::SyscallHandlers& Host::syscalls(bool) const { return handlers.at; }

Error to_error(Errno e) {
    switch (e) {
    case Errno::nosys:
    case Errno::opnotsupp: return Error::not_implemented;
    case Errno::inval:
    case Errno::nametoolong:
    case Errno::loop: return Error::invalid_argument;
    case Errno::noent:
    case Errno::srch:
    case Errno::nodev:
    case Errno::nxio: return Error::not_found;
    case Errno::fault: return Error::bad_address;
    case Errno::nomem: return Error::no_memory;
    case Errno::perm:
    case Errno::acces: return Error::not_permitted;
    case Errno::exist: return Error::already_exists;
    case Errno::busy: return Error::wrong_state;
    case Errno::intr:
    case Errno::restartsys:
    case Errno::restartnohand: return Error::interrupted;
    case Errno::again: return Error::would_block;
    case Errno::badf: return Error::bad_handle;
    case Errno::io: return Error::input_output;
    case Errno::toobig:
    case Errno::fbig:
    case Errno::nospc: return Error::too_large;
    case Errno::child: return Error::no_child;
    case Errno::noexec: return Error::not_executable;
    case Errno::mfile:
    case Errno::nfile: return Error::limit_reached;
    case Errno::notdir: return Error::not_a_directory;
    case Errno::notty: return Error::not_a_terminal;
    case Errno::rofs: return Error::read_only;
    default: return Error::other;
    }
}

Result<String> copy_text_in(Text from, usize most) {
    if (from.size > most) return err::toobig;
    Vector<char> bytes;
    TRY(bytes.resize(from.size));
    TRY(arch::copy_in(bytes.data(), from.address, from.size));
    std::string_view text{bytes.data(), bytes.size()};
    if (text.contains('\0')) return err::inval;
    return String::create(text);
}

Result<Vector<String>> copy_texts_in(u64 address, u64 count) {
    if (count > max_texts) return err::toobig;
    Vector<String> texts;
    usize total = 0;
    for (u64 i = 0; i < count; i++) {
        auto text = TRY(copy_in(UserPtr<const Text>{address + i * sizeof(Text)}));
        if ((total += text.size) > max_text) return err::toobig;
        TRY(texts.push(TRY(copy_text_in(text, max_text))));
    }
    return texts;
}

Result<> copy_text_out(u64 where, std::string_view text) {
    if (!where) return {};
    auto room = TRY(copy_in(UserPtr<const Text>{where}));
    TRY(arch::copy_out(room.address, text.data(), text.size() < room.size ? text.size() : room.size));
    room.size = text.size();
    return copy_out(UserPtr<Text>{where}, room);
}

Result<std::array<Ref<File>, 3>> stdio_of(Task& task, const u64 (&handles)[3]) {
    std::array<Ref<File>, 3> files;
    for (usize i = 0; i < 3; i++)
        if (handles[i] != no_handle) {
            if (handles[i] > 0x7fff'ffff) return err::badf;
            files[i] = TRY(task.files->get(static_cast<int>(handles[i])));
        }
    return files;
}

Exit to_exit(u64 pid, int wait_status) {
    int signal = wait_status & 0x7f;
    return {pid, static_cast<u64>(signal ? 128 + signal : wait_status >> 8 & 0xff)};
}
} // namespace host_abi

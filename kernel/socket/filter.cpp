#include "kernel/socket/filter.h"
#include "kernel/socket/socket.h"

namespace sockets {
Result<> attach_filter(Socket& s, UserSpan<const std::byte> value) {
    struct {
        u16 count;
        u16 padding[3];
        uptr code;
    } program;
    if (value.size != sizeof program) return err::inval;
    TRY(arch::copy_in(&program, value.data.address(), sizeof program));
    if (s.options().filter.locked) return err::perm;
    if (!program.code || !program.count || program.count > bpf::most_instructions) return err::inval;
    Vector<sock_filter> code;
    TRY(code.resize(program.count));
    TRY(arch::copy_in(code.data(), program.code, code.size() * sizeof(sock_filter)));
    return s.change_filter(TRY(bpf::Program::create(code)));
}

Result<> detach_filter(Socket& s) {
    if (s.options().filter.locked) return err::perm;
    return s.options().filter.present ? s.change_filter({}) : Result<>{err::noent};
}

Result<> lock_filter(Socket& s, bool on) {
    if (!on && s.options().filter.locked) return err::perm;
    s.options().filter.locked = on;
    return {};
}

Result<usize> get_filter(Socket& s, UserSpan<std::byte> to) {
    auto program = s.filter();
    if (!program) return usize{0};
    auto code = program->code();
    if (!to.size) return code.size();
    if (to.size < code.size()) return err::inval;
    TRY(arch::copy_out(to.data.address(), code.data(), code.size_bytes()));
    return code.size();
}
} // namespace sockets

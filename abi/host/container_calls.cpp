// The calls of the Host ABI that manage containers.
#include "abi/host/call.h"
#include "container/container.h"

namespace host_abi {
namespace {
/// Runs `operation(complaint)`, then gives the complaint (or nothing) to the caller.
template <class Operation>
auto with_message(u64 message, Operation operation) -> decltype(operation(std::declval<json::Complaint&>())) {
    json::Complaint why;
    auto result = operation(why);
    TRY(copy_text_out(message, result ? std::string_view{} : why.text()));
    return result;
}

/// Text of any size, on the heap. What memory lacks is dropped: the caller sees a size smaller than what it expects.
class StringWriter final : public Writer {
public:
    void write(std::string_view s) override {
        if (!text.append(s)) failed = true;
    }
    String text;
    bool failed = false;
};

Result<> create(Task& task, const Arguments& a) {
    auto request = TRY(copy_in(UserPtr<const CreateRequest>{a[0]}));
    auto id = TRY(copy_text_in(request.id));
    auto bundle = TRY(copy_text_in(request.bundle));
    auto arguments = TRY(copy_texts_in(request.arguments, request.argument_count));
    auto network = TRY(copy_text_in(request.network)), publish = TRY(copy_text_in(request.publish));
    container::CreateRequest how{
        id, bundle, task.walker(), TRY(stdio_of(task, request.stdio)), std::move(arguments), network, publish};
    return with_message(a[1], [&](json::Complaint& why) { return container::create(how, why); });
}

Result<> start(Task&, const Arguments& a) {
    auto id = TRY(copy_text_in({a[0], a[1]}));
    return with_message(a[2], [&](json::Complaint& why) { return container::start(id, why); });
}

Result<> state(Task&, const Arguments& a) {
    auto id = TRY(copy_text_in({a[0], a[1]}));
    StringWriter out;
    TRY(with_message(a[3], [&](json::Complaint& why) { return container::print_state(id, out, why); }));
    if (out.failed) return err::nomem;
    return copy_text_out(a[2], out.text);
}

Result<> kill(Task&, const Arguments& a) {
    auto id = TRY(copy_text_in({a[0], a[1]}));
    int signal = a[2] > 1000 ? -1 : static_cast<int>(a[2]);
    return with_message(a[3], [&](json::Complaint& why) { return container::kill(id, signal, why); });
}

Result<> remove(Task&, const Arguments& a) {
    auto id = TRY(copy_text_in({a[0], a[1]}));
    return with_message(a[3], [&](json::Complaint& why) { return container::remove(id, a[2] != 0, why); });
}

Result<> exec(Task& task, const Arguments& a) {
    auto request = TRY(copy_in(UserPtr<const ExecRequest>{a[0]}));
    auto id = TRY(copy_text_in(request.id));
    auto process = TRY(copy_text_in(request.process, max_text));
    Vector<char> text;
    TRY(text.resize(process.size()));
    std::memcpy(text.data(), process.view().data(), process.size());
    auto stdio = TRY(stdio_of(task, request.stdio));
    Pid pid = TRY(
        with_message(a[2], [&](json::Complaint& why) { return container::execute(id, std::move(text), stdio, why); }));
    return copy_out(UserPtr<u64>{a[1]}, static_cast<u64>(pid));
}

Result<> list(Task&, const Arguments& a) {
    StringWriter out;
    container::print_list(out);
    if (out.failed) return err::nomem;
    return copy_text_out(a[0], out.text);
}

Result<> wait(Task&, const Arguments& a) {
    auto id = TRY(copy_text_in({a[0], a[1]}));
    if (a[2] > pid_max) return err::inval;
    int status =
        TRY(with_message(a[4], [&](json::Complaint& why) { return container::wait(id, static_cast<Pid>(a[2]), why); }));
    return copy_out(UserPtr<Exit>{a[3]}, to_exit(a[2], status));
}

Result<> trace(Task&, const Arguments& a) {
    auto id = TRY(copy_text_in({a[0], a[1]}));
    return with_message(a[3], [&](json::Complaint& why) { return container::set_trace(id, a[2] != 0, why); });
}
} // namespace

Handler find_container_call(Call call) {
    switch (call) {
    case Call::container_create: return create;
    case Call::container_start: return start;
    case Call::container_state: return state;
    case Call::container_kill: return kill;
    case Call::container_delete: return remove;
    case Call::container_exec: return exec;
    case Call::container_list: return list;
    case Call::container_wait: return wait;
    case Call::container_trace: return trace;
    default: return nullptr;
    }
}
} // namespace host_abi

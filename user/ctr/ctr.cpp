// ctr: the OCI runtime's verbs for people, spoken to the kernel through the Host ABI.
#include "user/ctr/terminal.h"
#include "user/host/host.h"
#include <linux/fcntl.h>

namespace {
using host::Call;
using host::Error;

constexpr int cannot_run = 125, usage_error = 2;
constexpr usize most_arguments = 255, most_json = 64 * KiB;
using Words = std::span<const std::string_view>;

int complain(std::string_view what, const host::Message& message, Error e) {
    host::say(host::err, "ctr: {}: {}\n", what, message.or_text(e));
    return cannot_run;
}

/// Container verbs of one id and one number.
int simple(Call call, std::string_view id, u64 number = 0) {
    host::Message message;
    bool has_number = call != Call::container_start;
    Error e = has_number ? host::call(call, id.data(), id.size(), number, &message.text)
                         : host::call(call, id.data(), id.size(), &message.text);
    return e == Error::none ? 0 : complain(id, message, e);
}

/// What the verbs that make a container take.
struct Options {
    std::string_view bundle = ".", network, publish;
};

Error create(std::string_view id, const Options& o, Words arguments, const u64 (&stdio)[3], host::Message& why) {
    host::Text texts[most_arguments];
    usize n = 0;
    for (auto a : arguments)
        if (n < most_arguments) texts[n++] = host::text(a);
    host_abi::CreateRequest request{
        host::text(id),        host::text(o.bundle), {stdio[0], stdio[1], stdio[2]}, host::word(texts), n,
        host::text(o.network), host::text(o.publish)};
    return host::call(Call::container_create, &request, &why.text);
}

int wait(std::string_view id, u64 pid) {
    host::Message message;
    host_abi::Exit ended{};
    Error e;
    do e = host::call(Call::container_wait, id.data(), id.size(), pid, &ended, &message.text);
    while (e == Error::interrupted);
    return e == Error::none ? static_cast<int>(ended.status) : complain(id, message, e);
}

/// Creates, starts, waits, deletes; with a terminal of its own when we have one.
int run(std::string_view id, const Options& options, Words arguments) {
    host::Message message;
    Terminal terminal;
    Error e = create(id, options, arguments, terminal.stdio(), message);
    if (e == Error::not_a_terminal && terminal.force()) {
        host::Message second;
        e = create(id, options, arguments, terminal.stdio(), second);
        if (e != Error::none) return complain(id, second, e);
    }
    if (e == Error::none) e = host::call(Call::container_start, id.data(), id.size(), &message.text);
    if (e != Error::none) return complain(id, message, e);
    terminal.relay();
    int status = wait(id, 0);
    simple(Call::container_delete, id, 1);
    return status;
}

/// Appends JSON text to a fixed buffer.
class Json final : public Writer {
public:
    void write(std::string_view s) override { out_.write(s); }
    void string(std::string_view s) {
        write("\"");
        for (char c : s) {
            if (c == '"' || c == '\\')
                print(*this, "\\{}", c);
            else if (static_cast<u8>(c) < ' ')
                print(*this, "\\u{:04x}", static_cast<u8>(c));
            else
                write({&c, 1});
        }
        write("\"");
    }
    BufferWriter out_{{bytes_, sizeof bytes_}};

private:
    static char bytes_[most_json];
};
char Json::bytes_[most_json];

int exec(std::string_view id, Words arguments) {
    Terminal terminal;
    Json json;
    print(json, "{{\"terminal\":{},\"args\":[", terminal.is_used());
    for (usize i = 0; i < arguments.size(); i++) {
        if (i) json.write(",");
        json.string(arguments[i]);
    }
    json.write("]}");
    host::Message message;
    if (json.out_.dropped()) return host::say(host::err, "ctr: the arguments are too long\n"), usage_error;
    const u64(&stdio)[3] = terminal.stdio();
    host_abi::ExecRequest request{host::text(id), host::text(json.out_.text()), {stdio[0], stdio[1], stdio[2]}};
    u64 pid = 0;
    if (Error e = host::call(Call::container_exec, &request, &pid, &message.text); e != Error::none)
        return complain(id, message, e);
    terminal.relay();
    return wait(id, pid);
}

int show(Call call, std::string_view id) {
    static char bytes[most_json];
    host::Text json{host::word(bytes), sizeof bytes};
    host::Message message;
    Error e = call == Call::container_list ? host::call(call, &json)
                                           : host::call(call, id.data(), id.size(), &json, &message.text);
    if (e != Error::none) return complain(id, message, e);
    host::write(host::out, {bytes, json.size < sizeof bytes ? json.size : sizeof bytes});
    host::write(host::out, "\n");
    return 0;
}

/// A signal by number or by name, with or without SIG.
u64 signal_number(std::string_view s) {
    static constexpr std::string_view names[] = {"",       "HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",
                                                 "FPE",    "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM",
                                                 "STKFLT", "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",
                                                 "XCPU",   "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};
    u64 number = 0;
    for (char c : s) number = c >= '0' && c <= '9' && number < 1000 ? number * 10 + static_cast<u64>(c - '0') : 1000;
    if (number < 1000 && !s.empty()) return number;
    if (s.starts_with("SIG")) s.remove_prefix(3);
    for (usize i = 1; i < std::size(names); i++)
        if (names[i] == s) return i;
    return 1000; // the kernel refuses it
}

/// The option that `words` begin with, if it takes a value that follows; else null.
std::string_view* option(Words words, Options& options) {
    if (words.size() < 2) return nullptr;
    if (words[0] == "-b" || words[0] == "--bundle") return &options.bundle;
    if (words[0] == "-p" || words[0] == "--publish") return &options.publish;
    if (words[0] == "--network") return &options.network;
    return nullptr;
}

int usage(u64 to) {
    host::say(to, "usage: ctr VERB\n"
                  "  run [OPTION...] ID [ARGUMENT...]     create, start, wait, delete\n"
                  "  create [OPTION...] ID [ARGUMENT...]  from a bundle; options:\n"
                  "      -b BUNDLE                          default: this directory\n"
                  "      --network bridge|none|host|container:ID\n"
                  "      -p PORT:PORT[/udp][,...]           the machine's port leads to the container's\n"
                  "  start ID\n"
                  "  state ID\n"
                  "  list\n");
    host::say(to, "  exec ID PROGRAM [ARGUMENT...]        a further process in a created or running container\n"
                  "  kill ID [SIGNAL]                     default TERM\n"
                  "  wait ID\n"
                  "  delete [-f] ID                       -f: kill it first, if it runs\n"
                  "  trace ID on|off                      system calls of new processes, in the log\n");
    return to == host::out ? 0 : usage_error;
}
} // namespace

int host_main(Words words) {
    if (words.size() < 2) return usage(host::err);
    std::string_view verb = words[1];
    words = words.subspan(2);
    if (verb == "help" || verb == "-h" || verb == "--help") return usage(host::out);
    if (verb == "list") return show(Call::container_list, "list");
    Options options;
    bool force = false;
    while (!words.empty() && words[0].starts_with('-')) {
        if (words[0] == "-f" && verb == "delete")
            force = true;
        else if (auto* value = option(words, options); value && (verb == "run" || verb == "create")) {
            *value = words[1];
            words = words.subspan(1);
        } else
            return usage(host::err);
        words = words.subspan(1);
    }
    if (words.empty()) return usage(host::err);
    std::string_view id = words[0];
    Words rest = words.subspan(1);
    if (verb == "run") return run(id, options, rest);
    if (verb == "create") {
        host::Message message;
        Error e = create(id, options, rest, {host::in, host::out, host::err}, message);
        return e == Error::none ? 0 : complain(id, message, e);
    }
    if (verb == "start") return simple(Call::container_start, id);
    if (verb == "state") return show(Call::container_state, id);
    if (verb == "kill") return simple(Call::container_kill, id, signal_number(rest.empty() ? "TERM" : rest[0]));
    if (verb == "delete") return simple(Call::container_delete, id, force);
    if (verb == "wait") return wait(id, 0);
    if (verb == "exec" && !rest.empty()) return exec(id, rest);
    if (verb == "trace" && !rest.empty()) return simple(Call::container_trace, id, rest[0] == "on");
    return usage(host::err);
}

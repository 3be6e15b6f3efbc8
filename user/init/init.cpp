// PID 1 of the host world: starts what the kernel's command line asks for, reaps, and ends the machine with its status.
//
//   init [bundle [-p PORTS] [DIRECTORY [ARGUMENT...]]]
//       a container from an OCI bundle, on the console (default: /bundles/busybox); the arguments replace process.args
//       of its config.json, the ports are published as `ctr run -p` has them
//   init run PROGRAM [ARGUMENT...]
//       a program of the host tree, on the console
#include "user/host/host.h"

namespace {
using host::Call;
using host::Error;

constexpr std::string_view default_bundle = "/bundles/busybox";
constexpr int cannot_run = 125, usage_error = 2; // as podman and shells have it
constexpr usize most_arguments = 255;

usize to_texts(std::span<const std::string_view> strings, host::Text* texts) {
    usize n = 0;
    for (auto s : strings)
        if (n < most_arguments) texts[n++] = host::text(s);
    return n;
}

/// "a/b/" -> "b": the container's id.
std::string_view last_component(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    auto slash = path.rfind('/');
    return slash == path.npos ? path : path.substr(slash + 1);
}

int run_bundle(std::string_view ports, std::string_view bundle, std::span<const std::string_view> arguments) {
    host::Text texts[most_arguments];
    host::Message message;
    auto id = host::text(last_component(bundle));
    host_abi::CreateRequest request{.id = id,
                                    .bundle = host::text(bundle),
                                    .stdio = {host::in, host::out, host::err},
                                    .arguments = host::word(texts),
                                    .argument_count = to_texts(arguments, texts),
                                    .network = {},
                                    .publish = host::text(ports)};
    Error e = host::call(Call::container_create, &request, &message.text);
    if (e == Error::none) e = host::call(Call::container_start, id.address, id.size, &message.text);
    if (e != Error::none) {
        host::say(host::err, "init: {}: {}\n", bundle, message.or_text(e));
        return cannot_run;
    }
    host_abi::Exit ended{};
    do e = host::call(Call::container_wait, id.address, id.size, u64{0}, &ended, &message.text);
    while (e == Error::interrupted);
    host::call(Call::container_delete, id.address, id.size, u64{1}, &message.text);
    return static_cast<int>(ended.status);
}

int run_program(std::string_view program, std::span<const std::string_view> arguments) {
    host::Text texts[most_arguments];
    static constexpr std::string_view environment[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root",
                                                       "TERM=xterm"};
    host::Text variables[std::size(environment)];
    host_abi::SpawnRequest request{host::text(program),
                                   host::word(texts),
                                   to_texts(arguments, texts),
                                   host::word(variables),
                                   to_texts(environment, variables),
                                   {host::in, host::out, host::err},
                                   1};
    u64 pid = 0;
    if (Error e = host::call(Call::spawn, &request, &pid); e != Error::none) {
        host::say(host::err, "init: {}: {}\n", program, host::error_text(e));
        return cannot_run;
    }
    while (true) { // orphans are reaped on the way
        host_abi::Exit ended{};
        Error e = host::call(Call::wait, u64{0}, u64{0}, &ended);
        if (e == Error::none && ended.pid == pid) return static_cast<int>(ended.status);
        if (e != Error::none && e != Error::interrupted) return cannot_run;
    }
}

int run(std::span<const std::string_view> words) {
    if (words.empty()) return run_bundle({}, default_bundle, {});
    if (words[0] == "bundle") {
        bool publishes = words.size() > 2 && words[1] == "-p";
        auto rest = words.subspan(publishes ? 3 : 1);
        std::string_view ports = publishes ? words[2] : std::string_view{};
        if (publishes && rest.empty()) return run_bundle(ports, default_bundle, {});
        if (!rest.empty()) return run_bundle(ports, rest[0], rest.subspan(1));
    }
    if (words[0] == "run" && words.size() > 1) return run_program(words[1], words.subspan(1));
    host::say(host::err,
              "init: \"{}\": after -- the kernel's command line is: bundle [-p PORTS] DIRECTORY [ARGUMENT...] "
              "or run PROGRAM [ARGUMENT...]\n",
              words[0]);
    return usage_error;
}
} // namespace

int host_main(std::span<const std::string_view> arguments) {
    int status = run(arguments.empty() ? arguments : arguments.subspan(1));
    host::call(Call::power_off, static_cast<u64>(status));
    return status; // not PID 1: an ordinary program
}

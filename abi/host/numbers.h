// The Host ABI as both sides see it. Registers are the architecture's for system calls: the number and six arguments;
// the result is an Error. Structures have no padding. Strings are (address, size), not null-terminated.
#pragma once
#include "lib/types.h"

namespace host_abi {
enum class Call : u64 {
    exit = 1,              // (status)
    read,                  // (handle, buffer, size, u64* moved)
    write,                 // (handle, buffer, size, u64* moved)
    open,                  // (path, size, O_* flags, mode, u64* handle)
    close,                 // (handle)
    control,               // (handle, request, argument): ioctl_tty(2)'s requests
    poll,                  // (PollEntry*, count, i64 timeout in ns or -1, u64* ready)
    pipe,                  // (u64 handles[2])
    spawn,                 // (const SpawnRequest*, u64* pid)
    wait,                  // (pid or 0 for any, flags, Exit*)
    signal,                // (pid, signal number)
    clock,                 // (u64* monotonic ns, i64* realtime ns)
    sleep,                 // (ns)
    power_off,             // (status): of the machine; only the host world's init
    container_create = 32, // (const CreateRequest*, Text* message)
    container_start,       // (id, size, Text* message)
    container_state,       // (id, size, Text* json, Text* message)
    container_kill,        // (id, size, signal, Text* message)
    container_delete,      // (id, size, force, Text* message)
    container_exec,        // (const ExecRequest*, u64* pid, Text* message)
    container_list,        // (Text* json)
    container_wait,        // (id, size, pid or 0, Exit*, Text* message)
    container_trace,       // (id, size, on, Text* message)
};

enum class Error : u64 {
    none = 0,
    not_implemented = 1,
    invalid_argument = 2,
    not_found = 3,
    bad_address = 4,
    no_memory = 5,
    not_permitted = 6,
    already_exists = 7,
    wrong_state = 8,
    interrupted = 9,
    would_block = 10,
    bad_handle = 11,
    input_output = 12,
    too_large = 13,
    no_child = 14,
    not_executable = 15,
    limit_reached = 16,
    not_a_directory = 17,
    not_a_terminal = 18,
    read_only = 19,
    other = 255,
};

/// A string to read, or room to fill: then `size` becomes the text's whole size, of which only what fits was written.
/// Messages are complaints for people, empty on success.
struct Text {
    u64 address, size;
};
inline constexpr u64 no_handle = ~u64{0};

struct SpawnRequest {
    Text path;
    u64 arguments, argument_count;      // Text[]
    u64 environment, environment_count; // Text[]
    u64 stdio[3];                       // handles of the caller
    u64 new_session;                    // 1: a session of its own, with stdio[0] as controlling terminal if it is one
};
struct CreateRequest {
    Text id, bundle;
    u64 stdio[3];
    u64 arguments, argument_count; // Text[]: instead of the spec's process.args when not empty
    Text network, publish;         // instead of the annotations io.rundlet.network and .publish when not empty
};
struct ExecRequest {
    Text id, process; // JSON
    u64 stdio[3];
};
struct Exit {
    u64 pid;    // 0: wait_no_hang and nothing has ended
    u64 status; // 0..255, or 128 + the signal that ended it
};
inline constexpr u64 wait_no_hang = 1;
struct PollEntry {
    u64 handle;
    u32 wanted, ready; // POLL* bits
};
} // namespace host_abi

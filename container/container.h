// The OCI container: a view of its own with a life, made from a bundle, freed as a whole.
#pragma once
#include "container/spec.h"
#include "kernel/process/task.h"
#include "kernel/views/view.h"
#include <array>

namespace container {
/// The states of the OCI runtime specification.
enum class Status : u8 { creating, created, running, stopped };
std::string_view status_name(Status);

/// Standard input, output and error of a container's process.
using Stdio = std::array<Ref<File>, 3>;

class Container final : public View, public TreeLink<> {
public:
    ~Container() override;
    void emptied(int wait_status) override;
    /// The state of the OCI runtime specification, as JSON. Under the registry's lock.
    void print_state(Writer&) const;

    // Guarded by the registry's lock (container/registry.h).
    Status status = Status::creating;
    int wait_status = 0;           // of the first process, once stopped
    Ref<Process> first;            // the first process; stays until the container goes
    Vector<Ref<Process>> executed; // by execute(), until waited for
    Ref<vfs::MountTree> mounts;    // until stopped
    // Set before the container is in the registry.
    Spec spec;
    String bundle;          // absolute path in the host's tree
    bool on_bridge = false; // container/network.h
    /// Notified when it has stopped.
    WaitQueue stopped;
};

// The operations of the OCI runtime, by the container's id. Common errors: err::noent: no such container; err::busy:
// not possible in the present state. The complaint says the same for people. All may be called by several threads at
// once.

inline constexpr usize max_id = 1024;
struct CreateRequest {
    std::string_view id; // 1 to max_id of [A-Za-z0-9_+.-], neither "." nor ".."
    std::string_view bundle;
    vfs::Walker host;                  // the caller's view of the host tree
    Stdio stdio;                       // with process.terminal: a terminal, which becomes the container's
    Vector<String> arguments;          // instead of the spec's process.args, when not empty
    std::string_view network, publish; // instead of annotations, when not empty: container/network.h
};
/// Reads the bundle, makes the container and its first process, which waits for start(). err::exist: the id is taken.
/// On failure nothing is left behind.
Result<> create(CreateRequest&, json::Complaint&);
Result<> start(std::string_view id, json::Complaint&);
/// Sends a signal to the first process. A created container is ended by each that ends a process by default.
Result<> kill(std::string_view id, int signal, json::Complaint&);
/// Frees everything. Not while it runs, unless `force`: that kills first, and takes no container of that id for
/// deleted.
Result<> remove(std::string_view id, bool force, json::Complaint&);
/// Waits for the container to stop; the wait status of its first process. `pid` not 0: for a process of execute().
/// err::restartsys: a signal came; err::child: no such process.
Result<int> wait(std::string_view id, Pid pid, json::Complaint&);
/// Runs a further process in a container that is created or running. `process` is a JSON object like config.json's
/// `process`; what it leaves out is taken from there. Returns its number in the root view.
Result<Pid> execute(std::string_view id, Vector<char> process, const Stdio&, json::Complaint&);
/// One container's state, or all of them as a JSON array.
Result<> print_state(std::string_view id, Writer&, json::Complaint&);
void print_list(Writer&);
/// Turns strace-like tracing on or off for processes that start from now on.
Result<> set_trace(std::string_view id, bool on, json::Complaint&);
} // namespace container

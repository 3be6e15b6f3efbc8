// What send(2), recv(2) and their relatives hand to a socket, and what comes with the bytes.
#pragma once
#include "kernel/credentials/credentials.h"
#include "kernel/credentials/user.h"
#include "kernel/file/file.h"
#include "kernel/socket/address.h"
#include "kernel/views/pid_namespace.h"
#include "lib/vector.h"

namespace sockets {
class Options;

/// Who sent or connected: SCM_CREDENTIALS, SO_PEERCRED. `process` null: nobody knows.
struct Identity {
    Ref<PidNumber> process;
    Kuid uid{ids::overflow};
    Kgid gid{ids::overflow};
    /// Of the caller; by its real ids (SCM_CREDENTIALS) or its effective ones (SO_PEERCRED).
    static Identity of_caller(bool effective);
    friend bool operator==(const Identity&, const Identity&) = default;
    /// struct ucred: as a reader in these namespaces sees it.
    struct Shown {
        int pid;
        u32 uid, gid;
    };
    Shown shown(const PidNamespace& pids, const Credentials& to) const {
        return {process ? process->in(pids) : 0, to.shown(uid), to.shown(gid)};
    }
};

/// Open files on their way: SCM_RIGHTS. They count against RLIMIT_NOFILE of the user who sent them, until they are
/// received.
class Rights {
public:
    static constexpr usize most = 253; // SCM_MAX_FD
    /// `sender` null: uncounted. err::nomem.
    static Result<Box<Rights>> create(Vector<Ref<File>> files, Ref<User> sender);
    ~Rights();
    /// Further references, uncounted: MSG_PEEK.
    Result<Box<Rights>> clone() const;
    /// Closes them on a worker thread: for who may hold locks that closing takes.
    static void close_later(Box<Rights>);
    std::span<Ref<File>> files() { return files_; }
    std::span<const Ref<File>> files() const { return files_; }

private:
    friend class Closer;
    Vector<Ref<File>> files_;
    Ref<User> sender_;
    Rights* next_ = nullptr;
};

/// Gets the control messages of a received message: the user's buffer. Called without spinlocks; may fault.
class ControlSink {
public:
    /// One message. What finds no room is cut off or left out, as Linux does: MSG_CTRUNC.
    virtual void put(int level, int type, std::span<const std::byte>) = 0;
    virtual void put_rights(Rights&) = 0;
    virtual void put_identity(const Identity&) = 0; // SCM_CREDENTIALS
    virtual void put_process(PidNumber*) = 0;       // SCM_PIDFD
    template <class T>
    void put_value(int level, int type, const T& value) {
        put(level, type, std::as_bytes(std::span{&value, 1}));
    }

protected:
    ~ControlSink() = default;
};

struct SendMessage {
    Source& data;
    u32 flags = 0;               // MSG_*
    const Address* to = nullptr; // null: where the socket is connected to
    /// Of level SOL_SOCKET, for families that pass them. Moved from by who has sent them.
    Box<Rights> rights;
    /// SCM_CREDENTIALS: checked, the sender may say so.
    const Identity* identity = nullptr;
    /// All control data as the user gave it, well-formed: for the options of other levels (IP_TTL, ...).
    std::span<const std::byte> control;
    /// Until when a family may wait that waits for something else than its own readiness: a full receiver.
    Deadline until = at_once;
};

struct ReceiveMessage {
    Sink& data;
    u32 flags = 0;                  // MSG_*
    u32 result = 0;                 // msg_flags: MSG_TRUNC, MSG_CTRUNC, MSG_OOB, MSG_EOR
    Address* from = nullptr;        // filled, unless null; size 0: nobody
    ControlSink* control = nullptr; // null: there is no room for any
    /// What came with the bytes: kept here over several attempts, given to `control` by receive() in the end.
    Box<Rights> rights;
    Identity identity;
    bool has_identity = false;
    /// What was passed over and goes with the message: files are closed when no lock is held.
    Box<Rights> lost;
    bool peeks() const;
    /// err::again, for which nobody waits: the queue of errors has none.
    Result<usize> no_error_queued();
};

/// SO_TIMESTAMP, SO_TIMESTAMPNS: when a packet had come, in ns of the wall clock; 0: now. Nothing where neither is on.
void put_time(ReceiveMessage&, const Options&, u64 time);
/// SIOCGSTAMP, SIOCGSTAMPNS: copies out when the last packet that was read had come, in ns of the wall clock.
/// err::noent: ~0, none was; err::fault.
Result<> tell_time(unsigned request, uptr argument, u64 time);
} // namespace sockets

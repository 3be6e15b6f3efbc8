// System V message queues: msgget(2), msgop(2), msgctl(2).
// qemu-user: has System V IPC only in part
#include "tests/linux/check.h"
#include <initializer_list>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <time.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif

namespace {
struct Message {
    long type;
    char text[9000];
};
Message buffer;

int made(key_t key = IPC_PRIVATE, int flags = IPC_CREAT | 0600) {
    int id = msgget(key, flags);
    CHECK(id >= 0);
    return id;
}
int send(int id, long type, const char* text, int flags = IPC_NOWAIT) {
    Message m{type, {}};
    strcpy(m.text, text);
    return msgsnd(id, &m, strlen(text), flags);
}
/// The text of the next message of the type; null: none.
const char* next(int id, long type, int flags = IPC_NOWAIT, size_t most = sizeof buffer.text - 1) {
    ssize_t n = msgrcv(id, &buffer, most, type, flags);
    if (n < 0) return nullptr;
    buffer.text[n] = 0;
    return buffer.text;
}
bool is(const char* got, const char* wanted) { return got && !strcmp(got, wanted); }
msqid_ds stat_of(int id) {
    msqid_ds s{};
    CHECK(msgctl(id, IPC_STAT, &s) == 0);
    return s;
}
void remove(int id) { CHECK(msgctl(id, IPC_RMID, nullptr) == 0); }

void getting() {
    constexpr key_t key = 0x52554e44;
    FAILS(ENOENT, msgget(key, 0));
    int id = made(key, IPC_CREAT | IPC_EXCL | 0640);
    CHECK(msgget(key, 0) == id && msgget(key, IPC_CREAT | 0600) == id);
    FAILS(EEXIST, msgget(key, IPC_CREAT | IPC_EXCL));
    int other = made();
    CHECK(other != id && made(IPC_PRIVATE, 0) != other); // IPC_CREAT is not asked for
    msqid_ds s = stat_of(id);
    CHECK(s.msg_perm.__key == key && s.msg_perm.mode == 0640 && s.msg_perm.uid == getuid() &&
          s.msg_perm.cgid == getgid());
    CHECK(s.msg_qnum == 0 && s.msg_cbytes == 0 && s.msg_qbytes == 16384 && s.msg_stime == 0 && s.msg_lspid == 0);
    CHECK(time(nullptr) - s.msg_ctime <= 10);
    remove(id);
    FAILS(EINVAL, msgctl(id, IPC_STAT, &s));
    FAILS(ENOENT, msgget(key, 0));
    int again = made(key);
    CHECK(again != id); // a number is not used again at once
    remove(again);
    remove(other);
    FAILS(EINVAL, msgctl(-1, IPC_STAT, &s));
    FAILS(EINVAL, msgctl(other, 77, &s));
}

/// Who restores saved objects says which id the next one gets.
void chosen() {
    auto wish = [](int id) {
        FILE* file = fopen("/proc/sys/kernel/msg_next_id", "w");
        CHECK(file && fprintf(file, "%d", id) > 0 && fclose(file) == 0);
    };
    int id = made();
    remove(id);
    wish(id);
    CHECK(made() == id);
    wish(id); // its place is taken
    int other = made();
    CHECK(other != id);
    CHECK(made() != id); // once
    remove(id);
    remove(other);
}

void order() {
    int id = made();
    for (long type : {3, 1, 2, 1, 3}) CHECK(send(id, type, "x") == 0);
    msqid_ds s = stat_of(id);
    CHECK(s.msg_qnum == 5 && s.msg_cbytes == 5 && s.msg_lspid == getpid() && s.msg_stime != 0 && s.msg_rtime == 0);
    CHECK(next(id, 0) && buffer.type == 3);
    CHECK(next(id, -2) && buffer.type == 1);
    CHECK(next(id, 1, IPC_NOWAIT | MSG_EXCEPT) && buffer.type == 2);
    CHECK(next(id, 3) && buffer.type == 3);
    FAILS(ENOMSG, msgrcv(id, &buffer, 10, 2, IPC_NOWAIT));
    FAILS(ENOMSG, msgrcv(id, &buffer, 10, 1, IPC_NOWAIT | MSG_EXCEPT));
    CHECK(next(id, -1000) && buffer.type == 1);
    FAILS(ENOMSG, msgrcv(id, &buffer, 10, 0, IPC_NOWAIT));
    s = stat_of(id);
    CHECK(s.msg_qnum == 0 && s.msg_cbytes == 0 && s.msg_lrpid == getpid() && s.msg_rtime != 0);
    remove(id);
}

void sizes() {
    int id = made();
    FAILS(EINVAL, send(id, 0, "x"));
    FAILS(EINVAL, send(id, -1, "x"));
    FAILS(EINVAL, msgsnd(id, &buffer, 8193, 0));
    FAILS(EINVAL, CALL(msgsnd, id, &buffer, -1, 0));
    FAILS(EINVAL, CALL(msgrcv, id, &buffer, -1, 0, 0));
    FAILS(EFAULT, msgsnd(id, nullptr, 1, 0));
    CHECK(send(id, 1, "") == 0 && is(next(id, 0), ""));
    CHECK(send(id, 1, "long text") == 0);
    FAILS(E2BIG, msgrcv(id, &buffer, 4, 0, 0));
    CHECK(is(next(id, 0, MSG_NOERROR, 4), "long"));
    FAILS(ENOMSG, msgrcv(id, &buffer, 4, 0, IPC_NOWAIT)); // the rest is lost

    CHECK(send(id, 5, "one") == 0 && send(id, 6, "two") == 0);
    CHECK(is(next(id, 1, MSG_COPY | IPC_NOWAIT), "two") && buffer.type == 6);
    FAILS(ENOMSG, msgrcv(id, &buffer, 10, 2, MSG_COPY | IPC_NOWAIT));
    FAILS(EINVAL, msgrcv(id, &buffer, 10, 0, MSG_COPY));
    FAILS(EINVAL, msgrcv(id, &buffer, 10, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT));
    FAILS(E2BIG, msgrcv(id, &buffer, 2, 0, MSG_COPY | IPC_NOWAIT));
    CHECK(stat_of(id).msg_qnum == 2);
    FAILS(EFAULT, CALL(msgrcv, id, 8, 10, 0, 0));
    CHECK(stat_of(id).msg_qnum == 1); // it was taken all the same
    remove(id);
}

void full() {
    int id = made();
    Message m{1, {}};
    CHECK(msgsnd(id, &m, 8192, 0) == 0 && msgsnd(id, &m, 8192, 0) == 0);
    FAILS(EAGAIN, msgsnd(id, &m, 1, IPC_NOWAIT));
    CHECK(msgsnd(id, &m, 0, IPC_NOWAIT) == 0); // of no bytes there may be as many as bytes
    pid_t child = start([&] { return send(id, 7, "waited", 0); });
    CHECK(until_asleep(child));
    CHECK(msgrcv(id, &buffer, 8192, 0, 0) == 8192 && exit_of(child) == 0);
    CHECK(is(next(id, 7), "waited"));
    msqid_ds s = stat_of(id);
    s.msg_qbytes = 8192 + 2;
    CHECK(msgctl(id, IPC_SET, &s) == 0 && stat_of(id).msg_qbytes == 8194);
    CHECK(send(id, 1, "ab") == 0);
    FAILS(EAGAIN, send(id, 1, "c"));
    child = start([&] { return send(id, 8, "more room", 0); });
    CHECK(until_asleep(child));
    s.msg_qbytes = 16384;
    CHECK(msgctl(id, IPC_SET, &s) == 0 && exit_of(child) == 0 && is(next(id, 8), "more room"));
    remove(id);
}

void waiting() {
    int id = made();
    auto receive = [&](long type) { return [=] { return is(next(id, type, 0), "for you") ? 7 : errno; }; };
    pid_t two = start(receive(2)); // the first one, since the other takes its type as well
    CHECK(until_asleep(two));
    pid_t three = start(receive(-3));
    CHECK(until_asleep(three));
    CHECK(send(id, 5, "nobody's") == 0 && send(id, 2, "for you") == 0 && send(id, 3, "for you") == 0);
    CHECK(exit_of(two) == 7 && exit_of(three) == 7);
    CHECK(is(next(id, 0), "nobody's"));
    // Who has no room for it is told so, and the message stays.
    pid_t small = start([&] { return next(id, 0, 0, 2) ? 1 : errno; });
    CHECK(until_asleep(small) && send(id, 1, "big") == 0 && exit_of(small) == E2BIG && is(next(id, 0), "big"));
    pid_t gone = start([&] { return next(id, 0, 0) ? 1 : errno; });
    CHECK(until_asleep(gone));
    remove(id);
    CHECK(exit_of(gone) == EIDRM);
}

void signals() {
    int id = made();
    pid_t child = start([&] {
        struct sigaction action{};
        action.sa_handler = [](int) {};
        action.sa_flags = SA_RESTART; // makes no difference here
        sigaction(SIGUSR1, &action, nullptr);
        return next(id, 0, 0) ? 1 : errno;
    });
    CHECK(until_asleep(child) && kill(child, SIGUSR1) == 0 && exit_of(child) == EINTR);
    child = start([&] { return is(next(id, 0, 0), "late") ? 7 : errno; });
    CHECK(until_asleep(child) && kill(child, SIGSTOP) == 0);
    CHECK(waitpid(child, nullptr, WUNTRACED) == child && kill(child, SIGCONT) == 0);
    CHECK(until_asleep(child) && send(id, 1, "late") == 0 && exit_of(child) == 7);
    remove(id);
}

void permissions() {
    int id = made(IPC_PRIVATE, 0602), mine = made(IPC_PRIVATE, 0600);
    CHECK(send(id, 1, "x") == 0);
    pid_t child = start([&] {
        CHECK(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
        msqid_ds s{};
        CHECK(send(id, 1, "y") == 0);
        FAILS(EACCES, msgrcv(id, &buffer, 10, 0, IPC_NOWAIT));
        FAILS(EACCES, msgctl(id, IPC_STAT, &s));
        FAILS(EACCES, send(mine, 1, "z"));
        FAILS(EPERM, msgctl(id, IPC_RMID, nullptr));
        FAILS(EPERM, msgctl(id, IPC_SET, &s));
        int own = made();
        s = stat_of(own);
        s.msg_qbytes = 20'000;
        FAILS(EPERM, msgctl(own, IPC_SET, &s));
        s.msg_qbytes = 100;
        s.msg_perm.mode = 0666;
        CHECK(msgctl(own, IPC_SET, &s) == 0 && stat_of(own).msg_perm.mode == 0666);
        remove(own);
        return failures;
    });
    CHECK(exit_of(child) == 0);
    msqid_ds s = stat_of(id);
    s.msg_perm.uid = 12345;
    CHECK(msgctl(id, IPC_SET, &s) == 0);
    child = start([&] {
        CHECK(setresuid(12345, 12345, 12345) == 0);
        CHECK(is(next(id, 0), "x"));
        remove(id);
        return failures;
    });
    CHECK(exit_of(child) == 0);
    remove(mine);
}

void lists() {
    int id = made(0x52554e45, IPC_CREAT | 0604);
    CHECK(send(id, 1, "four") == 0);
    msginfo info{};
    int highest = msgctl(0, MSG_INFO, reinterpret_cast<msqid_ds*>(&info));
    CHECK(highest >= 0 && info.msgpool >= 1 && info.msgmap >= 1 && info.msgtql >= 4);
    CHECK(msgctl(0, IPC_INFO, reinterpret_cast<msqid_ds*>(&info)) == highest);
    CHECK(info.msgmax == 8192 && info.msgmnb == 16384 && info.msgmni == 32000);
    bool found = false;
    for (int i = 0; i <= highest; i++) {
        msqid_ds s{};
        if (msgctl(i, MSG_STAT, &s) == id) found = s.msg_qnum == 1 && msgctl(i, MSG_STAT_ANY, &s) == id;
    }
    CHECK(found);
    char line[256], wanted[64];
    snprintf(wanted, sizeof wanted, "%10d %10d  %4o  %10d %10d", 0x52554e45, id, 0604, 4, 1);
    found = false;
    FILE* file = fopen("/proc/sysvipc/msg", "r");
    CHECK(file && fgets(line, sizeof line, file) && strstr(line, "       key      msqid perms      cbytes       qnum"));
    while (file && fgets(line, sizeof line, file)) found |= !strncmp(line, wanted, strlen(wanted));
    CHECK(found);
    if (file) fclose(file);
    remove(id);
}
} // namespace

int main() {
    getting();
    chosen();
    order();
    sizes();
    full();
    waiting();
    signals();
    permissions();
    lists();
    return finish("sysv_messages");
}

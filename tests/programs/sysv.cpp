// make: leaves a message and a segment of 16 MiB behind. look: says what it finds of them.
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>

int main(int, char** arguments) {
    constexpr key_t key = 0x1234;
    constexpr size_t size = 16 << 20;
    struct {
        long type = 1;
        char text[6] = "hello";
    } message;
    bool make = arguments[1] && !strcmp(arguments[1], "make");
    int queue = msgget(key, make ? IPC_CREAT | IPC_EXCL | 0600 : 0);
    int segment = shmget(key, size, make ? IPC_CREAT | IPC_EXCL | 0600 : 0);
    if (make) {
        void* at = shmat(segment, nullptr, 0);
        if (queue < 0 || segment < 0 || at == reinterpret_cast<void*>(-1)) return perror("sysv"), 1;
        memset(at, 1, size);
        if (msgsnd(queue, &message, sizeof message.text, 0)) return perror("msgsnd"), 1;
        puts("made");
    } else if (queue >= 0 && msgrcv(queue, &message, sizeof message.text, 0, IPC_NOWAIT) > 0) {
        printf("found: %s\n", message.text);
    } else {
        puts(queue < 0 && segment < 0 ? "nothing" : "something else");
    }
}

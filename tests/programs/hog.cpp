// Takes memory. "hog pages": until it is killed. "hog file": all that goes into a file without a name. "hog child MIB":
// a child holds so much, and says so; the parent says when it is gone.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {
constexpr size_t block = 1 << 20;

char* take(size_t size) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? nullptr : static_cast<char*>(memset(p, 1, size));
}

void fill_file() {
    static char data[block];
    int fd = memfd_create("hog", 0);
    while (write(fd, data, block) > 0) {}
    perror("hog: write");
}
} // namespace

int main(int count, char** words) {
    const char* what = count > 1 ? words[1] : "";
    if (!strcmp(what, "pages")) {
        while (take(block)) {}
        perror("hog: mmap");
    } else if (!strcmp(what, "file")) {
        fill_file();
    } else if (!strcmp(what, "child") && count > 2) {
        if (pid_t child = fork()) {
            waitpid(child, nullptr, 0);
            printf("hog: my child is gone\n");
            fflush(stdout);
        } else {
            take(static_cast<size_t>(atoi(words[2])) * block);
            printf("hog: holds %s\n", words[2]);
            fflush(stdout);
        }
    }
    for (;;) pause();
}

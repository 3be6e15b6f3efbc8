// qemu-user: answers for its own process
// /proc/self/loginuid and sessionid: who has logged in, which children inherit and only a few may change.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static constexpr const char* user = "/proc/self/loginuid";

static unsigned load(const char* path) {
    char text[32]{};
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return static_cast<unsigned>(strtoul(text, nullptr, 10));
}
static int store(const char* path, const char* text) {
    int fd = open(path, O_RDWR);
    if (fd < 0) return errno;
    errno = 0;
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    return n == static_cast<ssize_t>(strlen(text)) ? 0 : error;
}
static void without_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    CHECK(syscall(__NR_capset, &header, data) == 0);
}

int main() {
    CHECK(load(user) == ~0u && load("/proc/self/sessionid") == ~0u); // a test's, and a container's, begin without
    CHECK(store(user, "x") == EINVAL);
    CHECK(store("/proc/1/loginuid", "0") == EPERM);
    CHECK(exit_of(start([] {
              without_capabilities();
              CHECK(store(user, "77\n") == 0 && load(user) == 77);
              unsigned session = load("/proc/self/sessionid");
              CHECK(session != ~0u);
              CHECK(store(user, "78") == EPERM && store(user, "4294967295") == EPERM && load(user) == 77);
              CHECK(exit_of(start(
                        [=] { return load(user) == 77 && load("/proc/self/sessionid") == session ? 0 : 1; })) == 0);
              return failures;
          })) == 0);
    CHECK(exit_of(start([] {
              CHECK(store(user, "5") == 0);
              unsigned session = load("/proc/self/sessionid");
              CHECK(store(user, "6") == 0 && load(user) == 6 && load("/proc/self/sessionid") > session);
              CHECK(store(user, "4294967295") == 0 && load(user) == ~0u && load("/proc/self/sessionid") == ~0u);
              return failures;
          })) == 0);
    CHECK(load(user) == ~0u);
    return finish("login_user");
}

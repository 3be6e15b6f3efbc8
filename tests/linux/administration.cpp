// qemu-user: looks at pointers before privileges, and not at the log's arguments
// What is the superuser's alone, and refused to others before anything is looked at: names of the machine, its clock,
// its log, its end. Nothing here changes the machine that runs it.
#include "tests/linux/check.h"
#include <initializer_list>
#include <linux/reboot.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

namespace {
void names() {
    utsname before = {}, after = {};
    CHECK(CALL(uname, &before) == 0 && strcmp(before.sysname, "Linux") == 0 && before.nodename[0] && before.release[0]);
    FAILS(EFAULT, CALL(uname, nullptr));
    char long_name[65];
    memset(long_name, 'n', sizeof long_name);
    FAILS(EINVAL, CALL(sethostname, long_name, 65));
    FAILS(EINVAL, CALL(setdomainname, long_name, -1));
    FAILS(EFAULT, CALL(sethostname, 8, 3));
    CHECK(CALL(sethostname, before.nodename, strlen(before.nodename)) == 0); // no null byte is asked for
    CHECK(CALL(setdomainname, before.domainname, strlen(before.domainname)) == 0);
    CHECK(CALL(uname, &after) == 0 && memcmp(&before, &after, sizeof before) == 0);
}

void wrong_arguments() {
    FAILS(EINVAL, CALL(reboot, 1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART, nullptr));
    FAILS(EINVAL, CALL(reboot, LINUX_REBOOT_MAGIC1, 1, LINUX_REBOOT_CMD_RESTART, nullptr));
    FAILS(EINVAL, CALL(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 77, nullptr));
    timeval wrong = {1, 1'000'000}, negative = {-1, 0};
    FAILS(EINVAL, CALL(settimeofday, &wrong, nullptr));
    FAILS(EINVAL, CALL(settimeofday, &negative, nullptr));
    FAILS(EFAULT, CALL(settimeofday, 8, nullptr));
    struct timezone far = {15 * 60 + 1, 0};
    FAILS(EINVAL, CALL(settimeofday, nullptr, &far));
    FAILS(EINVAL, CALL(syslog, 11, &wrong, 1));
    FAILS(EINVAL, CALL(syslog, -1, &wrong, 1));
    FAILS(EINVAL, CALL(syslog, 3, nullptr, 10));
    FAILS(EINVAL, CALL(syslog, 3, &wrong, -1));
    CHECK(CALL(syslog, 3, &wrong, 0) == 0);
    FAILS(ENOENT, CALL(pivot_root, "none", "/"));
    FAILS(ENOTDIR, CALL(pivot_root, "/proc/version", "/"));
}

void of_a_user() {
    pid_t child = start([] {
        failures = 0;
        CHECK(CALL(setresuid, 1, 1, 1) == 0);
        FAILS(EPERM, CALL(sethostname, 8, -1));
        FAILS(EPERM, CALL(setdomainname, 8, -1));
        FAILS(EPERM, CALL(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART, nullptr));
        timeval now = {};
        CHECK(gettimeofday(&now, nullptr) == 0);
        FAILS(EPERM, CALL(settimeofday, &now, nullptr));
        FAILS(EPERM, CALL(syslog, 5, nullptr, 0));
        FAILS(EPERM, CALL(vhangup));
        FAILS(EPERM, CALL(pivot_root, "none", "/"));
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
} // namespace

int main() {
    names();
    wrong_arguments();
    of_a_user();
    return finish("administration");
}

// qemu-user: knows no MADV_REMOVE, no limits of areas and locked memory
// What holes of files are when they are mapped and sent, and what long symbolic
// links cost.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <utility>

namespace {
constexpr size_t page = 4096;
constexpr int both = PROT_READ | PROT_WRITE;

/// The system call itself: what the C library would not let through goes to the
/// kernel too.
char *map(size_t size, int protection, int flags, int fd = -1,
          unsigned long at = 0, void *hint = nullptr) {
  return reinterpret_cast<char *>(
      syscall(SYS_mmap, hint, size, protection, flags, fd, at));
}

/// A hole that is mapped to be read shows what comes to stand there.
void holes() {
  int fd = memfd_create("holes", 0);
  CHECK(ftruncate(fd, 8 * page) == 0);
  char *shared = map(8 * page, both, MAP_SHARED, fd, 0);
  char *copy = map(8 * page, both, MAP_PRIVATE, fd, 0);
  for (size_t i = 0; i < 8; i++)
    CHECK(shared[i * page] == 0 && copy[i * page] == 0);
  CHECK(pwrite(fd, "a", 1, 0) == 1 && shared[0] == 'a' && copy[0] == 'a');
  shared[page] = 'b';
  CHECK(copy[page] == 'b');
  copy[2 * page] = 'c';
  CHECK(shared[2 * page] == 0);
  CHECK(fallocate(fd, 0, 3 * page, page) == 0 && (shared[3 * page] = 'd') &&
        copy[3 * page] == 'd');
  struct stat s;
  CHECK(fstat(fd, &s) == 0 && s.st_blocks >= 24);
  munmap(shared, 8 * page), munmap(copy, 8 * page), close(fd);
  // Nor does it get pages by being sent.
  fd = memfd_create("sent", 0);
  int null = open("/dev/null", O_WRONLY), ends[2];
  CHECK(ftruncate(fd, 64 * page) == 0 &&
        sendfile(null, fd, nullptr, 64 * page) == 64 * page);
  long at = 0;
  CHECK(pipe(ends) == 0 &&
        splice(fd, &at, ends[1], nullptr, 8 * page, 0) == 8 * page);
  CHECK(fstat(fd, &s) == 0 && s.st_blocks == 0);
  close(fd), close(null), close(ends[0]), close(ends[1]);
}

/// In a tmpfs they take a page from 128 bytes on.
void long_links() {
  char text[300], link[40]; // where there is no /dev/shm, all is a tmpfs
  snprintf(link, sizeof link, "%s/rundlet-link",
           access("/dev/shm", W_OK) ? "." : "/dev/shm");
  memset(text, 'x', sizeof text);
  struct stat s;
  for (auto [size, blocks] : {std::pair{127, 0}, {128, 8}, {299, 8}}) {
    text[size] = 0;
    unlink(link);
    CHECK(symlink(text, link) == 0);
    CHECK(lstat(link, &s) == 0 && s.st_size == size && s.st_blocks == blocks);
    text[size] = 'x';
  }
  unlink(link);
}

} // namespace

int main() {
  holes();
  long_links();
  return finish("mappings");
}

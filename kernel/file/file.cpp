#include "kernel/file/file.h"
#include <linux/eventpoll.h>
#include <linux/fs.h>

Result<usize> File::read(Sink&, u64*) { return err::inval; }
Result<usize> File::write(Source&, u64*) { return err::inval; }
Result<u64> File::seek(u64, i64, int) { return err::spipe; }
u32 File::poll() { return static_cast<u32>(EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM); }
Result<i64> File::ioctl(unsigned, uptr) { return err::notty; }
Result<Ref<MemoryObject>> File::memory_object() { return err::nodev; }
Result<> File::read_directory(DirectorySink&, u64*) { return err::notdir; }
Result<> File::truncate(u64) { return err::inval; }
Result<> File::allocate(int, u64, u64) { return err::nodev; }
void File::print_name(Writer& out) { out.write("anon_inode:[file]"); }

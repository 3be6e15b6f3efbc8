#include "kernel/file/notify.h"

namespace file {
namespace {
constinit Observer* observer = nullptr;
}
void set_observer(Observer& to) { observer = &to; }
void tell_observer(File& f, u32 events) {
    if (f.notifies) observer->happened(f, events);
}
} // namespace file

#include "net/stack/device.h"

namespace net {
namespace {
constinit Device* devices = nullptr; // written by boot's thread
} // namespace

void add_device(Device& d) {
    if (!devices) {
        devices = &d;
        return;
    }
    Device* last = devices;
    while (last->next_) last = last->next_;
    last->next_ = &d;
}
Device* next_device(Device* d) { return d ? d->next_ : devices; }
} // namespace net

#include "net/inet/stack/start.h"
#include "core/log/log.h"
#include "kernel/views/view.h"
#include "net/inet/stack/ethernet.h"

namespace net::inet {
namespace {
void tell(const DeviceInterface& i, const Device& d) {
    const auto& b = d.address().bytes;
    log(LogLevel::info, "{}: {}, {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}, MTU {}", i.name.view(), d.driver(), b[0],
        b[1], b[2], b[3], b[4], b[5], i.mtu());
}
} // namespace

Result<> start_network() {
    if (!next_device(nullptr)) return {};
    Stack& stack = *TRY(Stack::in(*View::root().network));
    for (Device* d = next_device(nullptr); d; d = next_device(d)) {
        auto made = TRY(make_ref<DeviceInterface>(stack, "eth%d", *d));
        TRY(stack.add(made));
        made->start();
        made->carrier_changed();
        tell(*made, *d);
    }
    return {};
}
} // namespace net::inet

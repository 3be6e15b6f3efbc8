#include "boot/manifest.h"
#include "abi/host/host.h"
#include "abi/linux/linux.h"
#include "drivers/pci/pci.h"
#include "drivers/serial/serial.h"
#include "drivers/virtio/device.h"
#include "fs/dev/dev.h"
#include "fs/devpts/devpts.h"
#include "fs/mqueue/mqueue.h"
#include "fs/proc/proc.h"
#include "fs/sys/sys.h"
#include "fs/tmpfs/tmpfs.h"
#include "kernel/device/devices.h"
#include "net/inet/socket/socket.h"
#include "net/netlink/socket.h"
#include "net/packet/socket.h"
#include "net/unix/socket.h"
#include "net/vsock/socket.h"

namespace boot {
namespace {
constexpr const Abi* abis[] = {&host_abi::abi, &linux_abi::abi};
constexpr const vfs::FilesystemType* filesystems[] = {&devtmpfs::type, &devpts::type, &mqueue::type,
                                                      &proc::type,     &sysfs::type,  &tmpfs::type};
constexpr const sockets::Family* families[] = {&unix_sockets::family, &net::inet::family_v4,   &net::inet::family_v6,
                                               &netlink::family,      &packet_sockets::family, &vsock::family};
constexpr CharacterDevices devices[] = {
    {1, device::memory_devices},
    {5, device::terminal_devices},
    {10, vsock::devices},
    {136, device::pty_devices},
};
constexpr const bus::Driver* drivers[] = {&serial::driver,         &pci::host_driver,   &virtio::pci_transport,
                                          &virtio::mmio_transport, &virtio::net_driver, &virtio::rng_driver,
                                          &virtio::vsock_driver};
} // namespace
constinit const Manifest manifest{abis, filesystems, families, devices, drivers};
} // namespace boot

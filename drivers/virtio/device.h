// A virtio device as its driver sees it: features, configuration, queues. How it is reached is its transport's
// business.
#pragma once
#include "drivers/bus/device.h"
#include "drivers/virtio/queue.h"

namespace virtio {
/// Types of devices (Virtual I/O Device 1.2, chapter 5).
enum Type : u16 {
    type_net = 1,
    type_block = 2,
    type_console = 3,
    type_entropy = 4,
    type_9p = 9,
    type_vsock = 19,
    type_fs = 26
};

/// Features that all types share; a type's own are its driver's.
inline constexpr u64 feature_indirect = u64{1} << 28, feature_event_index = u64{1} << 29,
                     feature_version_1 = u64{1} << 32, feature_platform_access = u64{1} << 33,
                     feature_platform_order = u64{1} << 36;

/// The drivers that make devices of this kind out of PCI functions and of registers in memory.
extern const bus::Driver pci_transport, mmio_transport;
/// One for each type.
extern const bus::Driver net_driver, rng_driver, vsock_driver;

class Device : public bus::Device {
public:
    bool is(const bus::Match& m) const override { return m.kind == bus::Match::Kind::virtio && m.first == type_; }
    Result<bus::Registers> registers(unsigned) override { return err::nodev; } // the driver has config()
    Result<> connect_line(IrqHandler&) override { return err::opnotsupp; }     // queues have their interrupts

    /// Resets the device and agrees with it on features: those of `wanted` that it has. `wanted` need not name the
    /// shared ones. err::opnotsupp: it does not agree.
    Result<u64> negotiate(u64 wanted);
    /// Queue `index` with up to `size` entries; its interrupts come to `cpu` and queue `work`; null: it has none, and
    /// its user looks by itself. With `pieces` above 1, requests of up to so many need one entry, where the device can
    /// do that. Between negotiate() and run(). err::nodev: no such queue; err::nospc: the device has not enough
    /// messages(); err::nomem.
    Result<Box<Queue>> make_queue(u16 index, u16 size, Work* work, unsigned cpu = 0, u16 pieces = 0);
    /// Has `work` queued when the device has changed its configuration. After the queues have been made, before run().
    /// err::nospc: the device has no message left for it.
    Result<> watch_config(Work& work);
    /// Queues are ready: the device may begin.
    void run();
    /// It has met an error that only reset() ends.
    bool needs_reset() const { return status() & wants_reset; }
    /// Stops it: no interrupts, no access to memory. False: it does not answer, so it may still write where it was told
    /// to, and that memory is lost. Sleeps.
    bool reset();
    /// Of the type's own configuration. err::range: it is shorter.
    template <class T>
    Result<T> config(u64 offset) const {
        auto field = TRY(config_.part(offset, sizeof(T)));
        for (;;) { // fields of several accesses may change in between
            u32 before = config_generation();
            T value;
            if constexpr (sizeof(T) == 8)
                value = field.template read<u32>(0) | u64{field.template read<u32>(4)} << 32;
            else
                value = field.template read<T>(0);
            if (config_generation() == before) return value;
        }
    }
    void disconnect() override = 0;

protected:
    enum Status : u8 {
        acknowledged = 1,
        has_driver = 2,
        running = 4,
        features_agreed = 8,
        wants_reset = 64,
        failed = 128
    };
    static constexpr unsigned most_queues = 64;

    explicit Device(u16 type) : type_{type} {}
    virtual u8 status() const = 0;
    virtual void set_status(u8) = 0;
    virtual u32 device_features(unsigned half) const = 0;
    virtual void set_driver_features(unsigned half, u32) = 0;
    virtual u32 config_generation() const = 0;
    /// The most entries that a queue can have, 0: there is no such queue. The queue is selected for set_queue().
    virtual u16 select_queue(u16 index) = 0;
    struct Parts {
        u64 descriptors, available, used;
    };
    /// Tells the device of the selected queue, lets its interrupts through to `handler` (null: it shall have none), and
    /// returns where it is told of news.
    virtual Result<bus::Registers> set_queue(u16 index, u16 size, const Parts&, unsigned cpu, IrqHandler* handler) = 0;
    /// Lets the interrupts of changed configuration through.
    virtual Result<> set_config_handler(IrqHandler& handler) = 0;

    enum InterruptReason : u32 { of_queues = 1, of_config = 2 };

    /// For devices with one wire: it interrupts for every queue.
    class SharedLine final : public IrqHandler {
    public:
        explicit SharedLine(Device& device) : device_{device} {}
        /// err::nospc: too many queues; and bus::Device::connect_line()'s.
        Result<> add(u16 queue, IrqHandler& handler, bus::Device& wire);
        Result<> add_config(IrqHandler& handler, bus::Device& wire);
        void clear();
        bool interrupt() override;

    private:
        Result<> connect(bus::Device& wire);
        Device& device_;
        std::atomic<IrqHandler*> queues_[most_queues] = {}, config_ = nullptr;
        bool connected_ = false;
    };
    /// Quiets the wire. Of InterruptReason; 0: it was not this device.
    virtual u32 take_interrupt() = 0;

    bus::Registers config_;

private:
    struct ConfigHandler final : IrqHandler {
        bool interrupt() override {
            work->queue();
            return true;
        }
        Work* work = nullptr;
    };
    u16 type_;
    u64 features_ = 0;
    ConfigHandler config_handler_;
};
/// A device that matched a row of bus::virtio().
inline Device& device(bus::Device& d) { return static_cast<Device&>(d); }
} // namespace virtio

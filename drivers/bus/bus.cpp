#include "drivers/bus/bus.h"
#include "core/log/log.h"
#include "drivers/bus/words.h"
#include "lib/errno.h"
#include "lib/late.h"
#include "lib/vector.h"

namespace bus {
namespace {
std::span<const Driver* const> all_drivers;

constinit Device* with_driver = nullptr; // the last of them; for ever

struct Claim {
    arch::RegisterRange range;
    FixedString<31> who;
};
constinit Late<Vector<Claim>> claims;

bool overlap(const arch::RegisterRange& a, const arch::RegisterRange& b) {
    return a.io_space == b.io_space && a.start < b.start + b.size && b.start < a.start + a.size;
}

/// What firmware or the command line names.
class PlatformDevice final : public Device {
public:
    explicit PlatformDevice(const arch::PlatformDevice& d) : description_{d} {
        char text[31];
        BufferWriter out{text};
        print(out, "{}@{:x}", d.compatible.substr(0, d.compatible.find('\0')), d.registers.start);
        name_ = out.text();
    }
    bool is(const Match& m) const override {
        if (m.kind != Match::Kind::platform) return false;
        for (auto rest = description_.compatible; !rest.empty();) {
            auto one = rest.substr(0, rest.find('\0'));
            if (one == m.compatible) return true;
            rest.remove_prefix(one.size() < rest.size() ? one.size() + 1 : rest.size());
        }
        return false;
    }
    Result<Registers> registers(unsigned i) override {
        if (i > 0) return err::nodev;
        return Registers::map(description_.registers);
    }
    const arch::PlatformDevice* description() const override { return &description_; }
    Result<> connect_line(IrqHandler& handler) override { return line_.connect(description_.line, handler); }
    void disconnect() override { line_.disconnect(); }

private:
    arch::PlatformDevice description_;
    Line line_;
};

bool matches(const Driver& driver, const Device& device) {
    for (auto& m : driver.matches)
        if (device.is(m)) return true;
    return false;
}

void add(const arch::PlatformDevice& d) {
    auto device = make<PlatformDevice>(d);
    if (!device) return log(LogLevel::warning, "bus: no memory for a device");
    add(std::move(*device));
}
} // namespace

Result<> claim(const arch::RegisterRange& range, std::string_view who) {
    if (!range.io_space && arch::is_reserved(range.start, range.size)) {
        log(LogLevel::warning, "bus: {}: registers at {:#x} ({} bytes) overlap memory or the machine's own; refused",
            who, range.start, range.size);
        return err::busy;
    }
    for (auto& other : *claims) {
        if (!overlap(range, other.range)) continue;
        log(LogLevel::warning, "bus: {}: registers at {:#x} ({} bytes) overlap those of {}; refused", who, range.start,
            range.size, other.who.view());
        return err::busy;
    }
    return claims->push({range, who});
}

void add(Box<Device> device) {
    for (auto* driver : all_drivers) {
        if (!matches(*driver, *device)) continue;
        auto started = driver->probe(*device);
        if (started) {
            device->next_ = with_driver;
            with_driver = device.release();
            return;
        }
        if (started == err::nodev) continue;
        log(LogLevel::warning, "{}: {}: {}", driver->name, device->name(), errno_text(started.error()));
        return;
    }
}

void start(std::span<const Driver* const> drivers) {
    all_drivers = drivers;
    static constinit bool made = false;
    if (!std::exchange(made, true)) claims.make(); // tests start with one list of drivers after the other
    auto listed = arch::boot_info().devices;
    // All before the first driver: what a device says of itself must not get in the way of what firmware says.
    for (auto& d : listed) (void)claim(d.registers, d.compatible.substr(0, d.compatible.find('\0')));
    for (auto& d : listed) add(d);
}

void add_word(std::string_view value) {
    auto device = parse_virtio_word(value);
    if (!device) return log(LogLevel::warning, "virtio_mmio.device={}: not SIZE@ADDRESS:LINE", value);
    for (auto& known : *claims) // firmware may have told, too
        if (known.range.start == device->registers.start && known.range.size == device->registers.size) return;
    if (claim(device->registers, "virtio_mmio.device=")) add(*device);
}
} // namespace bus

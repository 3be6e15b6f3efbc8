#include "core/log/log.h"
#include "arch/api/machine.h"
#include "core/check/panic.h"
#include "core/log/ring.h"
#include "core/sync/lock.h"
#include "core/time/clock.h"

namespace {
constinit Guarded<LogRing, Spinlock<Rank::log>> ring;
constinit std::atomic<LogLevel> console_level = LogLevel::warning;
} // namespace

namespace log_detail {
void Line::write(std::string_view s) {
    usize n = std::min(s.size(), sizeof text_ - used_);
    std::memcpy(text_ + used_, s.data(), n);
    used_ += n;
}

Line::~Line() {
    u64 now = clocks::monotonic_ns();
    char whole[sizeof text_ + 32];
    BufferWriter out{whole};
    print(out, "<{}>[{:>5}.{:06}] ", level_, now / clocks::ns_per_second, now % clocks::ns_per_second / 1000);
    print(out, "{}\n", std::string_view{text_, used_});
    constexpr usize level_size = 3; // "<6>"
    if (panicking()) {              // perhaps while somebody held the lock
        arch::console_write(out.text().substr(level_size));
        return;
    }
    auto access = ring.lock();
    access->append(out.text());
    if (level_ <= console_level.load(std::memory_order_relaxed)) arch::console_write(out.text().substr(level_size));
}
} // namespace log_detail

void set_console_log_level(LogLevel level) { console_level.store(level, std::memory_order_relaxed); }

usize read_log(std::span<char> to) {
    auto access = ring.lock();
    return access->newest(to);
}

usize log_size() {
    auto access = ring.lock();
    return access->size();
}

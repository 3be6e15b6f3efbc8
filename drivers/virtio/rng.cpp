// virtio-rng (Virtual I/O Device 1.2, 5.4): the host's random numbers for the kernel's pool, at boot and now and then.
#include "core/rng/rng.h"
#include "core/log/log.h"
#include "core/time/clock.h"
#include "core/wait/wait.h"
#include "drivers/virtio/device.h"

namespace virtio {
namespace {
class Rng final : public Work, private Timer {
public:
    explicit Rng(Device& device) : Timer{[](Timer& t) { static_cast<Rng&>(t).queue(); }}, device_{device} {}

    Result<> start() {
        TRY(device_.negotiate(0));
        buffer_ = TRY(bus::DmaBuffer::contiguous(device_, asked));
        queue_ = TRY(device_.make_queue(0, 1, this));
        device_.run();
        TRY(ask());
        // The first answer is for the seed, if it comes soon.
        (void)wait_until(
            answered_, [this] { return answers_.load(std::memory_order_relaxed) != 0; }, clocks::in(patience_ns),
            false);
        return {};
    }
    Rng* next = nullptr;

private:
    static constexpr u32 asked = 64; // bytes: twice what the pool holds
    static constexpr u64 patience_ns = 50'000'000, pause_ns = 300'000'000'000;

    Result<> ask() {
        Piece piece{buffer_.address(), asked};
        TRY(queue_->add({}, {&piece, 1}, this));
        queue_->kick();
        waiting_ = true;
        return {};
    }

    bool run(unsigned) override {
        auto used = queue_->take();
        if (used) {
            waiting_ = false;
            // A byte of the host's is worth a byte, whatever else is known.
            std::span bytes{buffer_.at(), used->written};
            rng::add("virtio-rng", bytes, used->written * 8);
            std::memset(bytes.data(), 0, bytes.size());
            if (answers_.fetch_add(1, std::memory_order_relaxed) == 0)
                log(LogLevel::info, "virtio-rng: {}: {} bytes of random numbers", device_.name(), used->written);
            answered_.notify_all();
            arm(clocks::in(pause_ns));
        } else if (used == err::proto) {
            (void)device_.reset(); // and is not asked again
            return false;
        } else if (!waiting_) {
            (void)ask();
        }
        return queue_->done();
    }

    Device& device_;
    bus::DmaBuffer buffer_;
    Box<Queue> queue_;
    bool waiting_ = false;
    std::atomic<unsigned> answers_ = 0;
    WaitQueue answered_;
};

constinit Rng* all = nullptr; // the last of them; for ever

constexpr bus::Match matches[] = {bus::virtio(type_entropy)};

Result<> probe(bus::Device& found) {
    auto rng = TRY(make<Rng>(device(found)));
    auto started = rng->start();
    if (!started) {
        (void)device(found).reset();
        rng->stop();
        return started;
    }
    rng->next = all;
    all = rng.release();
    return {};
}
} // namespace

const bus::Driver rng_driver{"virtio-rng", matches, probe};
} // namespace virtio

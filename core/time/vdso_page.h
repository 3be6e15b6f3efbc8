// The page that the vDSO of processes reads whose clocks are ahead of the machine's.
#pragma once
#include "core/alloc/frame.h"
#include "core/time/clock.h"
#include "lib/memory.h"

namespace arch {
struct VdsoData;
}

namespace clocks {
/// The machine's page with other offsets. It follows the wall clock; who maps it keeps a reference.
class VdsoPage : public RefCounted<VdsoPage> {
public:
    /// The current account pays. err::nomem.
    static Result<Ref<VdsoPage>> create(Offsets);
    ~VdsoPage();
    u64 address() const { return frame_->address(); } // physical

    explicit VdsoPage(FrameRef frame) : frame_{std::move(frame)} {} // by create()

private:
    friend void move_realtime(i64);
    arch::VdsoData& data() const;
    const FrameRef frame_;
    VdsoPage* next_ = nullptr;
};
} // namespace clocks

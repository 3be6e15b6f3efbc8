#include "kernel/ipc/sysv/shared_memory.h"
#include "kernel/ipc/sysv/namespace.h"

namespace sysv {
namespace {
constexpr char attachment_kind = 0;
} // namespace

/// Behind the areas that one shmat(2) has made; forked ones share it, so its references are the areas.
class Attachment final : public MappingSource, public ChainLink<Attachment> {
public:
    explicit Attachment(Segment& to) : segment{Ref<Segment>::share(&to)} {
        Holding held{to.lock};
        to.attachments_.push_back(*this);
        to.last_ = current_process();
        to.attached_ = now();
    }
    ~Attachment() override {
        Ref<IpcNamespace> from;
        {
            Holding held{segment->lock};
            segment->attachments_.erase(*this);
            segment->last_ = current_process();
            segment->detached_ = now();
            if (segment->attachments_.empty()) from = std::move(segment->goes_from_);
        }
        if (from) Namespace::find(*from)->drop(*segment);
    }
    MemoryObject& object() override { return *segment->memory_; }
    Identity identity() const override { return {.inode = static_cast<u64>(segment->id)}; }
    void print_path(Writer& out) const override { print(out, "/SYSV{:08x} (deleted)", static_cast<u32>(key)); }
    const void* kind() const override { return &attachment_kind; }

    const Ref<Segment> segment;
    const Key key = segment->key;
};

Segment::Segment(const IpcNamespace& of, u64 size, u32 mode, Ref<MemoryObject> memory)
    : Object{of, mode}, bytes{size}, memory_{std::move(memory)}, maker_{current_process()} {}

Result<uptr> Segment::attach(AddressSpace& space, MapRequest request) {
    request.source = TRY(make_ref<Attachment>(*this));
    request.size = page_up(bytes);
    request.shared = true;
    auto at = space.map(request);
    return at || at.error() != Errno::exist ? at : err::inval;
}

void Segment::close(Namespace& from) {
    bool at_once;
    {
        Holding held{lock};
        removed = true;
        at_once = attachments_.empty();
        if (!at_once) goes_from_ = Ref<IpcNamespace>::share(&from.of);
    }
    at_once ? from.drop(*this) : from.segments.hide(*this);
}

Segment::Shown Segment::show() {
    Holding held{lock};
    u64 areas = 0;
    for (Attachment* a = attachments_.first(); a; a = attachments_.after(*a)) areas += a->ref_count();
    return {areas, removed, locked_, maker_, last_, attached_, detached_};
}

void Segment::set_locked(bool on) {
    Holding held{lock};
    locked_ = on;
}

Result<> detach(AddressSpace& space, uptr address) {
    if (!is_aligned(address, page_size)) return err::inval;
    Ref<MappingSource> found;
    uptr end = arch::user_top;
    for (uptr at = address; at < end;) {
        auto area = space.area_after(at);
        if (!area || area->start >= end) break;
        at = area->end;
        bool ours = area->source && area->source->kind() == &attachment_kind && area->start - address == area->offset;
        if (!ours || (found && found != area->source)) continue;
        if (!found) end = address + page_up(static_cast<Attachment&>(*area->source).segment->bytes);
        found = area->source;
        TRY(space.unmap(area->start, area->end - area->start));
    }
    return found ? Result<>{} : err::inval;
}
} // namespace sysv

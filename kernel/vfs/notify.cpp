#include "kernel/vfs/notify.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/operations.h"
#include "kernel/vfs/settings.h"
#include <algorithm>

namespace vfs {
namespace {
/// To the directory that the name stands in. The name is copied: telling takes its time.
void tell_parent(const Dentry& at, Event event) {
    char text[name_max];
    auto directory = DentryCache::prepend_name(at, [&](std::string_view name) {
        std::ranges::copy(name, text);
        event.name = {text, name.size()};
    });
    if (directory && directory->inode()->watched() & event.events)
        directory->inode()->attachments()->watches.tell(event);
}

void tell(Inode& inode, const Event& event) {
    if (inode.watched() & event.events) inode.attachments()->watches.tell(event);
}

u32 kind_of(const Inode& inode) { return inode.is_directory() ? IN_ISDIR : 0; }

class Observer final : public file::Observer {
    void happened(File& f, u32 events) override {
        const Path* at = f.path();
        Inode* inode = at ? &at->inode() : f.inode();
        if (!inode) return;
        // Who may look into /dev shall not know when somebody else types.
        bool secret = events & (IN_ACCESS | IN_MODIFY) && !inode->is_regular() && !inode->is_directory();
        if (!at || secret)
            tell(*inode, {events | kind_of(*inode), {}, 0, at && at->dentry->unlinked()});
        else
            notify_detail::around(*at, events, true);
    }
};
constinit Observer observer;
constinit std::atomic<u32> last_cookie = 0;
} // namespace

void notify_detail::around(const Path& at, u32 events, bool by_open_file) {
    Inode& inode = at.inode();
    Event event{events | kind_of(inode), {}, 0, by_open_file && at.dentry->unlinked()};
    bool wanted_above;
    {
        epoch::Reading reading;
        Dentry* up = DentryCache::parent_rcu(*at.dentry, [](std::string_view) {});
        wanted_above = up && up->inode()->watched() & events;
    }
    if (wanted_above) tell_parent(*at.dentry, event);
    tell(inode, event);
}
void notify_detail::of_inode(Inode& inode, u32 events) { tell(inode, {events | kind_of(inode)}); }
void notify_detail::of_name(Inode& directory, std::string_view name, u32 events, u32 cookie) {
    tell(directory, {events, name, cookie});
}

u32 next_cookie() { return last_cookie.fetch_add(1, std::memory_order_relaxed) + 1; }

u32 events_of(const AttributeChange& change) {
    u32 events = 0;
    if (change.set & (AttributeChange::mode_bit | AttributeChange::uid_bit | AttributeChange::gid_bit))
        events |= IN_ATTRIB;
    if (change.set & AttributeChange::size_bit) events |= IN_MODIFY;
    bool access = change.set & AttributeChange::access_bit,
         modification = change.set & AttributeChange::modification_bit;
    if (access) events |= modification ? IN_ATTRIB : IN_ACCESS;
    if (modification && !access) events |= IN_MODIFY;
    return events;
}

void name_gone(Inode& inode) {
    if (inode.links() == 0) inode.attachments()->watches.end_all(IN_DELETE_SELF);
}

void unmounted(Superblock& sb) {
    while (true) {
        Ref<Inode> youngest;
        {
            auto watches = sb.watches.lock();
            if (watches->empty()) return;
            youngest = Ref<Inode>::share(&watches->back().inode());
        }
        youngest->attachments()->watches.end_all(IN_UNMOUNT | kind_of(*youngest));
    }
}

void init_notify() {
    file::set_observer(observer);
    // As many as take a hundredth of the machine's memory, and not absurdly few or many: inotify(7).
    constexpr u64 bytes_each = KiB;
    u64 fair = mm::memory_info().total / 100 / bytes_each;
    settings.inotify_watches = static_cast<u32>(std::clamp<u64>(fair, 8192, 1'048'576));
}
} // namespace vfs

#include "kernel/vfs/inotify.h"
#include "core/mm/user.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/handles.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/operations.h"
#include "kernel/vfs/settings.h"
#include <algorithm>
#include <array>
#include <asm/ioctls.h>
#include <cstring>
#include <limits>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

namespace inotify {
namespace {
constexpr char instance_kind = 0;
constexpr int last_number = std::numeric_limits<int>::max();

bool count_one(std::atomic<u64>& count, const std::atomic<u32>& most) {
    if (count.fetch_add(1, std::memory_order_relaxed) < most.load(std::memory_order_relaxed)) return true;
    count.fetch_sub(1, std::memory_order_relaxed);
    return false;
}
} // namespace

Instance::Instance(Ref<vfs::Inode> own_inode, Ref<User> user, u32 file_flags)
    : AnonymousFile{"inotify", std::move(own_inode), 0},
      user_{std::move(user)},
      payer_{MemoryAccount::current()},
      most_events_{vfs::settings.inotify_events.load(std::memory_order_relaxed)} {
    flags = O_RDONLY | file_flags;
}

Instance::~Instance() {
    closing_ = true;
    while (true) {
        Ref<vfs::Inode> inode;
        int number;
        {
            Holding hold{lock_};
            if (watches_.empty()) break;
            number = watches_.begin()->number;
            inode = Ref<vfs::Inode>::share(&watches_.begin()->inode());
        }
        inode->attachments()->watches.end(*this, number);
    }
    queue_.clear_and_dispose([&](Queued* event) { free(event); });
    user_->inotify_instances.fetch_sub(1, std::memory_order_relaxed);
}

const void* Instance::kind() const { return &instance_kind; }

bool Instance::Queued::says_the_same(const Queued& o) const {
    return !(events & IN_IGNORED) && events == o.events && number == o.number && name() == o.name();
}

Instance::Queued* Instance::make_event(int number, const vfs::Event& e) {
    u32 events = e.events & ~vfs::renamed_within;
    if (events & (IN_DELETE_SELF | IN_MOVE_SELF)) events &= ~u32{IN_ISDIR}; // Linux never told
    Charging charging{payer_};
    void* memory = ::operator new(sizeof(Queued) + e.name.size(), std::nothrow);
    if (!memory) return nullptr;
    auto* made = new (memory) Queued{{}, number, events, e.cookie, static_cast<u8>(e.name.size())};
    std::ranges::copy(e.name, reinterpret_cast<char*>(made + 1));
    return made;
}

void Instance::put(int number, const vfs::Event& e) {
    if (closing_.load(std::memory_order_relaxed)) return;
    Queued* event = make_event(number, e);
    Queued* unused = event;
    {
        Holding hold{lock_};
        if (!event || queued_ >= most_events_)
            event = overflown_ ? nullptr : &overflow_;
        else if (!queue_.empty() && queue_.back().says_the_same(*event))
            event = nullptr;
        if (event) {
            if (event == &overflow_) overflown_ = true;
            if (event == unused) unused = nullptr;
            queue_.push_back(*event);
            queued_++;
            bytes_ += event->size();
        }
    }
    if (unused) free(unused);
    if (event) changed_.notify_all(EPOLLIN | EPOLLRDNORM);
}

/// Takes the first event out; null: it is the overflow, which stays ours. err::again: there is none; err::inval: it
/// needs more room.
Result<Instance::Queued*> Instance::take(usize room) {
    Holding hold{lock_};
    if (queue_.empty()) return err::again;
    Queued& first = queue_.front();
    if (first.size() > room) return err::inval;
    queue_.pop_front();
    queued_--;
    bytes_ -= first.size();
    if (&first == &overflow_) overflown_ = false;
    return &first;
}

Result<usize> Instance::read(Sink& to, u64*) {
    usize moved = 0;
    while (true) {
        auto event = take(to.remaining());
        if (!event) return moved ? Result<usize>{moved} : std::unexpected(event.error());
        Queued& e = **event;
        usize size = e.size();
        std::array<std::byte, sizeof(inotify_event) + Queued::align_up(vfs::name_max + 1)> bytes{};
        auto length = static_cast<u32>(size - sizeof(inotify_event));
        inotify_event head{.wd = e.number, .mask = e.events, .cookie = e.cookie, .len = length};
        std::memcpy(bytes.data(), &head, sizeof head);
        std::memcpy(bytes.data() + sizeof head, e.name().data(), e.name_size);
        free(&e);
        // As Linux: the event is lost, and those before it are not told of.
        if (TRY(to.put(std::span{bytes}.first(size))) != size) return err::fault;
        moved += size;
    }
}

u32 Instance::poll() {
    Holding hold{lock_};
    return queue_.empty() ? 0 : EPOLLIN | EPOLLRDNORM;
}

Result<i64> Instance::ioctl(unsigned request, uptr argument) {
    if (request != FIONREAD) return err::notty;
    usize bytes;
    {
        Holding hold{lock_};
        bytes = bytes_;
    }
    TRY(copy_out(UserPtr<int>{argument}, static_cast<int>(bytes)));
    return 0;
}

/// The youngest watch first.
void Instance::print_info(Writer& out) {
    for (int below = std::numeric_limits<int>::max();;) {
        Ref<vfs::Inode> inode;
        u32 mask;
        {
            Holding hold{lock_};
            auto at = watches_.lower_bound(below);
            if (at == watches_.begin()) return;
            --at;
            below = at->number;
            inode = Ref<vfs::Inode>::share(&at->inode());
            mask = at->events & IN_ALL_EVENTS;
            if (at->excludes_unlinked) mask |= IN_EXCL_UNLINK;
            if (at->once) mask |= IN_ONESHOT;
        }
        print(out, "inotify wd:{:x} ino:{:x} sdev:{:x} mask:{:x} ignored_mask:0 ", below, inode->number(),
              inode->superblock().device(), mask);
        vfs::print_handle(out, *inode);
        out.write("\n");
    }
}

Result<Watch*> Instance::make_watch(vfs::Inode& inode, u32 mask) {
    if (!count_one(user_->inotify_watches, vfs::settings.inotify_watches)) return err::nospc;
    auto* made = static_cast<Watch*>(::operator new(sizeof(Watch), std::nothrow));
    if (!made) {
        user_->inotify_watches.fetch_sub(1, std::memory_order_relaxed);
        return err::nomem;
    }
    Holding hold{lock_};
    // Numbers are not used again before all have been.
    while (watches_.find(next_number_) != watches_.end()) next_number_ = next_number_ % last_number + 1;
    new (made) Watch{*this, inode, next_number_};
    next_number_ = next_number_ % last_number + 1;
    made->want(mask);
    watches_.insert(*made);
    return made;
}

void Watch::want(u32 mask) {
    if (!(mask & IN_MASK_ADD)) {
        events = IN_UNMOUNT;
        once = excludes_unlinked = false;
    }
    events |= mask & IN_ALL_EVENTS;
    once |= (mask & IN_ONESHOT) != 0;
    excludes_unlinked |= (mask & IN_EXCL_UNLINK) != 0;
}

void Instance::change_watch(Watch& watch, u32 mask) {
    Holding hold{lock_};
    watch.want(mask);
}

void Instance::drop_watch(Watch& watch) {
    put(watch.number, {IN_IGNORED});
    user_->inotify_watches.fetch_sub(1, std::memory_order_relaxed);
    {
        // The last that is touched here: an instance that is being closed goes when it has no watches.
        Holding hold{lock_};
        watches_.erase(watches_.iterator_to(watch));
    }
    delete &watch;
}

Watch* Instance::find_watch(int number, const vfs::Inode& inode) {
    Holding hold{lock_};
    auto at = watches_.find(number);
    return at != watches_.end() && &at->inode() == &inode ? &*at : nullptr;
}

Result<> Instance::remove(int number) {
    Ref<vfs::Inode> inode;
    {
        Holding hold{lock_};
        auto at = watches_.find(number);
        if (at == watches_.end()) return err::inval;
        inode = Ref<vfs::Inode>::share(&at->inode());
    }
    return inode->attachments()->watches.end(*this, number) ? Result<>{} : err::inval;
}

Result<int> Instance::add(vfs::Inode& inode, u32 mask) {
    auto* there = inode.attachments();
    if (!there) return err::nomem;
    return there->watches.add(*this, mask);
}

Result<Ref<File>> create(Ref<User> user, u32 flags) {
    auto inode = TRY(vfs::make_anonymous_inode());
    User& counted = *user;
    if (!count_one(counted.inotify_instances, vfs::settings.inotify_instances)) return err::mfile;
    auto made = make_ref<Instance>(std::move(inode), user, flags);
    if (!made) counted.inotify_instances.fetch_sub(1, std::memory_order_relaxed);
    return TRY(std::move(made));
}

Instance* instance_of(File& file) { return file.kind() == &instance_kind ? static_cast<Instance*>(&file) : nullptr; }
} // namespace inotify

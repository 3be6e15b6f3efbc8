#include "kernel/ipc/epoll.h"
#include "kernel/file/block_on.h"
#include "kernel/vfs/anonymous.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

namespace epoll {
namespace {
constexpr u32 kept_by_oneshot = EPOLLONESHOT | EPOLLET | EPOLLWAKEUP | EPOLLEXCLUSIVE;
constexpr u32 always_asked = EPOLLERR | EPOLLHUP; // of an item that is added or modified, even one with no events
constexpr unsigned max_depth = 4;                 // of epolls below and above one another
constexpr char epoll_kind = 0;
struct ReadyTag;
struct ItemTag;
class Epoll;

/// One watched file. Counted: by the epoll while it is in the table, and by who looks at it without the lock.
struct Item final : Waiter, FileWatch, HashLink<ItemTag>, ListLink<ReadyTag>, RefCounted<Item> {
    Item(Epoll& epoll, File* target, int fd, Event event)
        : owner{epoll}, file_key{target}, descriptor{fd}, events{event.events | always_asked}, data{event.data} {}
    ~Item() = default;
    bool notified(u32 changes) override;
    void detach(File& file, bool gone) override;
    /// Puts the item before the epoll's next look. From any context, without a lock.
    bool push();

    Epoll& owner;
    File* const file_key; // only compared
    const int descriptor;
    std::atomic<u32> events; // what is asked for; written under the epoll's lock
    u64 data;                // the same
    bool in_table = false;   // the same
    u64 round = 0;           // the look that took it last; the same
    bool waiting = false;    // on the file's queue; under the watch's lock
    std::atomic<bool> queued = false;
    Item* next_pushed = nullptr;
};

struct Key {
    int descriptor;
    const File* file;
    explicit Key(int fd, const File* f) : descriptor{fd}, file{f} {}
    explicit Key(const Item& i) : descriptor{i.descriptor}, file{i.file_key} {}
    bool operator==(const Key&) const = default;
};
struct ByKey {
    using type = Key;
    Key operator()(const Item& i) const { return Key{i}; }
};
/// Descriptors are small numbers without gaps, mostly; the shifts are for those who choose others.
struct ByDescriptor {
    usize operator()(const Key& k) const {
        auto n = static_cast<u32>(k.descriptor);
        return n ^ n >> 7 ^ n >> 14;
    }
};

class Epoll final : public vfs::AnonymousFile {
public:
    explicit Epoll(Ref<vfs::Inode> inode) : AnonymousFile{"eventpoll", std::move(inode), 0} {}
    ~Epoll() override {
        auto& items = state_.unguarded().items;
        while (!items.empty()) forget(*items.begin());
    }
    const void* kind() const override { return &epoll_kind; }
    u32 poll() override;
    void print_info(Writer&) override;

    Result<> add(Ref<File> target, int fd, Event);
    Result<> modify(File& target, int fd, Event);
    Result<> remove(File& target, int fd);
    Result<usize> collect(EventSink& out, usize most);
    Result<usize> wait(EventSink& out, usize most, Deadline until);
    Result<> check_nesting(Epoll& child);

    /// Items notified since the last look, newest first: what notified() can reach without a lock.
    std::atomic<Item*> pushed = nullptr;

private:
    using Table = bi::unordered_set<Item, bi::base_hook<HashLink<ItemTag>>, bi::key_of_value<ByKey>,
                                    bi::hash<ByDescriptor>, bi::equal<std::equal_to<Key>>, bi::power_2_buckets<true>>;
    struct State {
        Table::bucket_type few_buckets[8];
        Vector<Table::bucket_type> many_buckets; // once there are more items than few_buckets
        Table items{Table::bucket_traits{few_buckets, std::size(few_buckets)}};
        List<Item, ReadyTag> ready;
        u64 rounds = 0; // of looks at the ready list
        /// Moves what was pushed to the end of the ready list, in order.
        void drain(Epoll& of);
        /// After unwatch() and drain(): what is queued is on the ready list.
        void remove(Item& item);
        Item* find(int fd, const File* file);
        bool has_more(const Epoll& of, u64 round) const {
            return of.pushed.load(std::memory_order_relaxed) || (!ready.empty() && ready.front().round != round);
        }
        /// The next item that this round has not seen; null: none.
        Ref<Item> take_first(Epoll& of, u64 round);
    };
    Result<unsigned> depth_below(unsigned limit, const Epoll& forbidden);
    Result<Vector<Ref<File>>> nested();
    void consider(Item& item, File& file);
    void ask_again(Item& item, File& file, u32 events);
    void forget(Item& item);
    Result<> make_room();
    Ref<Item> find(int fd, File& target);

    Guarded<State, Spinlock<Rank::epoll>> state_;
    Mutex<Rank::epoll_control> control_;
    unsigned above_ = 0; // how many epolls may be above this one: under the graph lock, never lowered
};

constinit Mutex<Rank::epoll_graph> graph_lock;

bool Item::push() {
    if (queued.exchange(true, std::memory_order_acq_rel)) return false;
    Item* head = owner.pushed.load(std::memory_order_relaxed);
    do next_pushed = head;
    while (!owner.pushed.compare_exchange_weak(head, this, std::memory_order_release, std::memory_order_relaxed));
    return true;
}

/// What may become ready of what was asked for; 0: a one-shot event that has been.
u32 interest(u32 asked) { return asked & ~kept_by_oneshot ? asked : 0; }

/// Whoever changes `events` looks at the file afterwards, so that a notification that saw the old ones is not missed.
bool Item::notified(u32 changes) {
    if (!(changes & interest(events.load(std::memory_order_relaxed)))) return false;
    push();
    return owner.changed().notify_nested(EPOLLIN | EPOLLRDNORM);
}

void Item::detach(File& file, bool gone) {
    if (waiting) file.lasting_changed().remove(*this);
    waiting = false;
    if (gone) push(); // the next look takes it out of the table
}

void Epoll::State::drain(Epoll& of) {
    Item* newest = of.pushed.exchange(nullptr, std::memory_order_acquire);
    Item* oldest = nullptr;
    while (newest) {
        Item* next = newest->next_pushed;
        newest->next_pushed = oldest;
        oldest = newest;
        newest = next;
    }
    for (; oldest; oldest = oldest->next_pushed) ready.push_back(*oldest);
}

void Epoll::State::remove(Item& item) {
    if (item.queued) ready.erase(ready.iterator_to(item));
    items.erase(items.iterator_to(item));
    item.in_table = false;
    Ref<Item>::adopt(&item); // the table's count
}

Item* Epoll::State::find(int fd, const File* file) {
    auto at = items.find(Key{fd, file});
    return at == items.end() ? nullptr : &*at;
}

Ref<Item> Epoll::State::take_first(Epoll& of, u64 round) {
    drain(of);
    if (ready.empty()) return {};
    Item& first = ready.front();
    if (first.round == round) return {};
    first.round = round;
    ready.pop_front();
    first.queued.store(false, std::memory_order_seq_cst); // a notification from here on queues it again
    return Ref<Item>::share(&first);
}

/// Takes an item out. The caller holds a reference, or is the only one left.
void Epoll::forget(Item& item) {
    File::unwatch(item);
    auto state = state_.lock();
    state->drain(*this);
    if (item.in_table) state->remove(item);
}

/// Before one more is added, with control_ held: as many buckets as items. The old ones go after the lock.
Result<> Epoll::make_room() {
    usize buckets;
    {
        auto state = state_.lock();
        buckets = state->items.bucket_count();
        if (state->items.size() < buckets) return {};
    }
    Vector<Table::bucket_type> more;
    TRY(more.resize(2 * buckets));
    auto state = state_.lock();
    state->items.rehash(Table::bucket_traits{more.data(), more.size()});
    std::swap(state->many_buckets, more);
    return {};
}

/// Null: none. An item of a file that is gone, whose address and number have been used again, is taken out.
Ref<Item> Epoll::find(int fd, File& target) {
    Ref<Item> item;
    {
        auto state = state_.lock();
        item = Ref<Item>::share(state->find(fd, &target));
    }
    if (item && !item->file()) {
        forget(*item);
        return {};
    }
    return item;
}

/// Queues an item whose file is ready now.
void Epoll::consider(Item& item, File& file) {
    std::atomic_thread_fence(std::memory_order_seq_cst); // Item::notified() reads the events after the file's change
    if (file.poll() & interest(item.events.load(std::memory_order_relaxed)))
        if (item.push()) changed_.notify_one();
}

/// Gives a one-shot item back that was taken and was not ready, unless EPOLL_CTL_MOD has asked anew.
void Epoll::ask_again(Item& item, File& file, u32 events) {
    {
        auto state = state_.lock();
        if (!(item.events & always_asked)) item.events = events;
    }
    consider(item, file);
}

Result<> Epoll::add(Ref<File> target, int fd, Event event) {
    auto item = TRY(make_ref<Item>(*this, target.get(), fd, event));
    Holding held{control_};
    if (find(fd, *target)) return err::exist;
    TRY(make_room());
    {
        auto state = state_.lock();
        state->items.insert(*item);
        item->in_table = true;
        (void)Ref<Item>{item}.release();
    }
    item->exclusive = event.events & EPOLLEXCLUSIVE;
    target->watch(*item);
    item->waiting = true;
    target->lasting_changed().add(*item);
    consider(*item, *target);
    return {};
}

Result<> Epoll::modify(File& target, int fd, Event event) {
    Holding held{control_};
    auto item = find(fd, target);
    if (!item) return err::noent;
    {
        auto state = state_.lock();
        if (item->events & EPOLLEXCLUSIVE) return err::inval;
        item->events = event.events | always_asked;
        item->data = event.data;
    }
    consider(*item, target);
    return {};
}

Result<> Epoll::remove(File& target, int fd) {
    Holding held{control_};
    auto item = find(fd, target);
    if (!item) return err::noent;
    forget(*item);
    return {};
}

/// Takes events of ready items; level-triggered ones go to the end of the list and stay.
Result<usize> Epoll::collect(EventSink& out, usize most) {
    usize n = 0;
    u64 round = 0;
    while (n < most) {
        Ref<Item> item;
        u32 asked;
        u64 data;
        {
            auto state = state_.lock();
            if (!round) round = ++state->rounds;
            item = state->take_first(*this, round);
            if (!item) break;
            asked = item->events.load(std::memory_order_relaxed);
            data = item->data;
            // Ours from here on: nobody else reports a one-shot event, nor loses what EPOLL_CTL_MOD asks for meanwhile.
            if (asked & EPOLLONESHOT) item->events = asked & kept_by_oneshot;
        }
        auto file = item->file();
        if (!file) {
            forget(*item);
            continue;
        }
        // No bits but those that outlive a one-shot event: asleep until EPOLL_CTL_MOD, errors included.
        u32 wanted = interest(asked);
        u32 ready = wanted ? file->poll() & wanted : 0;
        if (!ready) {
            if (wanted & EPOLLONESHOT) ask_again(*item, *file, asked);
            continue;
        }
        auto taken = out.put({ready, data});
        auto state = state_.lock();
        if (!item->in_table) {
            if (taken) n++; // removed meanwhile by another thread
            continue;
        }
        if (!taken) {
            if (!item->queued.exchange(true)) state->ready.push_front(*item);
            if (!(item->events & always_asked)) item->events = asked;
            if (n) break;
            return std::unexpected(taken.error());
        }
        n++;
        if (!(asked & (EPOLLONESHOT | EPOLLET)) && !item->queued.exchange(true)) state->ready.push_back(*item);
        if (!state->has_more(*this, round)) break;
    }
    return n;
}

u32 Epoll::poll() {
    u64 round = 0;
    while (true) {
        Ref<Item> item;
        u32 wanted;
        {
            auto state = state_.lock();
            if (!round) round = ++state->rounds;
            item = state->take_first(*this, round);
            if (!item) return 0;
            wanted = interest(item->events.load(std::memory_order_relaxed));
        }
        auto file = item->file();
        if (!file) {
            forget(*item);
            continue;
        }
        bool ready = wanted && file->poll() & wanted;
        auto state = state_.lock();
        if (!item->in_table || !ready) continue;
        if (!item->queued.exchange(true)) state->ready.push_front(*item);
        return EPOLLIN | EPOLLRDNORM;
    }
}

Result<usize> Epoll::wait(EventSink& out, usize most, Deadline until) {
    auto n = block_on(*this, file::to_read, until, [&]() -> Result<usize> {
        usize now = TRY(collect(out, most));
        return now ? Result<usize>{now} : err::again;
    });
    if (!n && n.error() == Errno::again) return 0;
    if (!n && n.error() == Errno::restartsys) return err::intr;
    // What is left is for the next sleeper.
    if (n && !changed_.empty()) {
        bool more;
        {
            auto state = state_.lock();
            state->drain(*this);
            more = !state->ready.empty();
        }
        if (more) changed_.notify_one();
    }
    return n;
}

/// The epolls that this one watches.
Result<Vector<Ref<File>>> Epoll::nested() {
    Vector<Ref<Item>> items;
    while (true) {
        usize count;
        {
            auto state = state_.lock();
            count = state->items.size();
        }
        TRY(items.reserve(count));
        auto state = state_.lock();
        if (state->items.size() > count) continue;
        for (Item& i : state->items) (void)items.push(Ref<Item>::share(&i));
        break;
    }
    Vector<Ref<File>> found;
    for (auto& item : items)
        if (auto file = item->file(); file && file->kind() == &epoll_kind) TRY(found.push(std::move(file)));
    return found;
}

Result<unsigned> Epoll::depth_below(unsigned limit, const Epoll& forbidden) {
    if (this == &forbidden || limit == 0) return err::loop;
    unsigned depth = 1;
    auto below = TRY(nested());
    for (auto& file : below) {
        unsigned d = 1 + TRY(static_cast<Epoll&>(*file).depth_below(limit - 1, forbidden));
        depth = d > depth ? d : depth;
    }
    return depth;
}

/// Refuses circles and deep towers: a notification climbs through all of them on one stack.
Result<> Epoll::check_nesting(Epoll& child) {
    unsigned depth = TRY(child.depth_below(max_depth + 1, *this));
    if (above_ + depth > max_depth) return err::loop;
    // What is below moves down with the child; `depth` levels at most, so the recursion in depth_below bounds this too.
    struct Lower {
        static Result<> all(Epoll& e, unsigned above) {
            if (e.above_ >= above) return {};
            e.above_ = above;
            auto below = TRY(e.nested());
            for (auto& file : below) TRY(all(static_cast<Epoll&>(*file), above + 1));
            return {};
        }
    };
    return Lower::all(child, above_ + 1);
}

void Epoll::print_info(Writer& out) {
    auto state = state_.lock();
    for (Item& i : state->items)
        print(out, "tfd: {:>8} events: {:>8x} data: {:>16x}\n", i.descriptor, i.events.load(), i.data);
}

Result<Epoll*> as_epoll(File& file) {
    if (file.kind() != &epoll_kind) return err::inval;
    return static_cast<Epoll*>(&file);
}
} // namespace

Result<Ref<File>> create() { return TRY(make_ref<Epoll>(TRY(vfs::make_anonymous_inode()))); }

Result<> add(File& epoll, Ref<File> target, int fd, Event event) {
    Epoll& e = *TRY(as_epoll(epoll));
    if (target == &epoll) return err::inval;
    if (!target->pollable()) return err::perm;
    bool nested = target->kind() == &epoll_kind;
    if (event.events & EPOLLEXCLUSIVE) {
        constexpr u32 allowed = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
        if (nested || event.events & ~allowed) return err::inval;
    }
    if (!nested) return e.add(std::move(target), fd, event);
    Holding held{graph_lock};
    TRY(e.check_nesting(static_cast<Epoll&>(*target)));
    return e.add(std::move(target), fd, event);
}

Result<> modify(File& epoll, File& target, int fd, Event event) {
    Epoll& e = *TRY(as_epoll(epoll));
    if (&target == &epoll || event.events & EPOLLEXCLUSIVE) return err::inval;
    return e.modify(target, fd, event);
}

Result<> remove(File& epoll, File& target, int fd) {
    Epoll& e = *TRY(as_epoll(epoll));
    if (&target == &epoll) return err::inval;
    return e.remove(target, fd);
}

Result<usize> wait(File& epoll, EventSink& out, usize most, Deadline until) {
    return (*TRY(as_epoll(epoll))).wait(out, most, until);
}
} // namespace epoll

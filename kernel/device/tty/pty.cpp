#include "kernel/device/tty/pty_impl.h"
#include "kernel/process/task.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/operations.h"
#include <linux/eventpoll.h>
#include <linux/major.h>

namespace tty {
usize Pty::write(std::span<const char> from) {
    usize n;
    {
        auto ring = ring_.lock();
        n = from.size() < capacity - ring->used ? from.size() : capacity - ring->used;
        usize at = (ring->first + ring->used) % capacity;
        usize part = n < capacity - at ? n : capacity - at;
        std::memcpy(ring->bytes + at, from.data(), part);
        std::memcpy(ring->bytes, from.data() + part, n - part);
        ring->used += n;
    }
    if (n) changed.notify_all(EPOLLIN | EPOLLRDNORM);
    return n;
}
usize Pty::room() { return capacity - ring_.lock()->used; }
usize Pty::available() { return ring_.lock()->used; }
void Pty::discard() { ring_.lock()->used = 0; }

usize Pty::peek(std::span<char> to) {
    auto ring = ring_.lock();
    usize n = to.size() < ring->used ? to.size() : ring->used;
    usize part = n < capacity - ring->first ? n : capacity - ring->first;
    std::memcpy(to.data(), ring->bytes + ring->first, part);
    std::memcpy(to.data() + part, ring->bytes, n - part);
    return n;
}
void Pty::drop(usize n) {
    auto ring = ring_.lock();
    if (n > ring->used) n = ring->used; // discarded meanwhile
    ring->first = (ring->first + n) % capacity;
    ring->used -= n;
}

void Pty::report(u8 bits) {
    if (!packets || !bits) return;
    u8 opposite = 0; // a later event takes back an earlier one
    if (bits & TIOCPKT_STOP) opposite |= TIOCPKT_START;
    if (bits & TIOCPKT_START) opposite |= TIOCPKT_STOP;
    if (bits & TIOCPKT_DOSTOP) opposite |= TIOCPKT_NOSTOP;
    if (bits & TIOCPKT_NOSTOP) opposite |= TIOCPKT_DOSTOP;
    status.fetch_and(static_cast<u8>(~opposite));
    status.fetch_or(bits);
    changed.notify_all();
}
u8 Pty::take_status() { return status.exchange(0); }

void Pty::opened() { slave_closed = false; }
void Pty::closed() {
    slave_closed = true;
    changed.notify_all();
}

// ---- sets

namespace {
/// Slaves beyond this one's minor numbers would need a second major; devpts's own limit is far below.
constexpr u32 most_ever = 1u << 20;
} // namespace

Result<Ref<Terminal>> make_pair(PtySet& set, Vector<Ref<Terminal>>& terminals) {
    u32 number = 0;
    while (number < terminals.size() && terminals[number]) number++;
    if (number >= set.most || number >= most_ever) return err::nospc;
    if (number == terminals.size()) TRY(terminals.push(nullptr));
    auto pty = TRY(make<Pty>(number));
    const Credentials& who = Task::current().credentials();
    pty->node.unguarded() = {set.uid != ids::no_user ? set.uid : who.fsuid,
                             set.gid != ids::no_group ? set.gid : who.fsgid, set.mode, vfs::now(), vfs::now()};
    char name[16];
    BufferWriter text{name};
    print(text, "pts/{}", number);
    auto terminal = TRY(Terminal::create(std::move(pty), text.text(), device::number(UNIX98_PTY_SLAVE_MAJOR, number)));
    ktermios settings = LineDiscipline::defaults(); // a console's; whoever opens the pty knows what its own user types
    settings.c_iflag &= ~u32{IUTF8};
    settings.c_cflag &= ~u32{HUPCL};
    terminal->impl().line.set(settings);
    terminals[number] = terminal;
    return terminal;
}

Result<Ref<Terminal>> PtySet::find(u32 number) {
    auto terminals = terminals_.lock();
    if (number >= terminals->size() || !(*terminals)[number]) return err::noent;
    return (*terminals)[number];
}

Result<u32> PtySet::next(u32 from) {
    auto terminals = terminals_.lock();
    for (; from < terminals->size(); from++)
        if ((*terminals)[from]) return from;
    return err::noent;
}

void PtySet::remove(u32 number) {
    Ref<Terminal> gone; // without the lock
    auto terminals = terminals_.lock();
    gone = std::move((*terminals)[number]);
}

Result<Ref<File>> make_master(Ref<PtySet>, Ref<Terminal>, const vfs::Path& place, const vfs::Path& root, u32 flags);

Result<Ref<File>> PtySet::open_master(const vfs::Path& place, const vfs::Path& root, u32 flags) {
    Ref<Terminal> terminal;
    {
        auto terminals = terminals_.lock();
        terminal = TRY(make_pair(*this, *terminals));
    }
    u32 number = pty_of(*terminal).number;
    auto file = make_master(Ref<PtySet>::share(this), std::move(terminal), place, root, flags);
    if (!file) remove(number);
    return file;
}

Result<NodeAttributes> node_attributes(Terminal& t) { return *pty_of(t).node.lock(); }

Result<> set_node_attributes(Terminal& t, const vfs::AttributeChange& change) {
    using Change = vfs::AttributeChange;
    if (change.set & Change::size_bit) return err::inval;
    auto node = pty_of(t).node.lock();
    if (change.set & Change::mode_bit) node->mode = change.mode & 07777;
    if (change.set & Change::uid_bit) node->uid = change.uid;
    if (change.set & Change::gid_bit) node->gid = change.gid;
    if (change.set & Change::change_bit) node->changed = change.change;
    return {};
}
} // namespace tty

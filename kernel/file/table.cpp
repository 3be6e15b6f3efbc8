#include "kernel/file/table.h"
#include <algorithm>

namespace {
constexpr usize least_slots = 32;
/// RLIMIT_NOFILE may be raised up to this: /proc/sys/fs/nr_open's usual value.
constexpr usize most_slots = 1'048'576;

usize words(usize bits) { return (bits + 63) / 64; }
} // namespace

void FileTable::Slots::set_used(usize fd, bool on) {
    u64 bit = u64{1} << (fd % 64), &word = used[fd / 64];
    word = on ? word | bit : word & ~bit;
    u64 summary = u64{1} << (fd / 64 % 64), &filled = full[fd / 64 / 64];
    filled = word == ~u64{0} ? filled | summary : filled & ~summary;
}

/// The lowest free slot at or after `from`, or slots.size().
usize FileTable::Slots::first_free(usize from) const {
    if (from >= slots.size()) return slots.size();
    usize word = from / 64;
    u64 taken = used[word] | ((u64{1} << (from % 64)) - 1);
    if (taken == ~u64{0}) {
        word++;
        usize group = word / 64;
        if (group >= full.size()) return slots.size();
        u64 filled = full[group] | ((u64{1} << (word % 64)) - 1);
        while (filled == ~u64{0}) {
            if (++group == full.size()) return slots.size();
            filled = full[group];
        }
        word = group * 64 + static_cast<usize>(std::countr_one(filled));
        if (word >= used.size()) return slots.size();
        taken = used[word];
    }
    usize fd = word * 64 + static_cast<usize>(std::countr_one(taken));
    return fd < slots.size() ? fd : slots.size();
}

/// The first slot in use at or after `from`, or slots.size().
usize FileTable::Slots::next_used(usize from) const {
    for (usize word = from / 64; word < used.size(); word++) {
        u64 left = used[word];
        if (word == from / 64) left &= ~u64{0} << (from % 64);
        if (left) return word * 64 + static_cast<usize>(std::countr_zero(left));
    }
    return slots.size();
}

Result<Ref<FileTable>> FileTable::create() {
    auto table = TRY(make_ref<FileTable>());
    TRY(table->grow(least_slots));
    return table;
}

FileTable::~FileTable() {
    Slots& last = slots_.unguarded();
    last.for_each_used([&](usize fd) {
        Ref<File> file = std::move(last.slots[fd].file);
        (void)file->flush(*this);
    });
}

/// Makes room for at least `n` slots. The new arrays are made without the spinlock, and swapped in under it.
Result<> FileTable::grow(usize n) {
    Holding one_at_a_time{growing_};
    usize now = slots_.lock()->slots.size();
    if (n <= now) return {};
    usize size = now ? now : least_slots;
    while (size < n) size *= 2;
    Slots bigger;
    TRY(bigger.slots.resize(size));
    TRY(bigger.used.resize(words(size)));
    TRY(bigger.full.resize(words(bigger.used.size())));
    {
        auto old = slots_.lock();
        for (usize i = 0; i < now; i++) bigger.slots[i] = std::move(old->slots[i]);
        for (usize i = 0; i < old->used.size(); i++) bigger.used[i] = old->used[i];
        for (usize i = 0; i < old->full.size(); i++) bigger.full[i] = old->full[i];
        std::swap(bigger.slots, old->slots);
        std::swap(bigger.used, old->used);
        std::swap(bigger.full, old->full);
    }
    return {};
}

Result<Ref<FileTable>> FileTable::clone() {
    auto copy = TRY(make_ref<FileTable>());
    while (true) {
        usize size = slots_.lock()->slots.size();
        TRY(copy->grow(size));
        auto from = slots_.lock();
        if (from->slots.size() > copy->slots_.unguarded().slots.size()) continue; // grew meanwhile
        Slots& to = copy->slots_.unguarded();
        from->for_each_used([&](usize fd) { to.slots[fd] = from->slots[fd]; });
        std::ranges::copy(from->used, to.used.begin());
        std::ranges::copy(from->full, to.full.begin());
        return copy;
    }
}

Result<Ref<File>> FileTable::get(int fd, bool path_too) {
    Ref<File> found;
    {
        auto s = slots_.lock();
        if (fd < 0 || static_cast<usize>(fd) >= s->slots.size()) return err::badf;
        found = s->slots[static_cast<usize>(fd)].file;
    }
    if (!found || (!path_too && found->path_only())) return err::badf;
    return found;
}

Result<int> FileTable::install(Ref<File> file, bool close_on_exec, u64 limit, int from) {
    if (limit > most_slots) limit = most_slots;
    if (from < 0 || static_cast<u64>(from) >= limit) return err::inval;
    while (true) {
        usize size;
        {
            auto s = slots_.lock();
            size = s->slots.size();
            usize fd = s->first_free(static_cast<usize>(from));
            if (fd < size) {
                if (fd >= limit) return err::mfile;
                s->set_used(fd, true);
                s->slots[fd].file = std::move(file);
                s->slots[fd].close_on_exec = close_on_exec;
                return static_cast<int>(fd);
            }
        }
        usize wanted = static_cast<usize>(from) < size ? size + 1 : static_cast<usize>(from) + 1;
        if (wanted > limit) return err::mfile;
        TRY(grow(wanted));
    }
}

Result<> FileTable::install_pair(Ref<File> first, Ref<File> second, bool close_on_exec, u64 limit, int (&fds)[2]) {
    fds[0] = TRY(install(std::move(first), close_on_exec, limit));
    auto other = install(std::move(second), close_on_exec, limit);
    if (!other) {
        (void)close(fds[0]);
        return std::unexpected(other.error());
    }
    fds[1] = *other;
    return {};
}

Result<> FileTable::install_at(int fd, Ref<File> file, bool close_on_exec, u64 limit) {
    if (fd < 0 || static_cast<u64>(fd) >= limit || static_cast<usize>(fd) >= most_slots) return err::badf;
    usize at = static_cast<usize>(fd);
    TRY(grow(at + 1));
    {
        auto s = slots_.lock();
        s->set_used(at, true);
        s->slots[at].close_on_exec = close_on_exec;
        std::swap(s->slots[at].file, file);
    }
    if (file) (void)file->flush(*this);
    return {};
}

/// Takes the file out of a slot; null when nothing was open there.
Ref<File> FileTable::take(usize fd, bool only_close_on_exec) {
    auto s = slots_.lock();
    if (fd >= s->slots.size() || !s->slots[fd].file) return nullptr;
    if (only_close_on_exec && !s->slots[fd].close_on_exec) return nullptr;
    s->set_used(fd, false);
    s->slots[fd].close_on_exec = false;
    return std::move(s->slots[fd].file);
}

Result<> FileTable::close(int fd) {
    auto file = fd < 0 ? Ref<File>{} : take(static_cast<usize>(fd));
    if (!file) return err::badf;
    return file->flush(*this);
}

/// Closes the open descriptors in [first, end).
void FileTable::close_each(usize first, usize end, bool only_close_on_exec) {
    for (usize fd = first;; fd++) {
        fd = slots_.lock()->next_used(fd);
        if (fd >= end) return;
        if (auto file = take(fd, only_close_on_exec)) (void)file->flush(*this);
    }
}

Result<> FileTable::close_range(unsigned first, unsigned last, bool only_mark_close_on_exec) {
    if (first > last) return err::inval;
    usize end = slots_.lock()->slots.size();
    if (last < end) end = usize{last} + 1;
    if (!only_mark_close_on_exec) {
        close_each(first, end, false);
        return {};
    }
    auto s = slots_.lock();
    for (usize fd = s->next_used(first); fd < end; fd = s->next_used(fd + 1)) s->slots[fd].close_on_exec = true;
    return {};
}

void FileTable::close_on_exec_files() { close_each(0, size(), true); }

Result<bool> FileTable::close_on_exec(int fd) {
    auto s = slots_.lock();
    if (fd < 0 || static_cast<usize>(fd) >= s->slots.size()) return err::badf;
    const Slot& slot = s->slots[static_cast<usize>(fd)];
    if (!slot.file) return err::badf;
    return slot.close_on_exec;
}

Result<> FileTable::set_close_on_exec(int fd, bool on) {
    auto s = slots_.lock();
    if (fd < 0 || static_cast<usize>(fd) >= s->slots.size() || !s->slots[static_cast<usize>(fd)].file) return err::badf;
    s->slots[static_cast<usize>(fd)].close_on_exec = on;
    return {};
}

Result<int> FileTable::next_open(int from) {
    auto s = slots_.lock();
    usize fd = s->next_used(from < 0 ? 0 : static_cast<usize>(from));
    return fd < s->slots.size() ? Result<int>{static_cast<int>(fd)} : Result<int>{err::badf};
}

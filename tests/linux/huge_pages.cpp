// qemu-user: knows no MADV_WIPEONFORK, no errors of madvise
// Private memory large enough for pages of 2 MiB, whether it gets them or not: what is in it survives unmapping,
// protecting, moving and dropping parts of it, forks, and threads that touch it meanwhile; and what is said about it.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace {
constexpr size_t page = 4096, span = 2 << 20;
constexpr int rw = PROT_READ | PROT_WRITE;

/// Aligned spans, with nothing that merges with them.
char* map_spans(size_t spans) {
    auto* p = static_cast<char*>(mmap(nullptr, (spans + 1) * span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (p == MAP_FAILED) return nullptr;
    char* start = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(p) + span - 1) & ~(span - 1));
    if (mprotect(start, spans * span, rw)) return nullptr;
    (void)madvise(start, spans * span, MADV_HUGEPAGE); // not every Linux has them
    return start;
}

void fill(char* start, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i += page) {
        auto* word = reinterpret_cast<volatile uint64_t*>(start + i);
        word[0] = seed + i;
        word[511] = seed + i + 1;
    }
}
/// Whether the bytes are those that fill() wrote `skip` bytes after its start.
bool has(const char* start, size_t size, unsigned seed, size_t skip = 0) {
    for (size_t i = 0; i < size; i += page) {
        auto* word = reinterpret_cast<const volatile uint64_t*>(start + i);
        if (word[0] != seed + skip + i || word[511] != seed + skip + i + 1) return false;
    }
    return true;
}
bool zero(const char* start, size_t size) {
    for (size_t i = 0; i < size; i += 8)
        if (*reinterpret_cast<const volatile uint64_t*>(start + i)) return false;
    return true;
}

int dies_of(auto body) {
    pid_t child = start(body);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void parts() {
    char* p = map_spans(6);
    CHECK(p);
    fill(p, 6 * span, 1);
    CHECK(has(p, 6 * span, 1));
    CHECK(munmap(p + span - page, 2 * page) == 0);
    CHECK(has(p, span - page, 1) && has(p + span + page, 5 * span - page, 1, span + page));
    CHECK(dies_of([&] { p[span] = 1; }) == SIGSEGV);
    CHECK(madvise(p + 2 * span + 8 * page, page, MADV_DONTNEED) == 0);
    CHECK(zero(p + 2 * span + 8 * page, page));
    CHECK(has(p + 2 * span, 8 * page, 1, 2 * span) && has(p + 2 * span + 9 * page, span, 1, 2 * span + 9 * page));
    CHECK(madvise(p + 4 * span, span, MADV_DONTNEED) == 0 && zero(p + 4 * span, span));
    fill(p + 4 * span, span, 9);
    CHECK(has(p + 4 * span, span, 9));
    CHECK(has(p + 3 * span, span, 1, 3 * span) && has(p + 5 * span, span, 1, 5 * span));
    CHECK(munmap(p + 3 * span, span) == 0 && dies_of([&] { p[3 * span] = 1; }) == SIGSEGV);
    unsigned char resident[2] = {};
    CHECK(mincore(p + 5 * span, 2 * page, resident) == 0 && resident[0] & 1 && resident[1] & 1);
    CHECK(munmap(p, 6 * span) == 0);
}

void protection() {
    char* p = map_spans(3);
    fill(p, 3 * span, 2);
    CHECK(mprotect(p, 2 * span, PROT_READ) == 0 && has(p, 3 * span, 2));
    CHECK(dies_of([&] { p[span] = 1; }) == SIGSEGV && dies_of([&] { p[2 * span - 1] = 1; }) == SIGSEGV);
    CHECK(mprotect(p + span, span, PROT_NONE) == 0);
    CHECK(dies_of([&] { (void)*const_cast<volatile char*>(p + span + page); }) == SIGSEGV);
    CHECK(mprotect(p, 3 * span, rw) == 0 && has(p, 3 * span, 2));
    CHECK(mprotect(p + page, page, PROT_READ) == 0);
    CHECK(dies_of([&] { p[page] = 1; }) == SIGSEGV && dies_of([&] { p[0] = 1, p[2 * page] = 1; }) == 0);
    int file = open("/dev/zero", O_RDONLY); // the kernel keeps to it as well
    FAILS(EFAULT, read(file, p + page, 1));
    CHECK(read(file, p, 1) == 1 && (p[0] = 2) == 2);
    close(file);
    CHECK(mprotect(p + page, page, rw) == 0 && has(p, 3 * span, 2));
    CHECK(munmap(p, 3 * span) == 0);
}

void forks() {
    char* p = map_spans(4);
    fill(p, 4 * span, 3);
    CHECK(madvise(p + 3 * span, span, MADV_WIPEONFORK) == 0);
    pid_t child = start([&] {
        bool same = has(p, 3 * span, 3) && zero(p + 3 * span, span);
        fill(p, span, 4);
        return same && has(p, span, 4) && has(p + span, span, 3, span) ? 0 : 1;
    });
    fill(p + span, span, 5);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(has(p, span, 3) && has(p + span, span, 5) && has(p + 2 * span, 2 * span, 3, 2 * span));
    CHECK(munmap(p, 4 * span) == 0);
}

void moves() {
    char *p = map_spans(4), *to = map_spans(8);
    fill(p, 4 * span, 6);
    CHECK(mremap(p, span, span, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to && has(to, span, 6));
    char* odd = to + 2 * span + page;
    CHECK(mremap(p + span, span, span, MREMAP_MAYMOVE | MREMAP_FIXED, odd) == odd && has(odd, span, 6, span));
    CHECK(zero(to + span, span) && zero(odd - page, page) && zero(odd + span, page));
    size_t half = span + span / 2;
    CHECK(mremap(p + 2 * span, 2 * span, half, MREMAP_MAYMOVE | MREMAP_FIXED, to + 5 * span) == to + 5 * span);
    CHECK(has(to + 5 * span, half, 6, 2 * span) && zero(to + 5 * span + half, span / 2));
    CHECK(dies_of([&] { p[4 * span - 1] = 1; }) == SIGSEGV);
    auto* back = static_cast<char*>(mremap(to, 8 * span, 9 * span, MREMAP_MAYMOVE));
    (void)
        back; // more than one area on either system, or not: whatever was answered, the bytes are where they should be
    if (back == MAP_FAILED) back = to;
    CHECK(has(back, span, 6) && has(back + 2 * span + page, span, 6, span) && has(back + 5 * span, half, 6, 2 * span));
}

struct Shared {
    char* start;
    volatile bool stop;
};
void* writes(void* given) {
    auto& s = *static_cast<Shared*>(given);
    uint64_t wrong = 0;
    for (uint64_t round = 1; !s.stop; round++)
        for (size_t at = 0; at < 4 * span; at += 37 * page) {
            auto* word = reinterpret_cast<volatile uint64_t*>(s.start + at + 64);
            *word = round;
            if (*word != round) wrong++;
        }
    return reinterpret_cast<void*>(wrong);
}
void* reads(void* given) {
    auto& s = *static_cast<Shared*>(given);
    uint64_t wrong = 0;
    while (!s.stop)
        for (size_t at = 0; at < 4 * span; at += 11 * page) // what fill() wrote, at all times
            if (*reinterpret_cast<volatile uint64_t*>(s.start + at) != 7 + at) wrong++;
    return reinterpret_cast<void*>(wrong);
}

/// One thread writes and one reads, while the rights and the neighbours of the same spans change.
void threads() {
    Shared s{map_spans(6), false};
    fill(s.start, 6 * span, 7);
    pthread_t one, other;
    CHECK(pthread_create(&one, nullptr, writes, &s) == 0 && pthread_create(&other, nullptr, reads, &s) == 0);
    for (int i = 0; i < 60; i++) {
        size_t at = static_cast<size_t>(i % 4) * span + static_cast<size_t>(i) * page;
        CHECK(mprotect(s.start + at, page, rw | (i % 2 ? PROT_EXEC : 0)) == 0);
        CHECK(mprotect(s.start, 6 * span, i % 3 ? rw : rw | PROT_EXEC) == 0);
        CHECK(madvise(s.start + 4 * span, i % 2 ? 2 * span : span + page, MADV_DONTNEED) == 0);
        fill(s.start + 4 * span, 2 * span, 8);
        if (i % 10 == 0) {
            pid_t child = start([&] { return has(s.start + 4 * span, 2 * span, 8) ? 0 : 1; });
            int status = 1;
            CHECK(waitpid(child, &status, 0) == child && status == 0);
        }
    }
    s.stop = true;
    void *wrong = nullptr, *misread = nullptr;
    CHECK(pthread_join(one, &wrong) == 0 && !wrong);
    CHECK(pthread_join(other, &misread) == 0 && !misread);
    CHECK(has(s.start + 4 * span, 2 * span, 8));
    CHECK(munmap(s.start, 6 * span) == 0);
}

/// Threads that fault on the same untouched span at the same moment: each finds all that the others wrote.
void* touches(void* given) {
    auto* word = static_cast<volatile uint64_t*>(given);
    for (size_t i = 0; i < 2 * span / 8; i += page / 8) word[i] = i + 1;
    return nullptr;
}
void races() {
    for (int round = 0; round < 10; round++) {
        char* p = map_spans(2);
        pthread_t made[4];
        for (size_t i = 0; i < 4; i++) CHECK(pthread_create(&made[i], nullptr, touches, p + i * 8) == 0);
        for (auto& t : made) CHECK(pthread_join(t, nullptr) == 0);
        bool all = true;
        for (size_t at = 0; at < 2 * span; at += page)
            for (size_t i = 0; i < 4; i++) all &= reinterpret_cast<uint64_t*>(p + at)[i] == at / 8 + 1;
        CHECK(all);
        CHECK(munmap(p, 2 * span) == 0);
    }
}

void sequential() {
    auto* p = static_cast<char*>(mmap(nullptr, 16 * span, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(p != MAP_FAILED);
    for (size_t i = 0; i < 16 * span; i += page) {
        CHECK(*reinterpret_cast<volatile uint64_t*>(p + i + 128) == 0);
        *reinterpret_cast<volatile uint64_t*>(p + i) = i;
    }
    bool all = true;
    for (size_t i = 0; i < 16 * span; i += page)
        all &= *reinterpret_cast<uint64_t*>(p + i) == i && zero(p + i + 8, page - 8);
    CHECK(all);
    CHECK(munmap(p, 16 * span) == 0);
}

void advice() {
    char* p = map_spans(2);
    CHECK(madvise(p, 2 * span, MADV_NOHUGEPAGE) == 0 && madvise(p + page, page, MADV_HUGEPAGE) == 0);
    fill(p, 2 * span, 1);
    CHECK(has(p, 2 * span, 1));
    FAILS(EINVAL, madvise(p + 1, page, MADV_HUGEPAGE));
    CHECK(munmap(p, span) == 0);
    FAILS(ENOMEM, madvise(p, 2 * span, MADV_HUGEPAGE));
    CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0);
    FAILS(EINVAL, prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
    FAILS(EINVAL, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 1));
    CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0 && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
    pid_t child = start([] { return prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1 ? 0 : 1; });
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0);
}
} // namespace

int main() {
    parts();
    protection();
    forks();
    moves();
    threads();
    races();
    sequential();
    advice();
    return finish("huge_pages");
}

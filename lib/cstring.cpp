// The C library's memory and string functions, which the compiler also calls by itself. A port may define faster
// memcpy, memmove and memset: those here are weak.
#define RUNDLET_DEFINES_STRING
#include "lib/types.h"
#include <cstring>

namespace {
/// A word that may overlay any object, at any alignment the CPU likes: callers align it.
using Word [[gnu::may_alias]] = u64;
constexpr usize word = sizeof(Word);

bool same_phase(const void* a, const void* b) {
    return ((reinterpret_cast<uptr>(a) ^ reinterpret_cast<uptr>(b)) & (word - 1)) == 0;
}
usize to_boundary(const void* p) { return -reinterpret_cast<uptr>(p) & (word - 1); }

/// Words between two phases: aligned ones are read and shifted into place, since misaligned loads may trap to the
/// firmware. Moves what whole words of both sides hold; nothing outside of the source is read.
void copy_shifted(unsigned char*& to, const unsigned char*& from, usize& n) {
    for (usize head = word + to_boundary(to); head; head--, n--) *to++ = *from++;
    usize before = reinterpret_cast<uptr>(from) & (word - 1), shift = before * 8;
    auto* r = reinterpret_cast<const Word*>(from - before);
    for (Word low = *r, high; n >= 2 * word; n -= word, to += word, from += word, low = high) {
        high = *++r;
        *reinterpret_cast<Word*>(to) = low >> shift | high << (64 - shift);
    }
}

void copy_up(unsigned char* to, const unsigned char* from, usize n) {
    if (n >= 4 * word && !same_phase(to, from)) copy_shifted(to, from, n);
    if (n >= 2 * word && same_phase(to, from)) {
        for (usize head = to_boundary(to); head; head--, n--) *to++ = *from++;
        for (; n >= 8 * word; n -= 8 * word, to += 8 * word, from += 8 * word) {
            auto* w = reinterpret_cast<Word*>(to);
            auto* r = reinterpret_cast<const Word*>(from);
            Word a = r[0], b = r[1], c = r[2], d = r[3], e = r[4], f = r[5], g = r[6], h = r[7];
            w[0] = a, w[1] = b, w[2] = c, w[3] = d, w[4] = e, w[5] = f, w[6] = g, w[7] = h;
        }
        for (; n >= word; n -= word, to += word, from += word)
            *reinterpret_cast<Word*>(to) = *reinterpret_cast<const Word*>(from);
    }
    while (n--) *to++ = *from++;
}

void copy_down(unsigned char* to, const unsigned char* from, usize n) {
    to += n, from += n;
    if (n >= 2 * word && same_phase(to, from)) {
        for (; reinterpret_cast<uptr>(to) & (word - 1); n--) *--to = *--from;
        for (; n >= word; n -= word) {
            to -= word, from -= word;
            *reinterpret_cast<Word*>(to) = *reinterpret_cast<const Word*>(from);
        }
    }
    while (n--) *--to = *--from;
}
} // namespace

extern "C" {
[[gnu::weak]] void* memcpy(void* __restrict to, const void* __restrict from, size_t n) {
    copy_up(static_cast<unsigned char*>(to), static_cast<const unsigned char*>(from), n);
    return to;
}

[[gnu::weak]] void* memmove(void* to, const void* from, size_t n) {
    auto* t = static_cast<unsigned char*>(to);
    auto* f = static_cast<const unsigned char*>(from);
    if (reinterpret_cast<uptr>(t) - reinterpret_cast<uptr>(f) >= n)
        copy_up(t, f, n); // wraps when t < f
    else
        copy_down(t, f, n);
    return to;
}

[[gnu::weak]] void* memset(void* to, int value, size_t n) {
    auto* t = static_cast<unsigned char*>(to);
    auto byte = static_cast<unsigned char>(value);
    if (n >= 2 * word) {
        Word pattern = byte * 0x0101010101010101;
        for (usize head = to_boundary(t); head; head--, n--) *t++ = byte;
        for (; n >= 8 * word; n -= 8 * word, t += 8 * word) {
            auto* w = reinterpret_cast<Word*>(t);
            w[0] = w[1] = w[2] = w[3] = w[4] = w[5] = w[6] = w[7] = pattern;
        }
        for (; n >= word; n -= word, t += word) *reinterpret_cast<Word*>(t) = pattern;
    }
    while (n--) *t++ = byte;
    return to;
}

int memcmp(const void* a, const void* b, size_t n) {
    auto* x = static_cast<const unsigned char*>(a);
    auto* y = static_cast<const unsigned char*>(b);
    if (n >= 2 * word && same_phase(x, y)) {
        for (; n && reinterpret_cast<uptr>(x) & (word - 1); n--, x++, y++)
            if (*x != *y) return *x - *y;
        while (n >= word && *reinterpret_cast<const Word*>(x) == *reinterpret_cast<const Word*>(y))
            n -= word, x += word, y += word;
    }
    for (; n; n--, x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}
int bcmp(const void* a, const void* b, size_t n) { return memcmp(a, b, n); }

void* memchr(const void* p, int value, size_t n) {
    for (auto* at = static_cast<const unsigned char*>(p); n; n--, at++)
        if (*at == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(at);
    return nullptr;
}

size_t strlen(const char* s) {
    size_t n = 0;
    while (s[n]) n++;
    return n;
}

int strncmp(const char* a, const char* b, size_t n) {
    for (; n; n--, a++, b++) {
        auto x = static_cast<unsigned char>(*a), y = static_cast<unsigned char>(*b);
        if (x != y || !x) return x - y;
    }
    return 0;
}
int strcmp(const char* a, const char* b) { return strncmp(a, b, ~size_t{0}); }

char* strchr(const char* s, int c) {
    for (;; s++) {
        if (*s == static_cast<char>(c)) return const_cast<char*>(s);
        if (!*s) return nullptr;
    }
}
char* strrchr(const char* s, int c) {
    const char* found = nullptr;
    for (;; s++) {
        if (*s == static_cast<char>(c)) found = s;
        if (!*s) return const_cast<char*>(found);
    }
}
char* strpbrk(const char* s, const char* any) {
    for (; *s; s++)
        if (strchr(any, *s)) return const_cast<char*>(s);
    return nullptr;
}
char* strstr(const char* s, const char* part) {
    size_t n = strlen(part);
    for (;; s++) {
        if (strncmp(s, part, n) == 0) return const_cast<char*>(s);
        if (!*s) return nullptr;
    }
}
}

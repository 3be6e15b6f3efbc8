// An inotify instance for the programs here, and its events as text.
#pragma once
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

/// Text that grows.
class Text {
public:
    Text() = default;
    Text(Text&& o) : text_{o.text_}, size_{o.size_} { o.text_ = nullptr, o.size_ = 0; }
    ~Text() { free(text_); }
    void add(const char* more, size_t n) {
        text_ = static_cast<char*>(realloc(text_, size_ + n + 1));
        memcpy(text_ + size_, more, n);
        text_[size_ += n] = 0;
    }
    void add(const char* more) { add(more, strlen(more)); }
    void add_number(int n) {
        char digits[12];
        snprintf(digits, sizeof digits, "%d", n);
        add(digits);
    }
    const char* get() const { return text_ ? text_ : ""; }
    bool operator==(const char* other) const { return strcmp(get(), other) == 0; }

private:
    char* text_ = nullptr;
    size_t size_ = 0;
};

/// The path of an open file.
struct PathOf {
    explicit PathOf(int fd) { snprintf(text, sizeof text, "/proc/self/fd/%d", fd); }
    char text[32];
};

/// Adds the names of the bits, "OPEN|ISDIR".
[[maybe_unused]] static void add_bits(Text& text, uint32_t mask) {
    static const struct {
        uint32_t bit;
        const char* name;
    } names[] = {{IN_ACCESS, "ACCESS"},
                 {IN_MODIFY, "MODIFY"},
                 {IN_ATTRIB, "ATTRIB"},
                 {IN_CLOSE_WRITE, "CLOSE_WRITE"},
                 {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"},
                 {IN_OPEN, "OPEN"},
                 {IN_MOVED_FROM, "MOVED_FROM"},
                 {IN_MOVED_TO, "MOVED_TO"},
                 {IN_CREATE, "CREATE"},
                 {IN_DELETE, "DELETE"},
                 {IN_DELETE_SELF, "DELETE_SELF"},
                 {IN_MOVE_SELF, "MOVE_SELF"},
                 {IN_UNMOUNT, "UNMOUNT"},
                 {IN_Q_OVERFLOW, "Q_OVERFLOW"},
                 {IN_IGNORED, "IGNORED"},
                 {IN_ISDIR, "ISDIR"}};
    const char* between = "";
    for (auto& n : names) {
        if (!(mask & n.bit)) continue;
        text.add(between), text.add(n.name);
        between = "|";
        mask &= ~n.bit;
    }
    if (mask) text.add("|more");
}

class Instance {
public:
    explicit Instance(int flags = IN_NONBLOCK) : fd{inotify_init1(flags)} { CHECK(fd >= 0); }
    ~Instance() { close(); }
    Instance(const Instance&) = delete;
    void close() {
        if (fd >= 0) CHECK(::close(fd) == 0);
        fd = -1;
    }
    /// Watches a path, which events() calls by that name.
    int watch(const char* path, uint32_t mask = IN_ALL_EVENTS) { return watch(path, mask, path); }
    int watch(const char* path, uint32_t mask, const char* name) {
        int wd = inotify_add_watch(fd, path, mask);
        CHECK(wd > 0 && wd < most_names);
        if (wd > 0 && wd < most_names) names_[wd] = name;
        return wd;
    }
    /// All events that wait, as "watch: BITS name #2", where equal numbers stand for equal cookies; and that the
    /// structures are laid out as they should.
    Text events() {
        Text text;
        alignas(inotify_event) char buffer[4096];
        while (true) {
            ssize_t n = read(fd, buffer, sizeof buffer);
            if (n <= 0) {
                if (n == 0 || errno != EAGAIN) FAILS(EAGAIN, read(fd, buffer, sizeof buffer));
                return text;
            }
            for (ssize_t at = 0; at < n;) {
                inotify_event event;
                memcpy(&event, buffer + at, sizeof event);
                add(text, event, buffer + at + sizeof event);
                at += static_cast<ssize_t>(sizeof event + event.len);
            }
        }
    }
    int fd;

private:
    static constexpr int most_names = 32;
    void add(Text& text, const inotify_event& event, const char* name) {
        bool known = event.wd > 0 && event.wd < most_names && names_[event.wd];
        text.add("  ");
        text.add(event.wd == -1 ? "-1" : known ? names_[event.wd] : "?");
        text.add(": ");
        add_bits(text, event.mask);
        if (event.len) {
            size_t length = strnlen(name, event.len);
            CHECK(event.len == (length + 16) / 16 * 16);
            for (size_t i = length; i < event.len; i++) CHECK(name[i] == 0);
            text.add(" ");
            if (name[0] == '#')
                text.add("#number");
            else
                text.add(name, length);
        }
        if (event.cookie) {
            if (event.cookie != last_cookie_) cookies_++;
            last_cookie_ = event.cookie;
            text.add(" #"), text.add_number(cookies_);
        }
        text.add("\n");
    }
    const char* names_[most_names] = {};
    uint32_t last_cookie_ = 0;
    int cookies_ = 0;
};

[[maybe_unused]] static void make_file(const char* path, const char* content = "") {
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    CHECK(fd >= 0 && write(fd, content, strlen(content)) == static_cast<ssize_t>(strlen(content)) && close(fd) == 0);
}

[[maybe_unused]] static int scenes = 0;
/// Runs body(instance) in a folder of its own with d/file, d/other, d/sub, e/file and f; prints what `watched` say.
[[maybe_unused]] static void scene(const char* what, std::initializer_list<const char*> watched, auto body,
                                   uint32_t mask = IN_ALL_EVENTS) {
    char folder[20];
    snprintf(folder, sizeof folder, "scene%d", scenes++);
    CHECK(mkdir(folder, 0755) == 0 && chdir(folder) == 0);
    CHECK(mkdir("d", 0755) == 0 && mkdir("d/sub", 0755) == 0 && mkdir("e", 0755) == 0);
    make_file("d/file", "content"), make_file("d/other"), make_file("e/file"), make_file("f");
    {
        Instance instance;
        for (const char* path : watched) instance.watch(path, mask);
        if constexpr (requires { body(instance); })
            body(instance);
        else
            body();
        Text events = instance.events();
        printf("%s:\n%s", what, events.get());
    }
    CHECK(chdir("..") == 0);
}

// libFuzzer: a program of file operations over a small set of names: links, loops, `..`, renames of what is walked.
// Each step is a byte for the operation and two paths; a path is a list of components, one byte each.
#include "kernel/file/block_on.h"
#include "lib/string.h"
#include "tests/fuzz/tree.h"
#include <asm/fcntl.h>
#include <cstring>
#include <linux/stat.h>

namespace {
class Script {
public:
    Script(const unsigned char* data, unsigned long size) : at_{data}, end_{data + size} {}
    bool done() const { return at_ >= end_; }
    unsigned byte() { return done() ? 0 : *at_++; }
    /// The path stays valid until the second call after this one.
    std::string_view path() {
        static constexpr std::string_view parts[] = {"a", "b", "c", "d", "..", ".", "", "loop", "dir", "a"};
        char* text = text_[which_ ^= 1];
        usize n = 0;
        unsigned first = byte();
        if (first & 1) text[n++] = '/';
        for (unsigned i = 0, count = first >> 1 & 7; i < count; i++) {
            auto part = parts[byte() % std::size(parts)];
            std::memcpy(text + n, part.data(), part.size());
            n += part.size();
            if (i + 1 < count || first & 16) text[n++] = '/';
        }
        if (first == 0xff) { // a name too long, or a path
            n = byte() & 1 ? 256 : sizeof text_[0];
            std::memset(text, 'x', n);
        }
        return {text, n};
    }

private:
    const unsigned char *at_, *end_;
    char text_[2][4200];
    unsigned which_ = 0;
};

void step(vfs::Walker& w, Script& s) {
    unsigned operation = s.byte();
    auto path = s.path(), other = s.path();
    switch (operation % 12) {
    case 0: (void)vfs::make_directory(w, path, 0777); break;
    case 1: (void)vfs::make_symlink(w, path, other); break;
    case 2: (void)vfs::unlink(w, path); break;
    case 3: (void)vfs::remove_directory(w, path); break;
    case 4: (void)vfs::rename(w, path, w, other, operation / 12 % 4); break;
    case 5:
        if (auto target = vfs::resolve(w, path, 0)) (void)vfs::make_link(*target, w, other);
        break;
    case 6:
        if (auto file = vfs::open(w, path, {.flags = O_RDWR | O_CREAT, .mode = 0644})) {
            Source from{std::as_bytes(std::span{other})};
            (void)file::write(**file, from);
        }
        break;
    case 7:
        if (auto at = vfs::resolve(w, path, vfs::walk_follow | vfs::walk_directory)) w.start = std::move(*at);
        break;
    case 8:
        if (auto at = vfs::resolve(w, path, vfs::walk_follow))
            (void)vfs::truncate(*at, *w.credentials, s.byte() * 4096);
        break;
    case 9: (void)vfs::make_node(w, path, S_IFREG | 0644, 0); break;
    case 10: (void)vfs::resolve(w, path, vfs::walk_follow | vfs::walk_beneath); break;
    case 11: {
        auto at = vfs::resolve(w, path, vfs::walk_follow);
        if (!at) break;
        auto text = vfs::path_text(*at, w.root);
        if (text && !at->dentry->unlinked() && !vfs::resolve(w, *text, 0))
            __builtin_trap(); // a name that leads nowhere
        break;
    }
    }
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    FuzzTree tree;
    Script script{data, size};
    while (!script.done()) step(tree.walker, script);
    return 0;
}

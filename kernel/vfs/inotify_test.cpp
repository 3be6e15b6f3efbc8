// inotify's limits and ends, and watches under threads: what Linux is not asked (tests/linux/inotify*.cpp).
#include "core/ktest/threads.h"
#include "files.h"
#include "fs/tmpfs/tmpfs.h"
#include "kernel/file/block_on.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/operations.h"
#include "kernel/vfs/settings.h"
#include <gtest/gtest.h>
#include <linux/fcntl.h>
#include <string>

namespace {
View& no_view() {
    alignas(64) static char nobody[64];
    return reinterpret_cast<View&>(nobody);
}

class Inotify : public testing::Test {
protected:
    static void SetUpTestSuite() { ASSERT_TRUE(host::files_ready()); }
    void SetUp() override {
        auto sb = tmpfs::Superblock::mount({.source = "", .options = "mode=755", .flags = 0, .view = no_view()});
        tree = *vfs::MountTree::create(*sb, "test", 0);
        walker = {tree->root(), tree->root(), *make_ref<Credentials>(), 022};
        users = *make_ref<UserNamespace>();
        user = *User::of(*users, Kuid{7});
        for (auto name : {"a", "b", "c"}) make(name);
    }
    void make(std::string_view name) { EXPECT_TRUE(vfs::open(walker, name, {.flags = O_CREAT, .mode = 0600})); }
    static inotify::Instance& of(Ref<File>& file) { return *inotify::instance_of(*file); }
    Result<int> watch(Ref<File>& file, std::string_view path, u32 mask = IN_ALL_EVENTS) {
        return of(file).add(TRY(vfs::resolve(walker, path, 0)).inode(), mask);
    }
    /// "1:100 2:8000", the watch and the bits of each event.
    static std::string events(Ref<File>& file) {
        std::string text;
        alignas(inotify_event) std::byte bytes[4096];
        Sink to{bytes};
        usize n = file::read(*file, to).value_or(0);
        for (usize at = 0; at < n;) {
            inotify_event e;
            std::memcpy(&e, bytes + at, sizeof e);
            at += sizeof e + e.len;
            char one[40];
            std::snprintf(one, sizeof one, "%s%d:%x", text.empty() ? "" : " ", e.wd, e.mask);
            text += one;
        }
        return text;
    }
    Ref<vfs::MountTree> tree;
    vfs::Walker walker;
    Ref<UserNamespace> users;
    Ref<User> user;
};

TEST_F(Inotify, LimitsOfAUser) {
    auto& settings = vfs::settings;
    u32 watches = settings.inotify_watches.exchange(2), instances = settings.inotify_instances.exchange(2);
    {
        auto one = *inotify::create(user, O_NONBLOCK), two = *inotify::create(user, O_NONBLOCK);
        EXPECT_EQ(inotify::create(user, 0).error(), Errno::mfile);
        EXPECT_TRUE(inotify::create(*User::of(*users, Kuid{8}), 0));
        EXPECT_EQ(watch(one, "a"), 1);
        EXPECT_EQ(watch(two, "b"), 1);
        EXPECT_EQ(watch(one, "b").error(), Errno::nospc);
        EXPECT_EQ(watch(one, "a"), 1); // none more
        EXPECT_TRUE(of(one).remove(1));
        EXPECT_EQ(watch(two, "c"), 2);
        EXPECT_EQ(watch(one, "c").error(), Errno::nospc);
        two = nullptr;
        EXPECT_EQ(watch(one, "c"), 2);
        EXPECT_TRUE(vfs::unlink(walker, "c"));
        EXPECT_EQ(user->inotify_watches, 0u);
        EXPECT_TRUE(inotify::create(user, 0));
    }
    EXPECT_EQ(user->inotify_instances, 0u);
    EXPECT_EQ(file::inode_watches, 0u);
    settings.inotify_watches = watches;
    settings.inotify_instances = instances;
}

TEST_F(Inotify, AQueueOfNone) {
    u32 before = vfs::settings.inotify_events.exchange(0);
    auto file = *inotify::create(user, O_NONBLOCK);
    vfs::settings.inotify_events = before;
    EXPECT_EQ(watch(file, "/"), 1);
    make("d"), make("e");
    EXPECT_EQ(events(file), "-1:4000");
    EXPECT_EQ(events(file), "");
    make("f");
    EXPECT_EQ(events(file), "-1:4000");
}

TEST_F(Inotify, AnUnmountEndsWatches) {
    auto file = *inotify::create(user, O_NONBLOCK);
    EXPECT_EQ(watch(file, "/", IN_OPEN), 1);
    EXPECT_EQ(watch(file, "a", IN_OPEN), 2);
    walker = {};
    tree = nullptr;
    EXPECT_EQ(events(file), "2:2000 2:8000 1:40002000 1:8000");
    EXPECT_EQ(user->inotify_watches, 0u);
}

TEST_F(Inotify, ASnapshotIsAnotherFileSystem) {
    auto file = *inotify::create(user, O_NONBLOCK);
    EXPECT_EQ(watch(file, "a"), 1);
    auto root = walker.root;
    auto copy = *root.mount->superblock->snapshot(root.inode());
    auto other = *vfs::MountTree::create(copy, "copy", 0);
    vfs::Walker there{other->root(), other->root(), walker.credentials, 022};
    EXPECT_TRUE(vfs::unlink(there, "a"));
    EXPECT_EQ(events(file), "");
    EXPECT_TRUE(vfs::unlink(walker, "a"));
    EXPECT_EQ(events(file), "1:4 1:400 1:8000");
}

TEST_F(Inotify, ThreadsAtOnce) {
    auto shared = *inotify::create(user, O_NONBLOCK);
    constexpr int rounds = 300;
    auto files = [&] {
        for (int i = 0; i < rounds; i++) {
            make("x");
            (void)vfs::rename(walker, "x", walker, "y", 0);
            (void)vfs::unlink(walker, "y");
        }
    };
    auto watches = [&] {
        for (int i = 0; i < rounds; i++) {
            auto own = *inotify::create(user, O_NONBLOCK);
            (void)watch(own, "/");
            (void)watch(own, "x");
            (void)watch(shared, "x", IN_ALL_EVENTS | IN_ONESHOT);
            if (auto number = watch(shared, "/")) (void)of(shared).remove(*number);
            (void)events(shared);
        }
    };
    ASSERT_TRUE(ktest::run_threads(4, [&](unsigned n) { n < 2 ? files() : watches(); }));
    (void)watch(shared, "/");
    shared = nullptr;
    EXPECT_EQ(user->inotify_watches, 0u);
    EXPECT_EQ(file::inode_watches, 0u);
}
} // namespace

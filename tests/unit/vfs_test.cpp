// The file tree over tmpfs: names, walks, snapshots, descriptors, locks, the initramfs.
#include "boot/initramfs.h"
#include "core/ktest/threads.h"
#include "files.h"
#include "fs/tmpfs/tmpfs.h"
#include "kernel/file/block_on.h"
#include "kernel/file/table.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/operations.h"
#include <asm/fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <map>
#include <random>
#include <set>
#include <string>

namespace {
View& no_view() {
    alignas(64) static char nobody[64];
    return reinterpret_cast<View&>(nobody);
}

/// A mounted tmpfs and a user who walks in it.
class Tree : public testing::Test {
protected:
    static void SetUpTestSuite() { ASSERT_TRUE(host::files_ready()); }
    void SetUp() override {
        auto sb = tmpfs::Superblock::mount({.source = "", .options = "mode=755", .flags = 0, .view = no_view()});
        ASSERT_TRUE(sb);
        walker = make_walker(*sb);
    }
    vfs::Walker make_walker(Ref<vfs::Superblock> sb) {
        trees.push_back(*vfs::MountTree::create(std::move(sb), "test", 0));
        auto root = trees.back()->root();
        return {root, root, *make_ref<Credentials>(), 022};
    }
    Errno error(auto result) { return result ? Errno{} : result.error(); }
    void put(const vfs::Walker& w, std::string_view path, std::string_view text) {
        auto file = vfs::open(w, path, {.flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = 0644});
        ASSERT_TRUE(file) << path << " " << static_cast<int>(file.error());
        Source from{std::as_bytes(std::span{text})};
        ASSERT_EQ(file::write(**file, from), text.size());
    }
    std::string get(const vfs::Walker& w, std::string_view path) {
        auto file = vfs::open(w, path, {.flags = O_RDONLY});
        if (!file) return "error " + std::to_string(static_cast<int>(file.error()));
        std::string text(100'000, 0);
        Sink to{std::as_writable_bytes(std::span{text.data(), text.size()})};
        auto n = file::read(**file, to);
        text.resize(n.value_or(0));
        return text;
    }
    std::set<std::string> list(const vfs::Walker& w, std::string_view path) {
        struct Names final : DirectorySink {
            std::set<std::string> all;
            bool entry(std::string_view name, u64, unsigned, u64) override {
                all.emplace(name);
                return true;
            }
        } names;
        auto dir = vfs::open(w, path, {.flags = O_RDONLY | O_DIRECTORY});
        u64 at = 0;
        if (dir) EXPECT_TRUE((*dir)->read_directory(names, &at));
        names.all.erase(".");
        names.all.erase("..");
        return names.all;
    }
    std::vector<Ref<vfs::MountTree>> trees;
    vfs::Walker walker;
};

TEST_F(Tree, MakesReadsAndRemoves) {
    put(walker, "/a", "hello");
    EXPECT_EQ(get(walker, "a"), "hello");
    ASSERT_TRUE(vfs::make_directory(walker, "/d", 0777));
    EXPECT_EQ(error(vfs::make_directory(walker, "/d", 0777)), Errno::exist);
    put(walker, "d/b", std::string(10'000, 'x'));
    EXPECT_EQ(get(walker, "d/../d/./b").size(), 10'000u);
    EXPECT_EQ(error(vfs::remove_directory(walker, "d")), Errno::notempty);
    EXPECT_EQ(error(vfs::unlink(walker, "d")), Errno::isdir);
    EXPECT_EQ(error(vfs::remove_directory(walker, "a")), Errno::notdir);
    EXPECT_EQ(error(vfs::unlink(walker, "a/")), Errno::notdir);
    ASSERT_TRUE(vfs::unlink(walker, "d/b"));
    ASSERT_TRUE(vfs::remove_directory(walker, "d/"));
    EXPECT_EQ(list(walker, "/"), std::set<std::string>{"a"});
    auto stats = walker.root.inode().superblock().statistics();
    EXPECT_EQ(stats.blocks - stats.free_blocks, 1u);
}

TEST_F(Tree, WalksAsLinuxDoes) {
    ASSERT_TRUE(vfs::make_directory(walker, "/d", 0755));
    put(walker, "/d/f", "f");
    ASSERT_TRUE(vfs::make_symlink(walker, "/l", "d"));
    ASSERT_TRUE(vfs::make_symlink(walker, "/abs", "/d/f"));
    ASSERT_TRUE(vfs::make_symlink(walker, "/loop", "loop"));
    ASSERT_TRUE(vfs::make_symlink(walker, "/slash", "d/f/"));
    ASSERT_TRUE(vfs::make_symlink(walker, "/out", "../../../d/f"));
    EXPECT_EQ(get(walker, "l/f"), "f");
    EXPECT_EQ(get(walker, "abs"), "f");
    EXPECT_EQ(get(walker, "out"), "f");
    EXPECT_EQ(error(vfs::resolve(walker, "loop", vfs::walk_follow)), Errno::loop);
    EXPECT_EQ(error(vfs::resolve(walker, "slash", vfs::walk_follow)), Errno::notdir);
    EXPECT_EQ(error(vfs::resolve(walker, "d/f/x", 0)), Errno::notdir);
    EXPECT_EQ(error(vfs::resolve(walker, "d/f/", 0)), Errno::notdir);
    EXPECT_EQ(error(vfs::resolve(walker, "", 0)), Errno::noent);
    EXPECT_EQ(error(vfs::resolve(walker, "d/none/..", 0)), Errno::noent);
    EXPECT_EQ(error(vfs::resolve(walker, std::string(256, 'n'), 0)), Errno::nametoolong);
    EXPECT_EQ(error(vfs::resolve(walker, std::string(5000, '/'), 0)), Errno::nametoolong);
    EXPECT_EQ(error(vfs::resolve(walker, "../d", vfs::walk_beneath)), Errno::xdev);
    EXPECT_EQ(error(vfs::resolve(walker, "abs", vfs::walk_beneath | vfs::walk_follow)), Errno::xdev);
    EXPECT_EQ(error(vfs::resolve(walker, "l/f", vfs::walk_no_symlinks)), Errno::loop);
    EXPECT_TRUE(vfs::resolve(walker, "/../../d/f", vfs::walk_in_root));
    EXPECT_EQ(error(vfs::open(walker, "new/", {.flags = O_CREAT | O_WRONLY})), Errno::isdir);
    EXPECT_EQ(error(vfs::open(walker, "l", {.flags = O_RDONLY | O_NOFOLLOW})), Errno::loop);
    EXPECT_EQ(error(vfs::open(walker, "l", {.flags = O_RDONLY | O_NOFOLLOW | O_DIRECTORY})), Errno::notdir);
    EXPECT_EQ(error(vfs::open(walker, "d", {.flags = O_WRONLY})), Errno::isdir);
    EXPECT_EQ(error(vfs::open(walker, "abs", {.flags = O_CREAT | O_EXCL | O_WRONLY})), Errno::exist);
    ASSERT_TRUE(vfs::make_symlink(walker, "/dangling", "made"));
    EXPECT_TRUE(vfs::open(walker, "dangling", {.flags = O_CREAT | O_WRONLY, .mode = 0600}));
    EXPECT_TRUE(vfs::resolve(walker, "made", 0));
}

/// What a container's root may do by its capabilities ends where its user namespace ends.
TEST_F(Tree, CapabilitiesReachWhatIsMapped) {
    auto map = [](u32 outside) {
        Vector<IdMap::Extent> extents;
        EXPECT_TRUE(extents.push({0, outside, 100}));
        return *IdMap::create(std::move(extents));
    };
    auto root = *make_ref<Credentials>();
    root->users = (*make_ref<UserNamespace>(map(1000), map(1000)))->if_mapped();
    root->uid = root->euid = root->suid = root->fsuid = Kuid{1000};
    root->gid = root->egid = root->sgid = root->fsgid = Kgid{1000};
    vfs::Walker inside{walker.root, walker.start, root, 022};
    auto give = [&](const char* path, u32 uid, u32 gid) {
        put(walker, path, "x");
        auto at = *vfs::resolve(walker, path, 0);
        EXPECT_TRUE(vfs::change_owner(at, *walker.credentials, Kuid{uid}, Kgid{gid}));
        EXPECT_TRUE(vfs::change_mode(at, *walker.credentials, 0600));
        return at;
    };
    auto mapped = give("/mapped", 1050, 1051), machines = give("/machines", 0, 0), half = give("/half", 1050, 0);
    EXPECT_TRUE(vfs::open(inside, "/mapped", {.flags = O_RDWR}));
    EXPECT_TRUE(vfs::change_mode(mapped, *root, 0640));
    EXPECT_TRUE(vfs::change_owner(mapped, *root, Kuid{1001}, ids::no_group));
    EXPECT_EQ(error(vfs::open(inside, "/machines", {.flags = O_RDONLY})), Errno::acces);
    EXPECT_EQ(error(vfs::change_mode(machines, *root, 0666)), Errno::perm);
    EXPECT_EQ(error(vfs::change_owner(machines, *root, Kuid{1001}, ids::no_group)), Errno::perm);
    EXPECT_EQ(error(vfs::unlink(inside, "/machines")), Errno::acces); // the directory is the machine's
    EXPECT_EQ(error(vfs::open(inside, "/half", {.flags = O_RDONLY})), Errno::acces);
    EXPECT_TRUE(vfs::change_mode(half, *root, 0660)); // its owner counts alone
    EXPECT_EQ(error(vfs::make_node(inside, "/null", S_IFCHR | 0666, 0x103)), Errno::perm);
    // Over namespaces: its own, not those beside and above.
    EXPECT_TRUE(root->can_in(root->users.get(), CAP_KILL));
    EXPECT_FALSE(root->can_everywhere(CAP_KILL));
    EXPECT_TRUE(walker.credentials->can_in(root->users.get(), CAP_KILL));
    EXPECT_EQ(error(root->kuid(100)), Errno::inval);
    EXPECT_EQ(*root->kuid(ids::none), ids::no_user);
    EXPECT_EQ(root->shown(Kuid{0}), ids::overflow);
}

TEST_F(Tree, PermissionsOfOthers) {
    put(walker, "/mine", "x");
    ASSERT_TRUE(vfs::make_directory(walker, "/sticky", 0777));
    auto sticky = *vfs::resolve(walker, "/sticky", 0);
    ASSERT_TRUE(vfs::change_mode(sticky, *walker.credentials, 01777));
    put(walker, "/sticky/mine", "x");
    auto other = *make_ref<Credentials>();
    other->uid = other->euid = other->fsuid = Kuid{1000};
    other->gid = other->fsgid = Kgid{1000};
    other->effective = other->permitted = 0;
    vfs::Walker user{walker.root, walker.start, other, 022};
    EXPECT_EQ(error(vfs::open(user, "/mine", {.flags = O_RDWR})), Errno::acces);
    EXPECT_EQ(get(user, "/mine"), "x");
    EXPECT_EQ(error(vfs::unlink(user, "/mine")), Errno::acces);
    EXPECT_EQ(error(vfs::unlink(user, "/sticky/mine")), Errno::perm);
    EXPECT_TRUE(vfs::open(user, "/sticky/own", {.flags = O_CREAT | O_WRONLY, .mode = 0600}));
    EXPECT_TRUE(vfs::unlink(user, "/sticky/own"));
    EXPECT_EQ(error(vfs::change_owner(*vfs::resolve(user, "/mine", 0), *other, Kuid{1000}, ids::no_group)),
              Errno::perm);
}

TEST_F(Tree, RenamesAndLinks) {
    put(walker, "a", "a");
    put(walker, "b", "b");
    ASSERT_TRUE(vfs::make_directory(walker, "d", 0755));
    ASSERT_TRUE(vfs::make_directory(walker, "d/e", 0755));
    EXPECT_EQ(error(vfs::rename(walker, "d", walker, "d/e/f", 0)), Errno::inval);
    EXPECT_EQ(error(vfs::rename(walker, "a", walker, "b", RENAME_NOREPLACE)), Errno::exist);
    ASSERT_TRUE(vfs::rename(walker, "a", walker, "b", RENAME_EXCHANGE));
    EXPECT_EQ(get(walker, "a"), "b");
    ASSERT_TRUE(vfs::rename(walker, "a", walker, "d/e/a", 0));
    EXPECT_EQ(get(walker, "d/e/a"), "b");
    EXPECT_EQ(error(vfs::resolve(walker, "a", 0)), Errno::noent);
    ASSERT_TRUE(vfs::rename(walker, "d/e", walker, "moved-to-a-much-longer-name-than-fits-inline", 0));
    auto there = *vfs::resolve(walker, "moved-to-a-much-longer-name-than-fits-inline/a", 0);
    EXPECT_EQ(vfs::path_text(there, walker.root)->view(), "/moved-to-a-much-longer-name-than-fits-inline/a");
    ASSERT_TRUE(vfs::make_link(there, walker, "hard"));
    EXPECT_EQ(there.inode().links(), 2u);
    ASSERT_TRUE(vfs::unlink(walker, "moved-to-a-much-longer-name-than-fits-inline/a"));
    EXPECT_EQ(get(walker, "hard"), "b");
    auto unnamed = vfs::open(walker, ".", {.flags = O_TMPFILE | O_RDWR, .mode = 0600});
    ASSERT_TRUE(unnamed);
    ASSERT_TRUE(vfs::make_link(*(*unnamed)->path(), walker, "named"));
    EXPECT_TRUE(vfs::resolve(walker, "named", 0));
}

TEST_F(Tree, SnapshotsDoNotSeeEachOther) {
    ASSERT_TRUE(vfs::make_directory(walker, "bundle", 0755));
    put(walker, "bundle/f", "old");
    put(walker, "bundle/big", std::string(50'000, 'o'));
    for (int i = 0; i < 300; i++) put(walker, "bundle/n" + std::to_string(i), "n");
    auto bundle = *vfs::resolve(walker, "bundle", 0);
    auto view = bundle.inode().superblock().snapshot(bundle.inode());
    ASSERT_TRUE(view);
    auto inside = make_walker(*view);
    EXPECT_EQ(get(inside, "/f"), "old");
    put(walker, "bundle/f", "host");
    put(inside, "/f", "container");
    EXPECT_EQ(get(walker, "bundle/f"), "host");
    EXPECT_EQ(get(inside, "/f"), "container");
    for (int i = 0; i < 300; i++) ASSERT_TRUE(vfs::unlink(inside, "/n" + std::to_string(i)));
    EXPECT_EQ(list(inside, "/").size(), 2u);
    EXPECT_EQ(list(walker, "bundle").size(), 302u);
    auto file = vfs::open(inside, "big", {.flags = O_WRONLY | O_APPEND});
    Source tail{std::as_bytes(std::span{"tail", 4})};
    ASSERT_EQ(file::write(**file, tail), 4u);
    EXPECT_EQ(get(inside, "big").size(), 50'004u);
    EXPECT_EQ(get(walker, "bundle/big").size(), 50'000u);
    EXPECT_EQ(error(vfs::resolve(inside, "../bundle", 0)), Errno::noent);
    trees.pop_back();
    EXPECT_EQ(get(walker, "bundle/big")[49'999], 'o');
}

TEST_F(Tree, ListingSurvivesRemoval) {
    for (int i = 0; i < 2000; i++) put(walker, "f" + std::to_string(i), "");
    struct Remover final : DirectorySink {
        std::vector<std::string> names;
        bool entry(std::string_view name, u64, unsigned, u64) override {
            if (names.size() == 17) return false;
            if (name != "." && name != "..") names.emplace_back(name);
            return true;
        }
    };
    auto dir = *vfs::open(walker, ".", {.flags = O_RDONLY});
    u64 at = 0;
    usize removed = 0;
    while (true) {
        Remover batch;
        ASSERT_TRUE(dir->read_directory(batch, &at));
        if (batch.names.empty()) break;
        for (auto& n : batch.names) removed += vfs::unlink(walker, n).has_value();
    }
    EXPECT_EQ(removed, 2000u);
}

TEST_F(Tree, HolesAndTruncation) {
    auto f = *vfs::open(walker, "f", {.flags = O_RDWR | O_CREAT, .mode = 0600});
    Source x{std::as_bytes(std::span{"x", 1})};
    ASSERT_EQ(file::write_at(*f, x, 100 * page_size), 1u);
    EXPECT_EQ(*file::seek(*f, 0, SEEK_DATA), 100 * page_size);
    EXPECT_EQ(*file::seek(*f, 0, SEEK_HOLE), 0u);
    EXPECT_EQ(f->inode()->attributes().blocks, 8u);
    ASSERT_TRUE(f->truncate(10));
    ASSERT_TRUE(f->truncate(200 * page_size));
    char back = 1;
    Sink to{std::as_writable_bytes(std::span{&back, 1})};
    ASSERT_EQ(file::read_at(*f, to, 100 * page_size), 1u);
    EXPECT_EQ(back, 0);
    ASSERT_TRUE(f->allocate(0, 0, 10 * page_size));
    EXPECT_EQ(f->inode()->attributes().blocks, 80u);
    ASSERT_TRUE(f->allocate(3, page_size, 2 * page_size));
    EXPECT_EQ(f->inode()->attributes().blocks, 64u);
}

TEST_F(Tree, MountsAndBinds) {
    ASSERT_TRUE(vfs::make_directory(walker, "m", 0755));
    ASSERT_TRUE(vfs::make_directory(walker, "d", 0755));
    ASSERT_TRUE(vfs::make_directory(walker, "d/sub", 0755));
    put(walker, "d/sub/f", "below");
    auto sb = tmpfs::Superblock::mount({.source = "", .options = "size=8k", .flags = 0, .view = no_view()});
    auto& tree = *trees[0];
    ASSERT_TRUE(tree.mount(*vfs::resolve(walker, "m", 0), *sb, "t", 0));
    put(walker, "m/x", "1");
    auto big = vfs::open(walker, "m/y", {.flags = O_WRONLY | O_CREAT});
    std::string text(20'000, 'y');
    Source from{std::as_bytes(std::span{text})};
    EXPECT_EQ(file::write(**big, from), 4096u);
    Source more{std::as_bytes(std::span{text})};
    EXPECT_EQ(error(file::write(**big, more)), Errno::nospc);
    EXPECT_EQ(error(tree.unmount(*vfs::resolve(walker, "m", 0), 0)), Errno::busy);
    big = err::noent;
    EXPECT_EQ(error(vfs::remove_directory(walker, "m")), Errno::busy);
    EXPECT_EQ(error(vfs::rename(walker, "m/x", walker, "x", 0)), Errno::xdev);
    EXPECT_TRUE(tree.unmount(*vfs::resolve(walker, "m", 0), 0));
    EXPECT_EQ(list(walker, "m").size(), 0u);
    ASSERT_TRUE(tree.bind(*vfs::resolve(walker, "m", 0), *vfs::resolve(walker, "d/sub", 0), true));
    EXPECT_EQ(error(tree.change_flags(*vfs::resolve(walker, "d", 0), MS_RDONLY, 0, true)), Errno::inval);
    ASSERT_TRUE(tree.change_flags(*vfs::resolve(walker, "m", 0), MS_RDONLY, 0, false));
    EXPECT_EQ(get(walker, "m/f"), "below");
    EXPECT_EQ(get(walker, "m/../d/sub/f"), "below");
    EXPECT_EQ(error(vfs::open(walker, "m/f", {.flags = O_WRONLY})), Errno::rofs);
    EXPECT_EQ(error(vfs::unlink(walker, "m/f")), Errno::rofs);
    auto copy = tree.clone();
    ASSERT_TRUE(copy);
    auto root = (*copy)->root();
    vfs::Walker second{root, root, walker.credentials, 022};
    EXPECT_EQ(get(second, "m/f"), "below");
    EXPECT_TRUE(tree.unmount(*vfs::resolve(walker, "m", 0), vfs::unmount_detach));
    EXPECT_EQ(get(second, "m/f"), "below");
}

TEST_F(Tree, BindsOfAnotherTreeAndFlagsBelow) {
    for (const char* d : {"m", "d", "d/sub"}) ASSERT_TRUE(vfs::make_directory(walker, d, 0755));
    put(walker, "f", "of the first");
    auto& tree = *trees[0];
    auto place = [&](const char* path) { return *vfs::resolve(walker, path, 0); };
    auto copy = *tree.clone();
    vfs::Walker second{copy->root(), copy->root(), walker.credentials, 022};
    EXPECT_EQ(error(tree.bind(place("m"), *vfs::resolve(second, "d", 0), false)), Errno::inval);
    ASSERT_TRUE(tree.graft(place("m"), *vfs::resolve(second, "/", 0), false));
    EXPECT_EQ(get(walker, "m/f"), "of the first");
    EXPECT_TRUE(tree.unmount(place("m"), 0));

    auto sb = tmpfs::Superblock::mount({.source = "", .options = "", .flags = 0, .view = no_view()});
    ASSERT_TRUE(tree.mount(place("d/sub"), *sb, "t", 0));
    ASSERT_TRUE(tree.bind(place("m"), place("d"), true));
    ASSERT_TRUE(tree.change_flags(place("m"), MS_RDONLY | MS_NOSUID, 0, false));
    EXPECT_EQ(error(vfs::make_directory(walker, "m/x", 0755)), Errno::rofs);
    put(walker, "m/sub/x", "the mount below is not concerned");
    auto open = *vfs::open(walker, "m/sub/x", {.flags = O_WRONLY});
    EXPECT_EQ(error(tree.change_flags(place("m"), MS_RDONLY, MS_NOSUID, true)), Errno::busy);
    EXPECT_TRUE(place("m").mount->flags & MS_NOSUID);
    open = nullptr;
    ASSERT_TRUE(tree.change_flags(place("m"), MS_RDONLY, MS_NOSUID, true));
    EXPECT_FALSE(place("m").mount->flags & MS_NOSUID);
    EXPECT_EQ(error(vfs::open(walker, "m/sub/x", {.flags = O_WRONLY})), Errno::rofs);
    put(walker, "d/sub/y", "the original is not concerned");
}

TEST_F(Tree, WalksWhileTheTreeChanges) {
    constexpr int rounds = 300;
    for (const char* d : {"/a", "/b", "/a/d"}) ASSERT_TRUE(vfs::make_directory(walker, d, 0755));
    std::string long_name(40, 'n');
    std::string in_a = "/a/d/" + long_name, in_b = "/b/./d/" + long_name;
    put(walker, in_a, "f");
    u64 number = vfs::resolve(walker, in_a, 0)->inode().number();
    std::atomic<bool> done = false;
    auto walk = [&] {
        while (!done) {
            sched::yield();
            for (auto& path : {in_a, in_b}) {
                auto place = vfs::resolve(walker, path, 0);
                if (place)
                    EXPECT_EQ(place->inode().number(), number);
                else
                    EXPECT_EQ(place.error(), Errno::noent);
            }
        }
    };
    auto replace = [&] {
        for (int i = 0; i < rounds; i++) {
            put(walker, "/b/x", "x");
            put(walker, "/b/y", "y");
            EXPECT_TRUE(vfs::rename(walker, "/b/x", walker, "/b/y", 0));
            EXPECT_TRUE(vfs::unlink(walker, "/b/y"));
            (void)vfs::shrink_cache(3);
        }
    };
    auto move = [&] {
        for (int i = 0; i < rounds; i++) {
            EXPECT_TRUE(vfs::rename(walker, "/a/d", walker, "/b/d", 0));
            EXPECT_TRUE(vfs::rename(walker, "/b/d", walker, "/a/d", 0));
        }
    };
    std::atomic<int> changing = 2;
    ASSERT_TRUE(ktest::run_threads(4, [&](unsigned n) {
        if (n < 2) return walk();
        n == 2 ? replace() : move();
        if (--changing == 0) done = true;
    }));
    EXPECT_EQ(get(walker, in_a), "f");
}

TEST(Descriptors, NumbersAreTheLowest) {
    class Nothing final : public File {};
    auto table = *FileTable::create();
    for (int i = 0; i < 1000; i++) ASSERT_EQ(table->install(*make_ref<Nothing>(), i % 2, 2000), i);
    EXPECT_EQ(table->install(*make_ref<Nothing>(), false, 1000).error(), Errno::mfile);
    ASSERT_TRUE(table->close(7));
    EXPECT_EQ(table->close(7).error(), Errno::badf);
    EXPECT_EQ(table->install(*make_ref<Nothing>(), false, 1000), 7);
    EXPECT_EQ(table->install(*make_ref<Nothing>(), false, 20'000, 10'000), 10'000);
    ASSERT_TRUE(table->close(130));
    ASSERT_TRUE(table->close(900));
    EXPECT_EQ(table->install(*make_ref<Nothing>(), true, 2000, 131), 900);
    EXPECT_EQ(table->install(*make_ref<Nothing>(), true, 2000), 130);
    EXPECT_EQ(table->install(*make_ref<Nothing>(), true, 2000), 1000);
    ASSERT_TRUE(table->close(1000));
    ASSERT_TRUE(table->close(10'000));
    auto copy = *table->clone();
    table->close_on_exec_files();
    EXPECT_EQ(table->get(9).error(), Errno::badf);
    EXPECT_TRUE(copy->get(9));
    ASSERT_TRUE(copy->install_at(1500, *copy->get(0), false, 2000));
    EXPECT_EQ(copy->next_open(1000), 1500);
    ASSERT_TRUE(copy->close_range(3, ~0u, false));
    EXPECT_EQ(copy->next_open(3).error(), Errno::badf);
}

TEST_F(Tree, LocksSplitAndMerge) {
    vfs::LockList& locks = walker.root.inode().attachments()->locks;
    int a, b;
    auto lock = [&](void* who, bool exclusive, u64 first, u64 last) {
        return vfs::FileLock{.kind = vfs::LockKind::process,
                             .exclusive = exclusive,
                             .owner = who,
                             .pid = 1,
                             .first = first,
                             .last = last};
    };
    auto held = [&] {
        std::string all;
        vfs::LockList::for_each([&](vfs::Inode&, const vfs::FileLock& l) {
            all += (l.owner == &a ? "a" : "b") + std::string{l.exclusive ? "w" : "r"} + std::to_string(l.first) + "-" +
                   std::to_string(l.last) + " ";
        });
        return all;
    };
    ASSERT_TRUE(locks.set(lock(&a, true, 0, 99), false));
    EXPECT_EQ(locks.set(lock(&b, false, 50, 60), false).error(), Errno::again);
    ASSERT_TRUE(locks.unlock(lock(&a, true, 50, 60)));
    ASSERT_TRUE(locks.set(lock(&b, false, 50, 60), false));
    EXPECT_TRUE(locks.conflict(lock(&b, false, 61, 61)));
    ASSERT_TRUE(locks.set(lock(&a, false, 0, 49), false));
    EXPECT_FALSE(locks.conflict(lock(&b, false, 0, 49)));
    EXPECT_EQ(held(), "ar0-49 aw61-99 br50-60 ");
    ASSERT_TRUE(locks.set(lock(&a, false, 50, 70), false));
    EXPECT_EQ(held(), "ar0-70 aw71-99 br50-60 ");
    ASSERT_TRUE(locks.set(lock(&a, false, 71, ~u64{0}), false));
    EXPECT_EQ(held(), "ar0-18446744073709551615 br50-60 ");
    EXPECT_EQ(locks.conflict(lock(&b, true, 55, 55))->first, 0u);
    EXPECT_EQ(locks.conflict(lock(&a, true, 55, 80))->first, 50u);
    locks.drop_owner(vfs::LockKind::process, &a);
    locks.drop_owner(vfs::LockKind::process, &b);
    EXPECT_TRUE(locks.empty());
}

TEST(PersistentMap, AgreesWithAMap) {
    struct Number final : MapItem {
        using MapItem::MapItem;
    };
    std::mt19937_64 random{1};
    PersistentMap map, old;
    std::map<u64, bool> model, old_model;
    u64 token = 1;
    for (int i = 0; i < 20'000; i++) {
        u64 key = random() % 3 ? random() % 500 : random();
        if (random() % 3) {
            ASSERT_TRUE(map.insert(*make_ref<Number>(key), token));
            model[key] = true;
        } else {
            EXPECT_EQ(static_cast<bool>(*map.erase(key, token)), model.erase(key) == 1);
        }
        if (i % 4000 == 3999) {
            old = map.share();
            old_model = model;
            token++;
        }
    }
    auto same = [](const PersistentMap& m, const std::map<u64, bool>& expected) {
        auto it = expected.begin();
        for (auto* item = m.next(0); item; item = item->key() == ~u64{0} ? nullptr : m.next(item->key() + 1)) {
            ASSERT_NE(it, expected.end());
            ASSERT_EQ(item->key(), it->first);
            ++it;
        }
        EXPECT_EQ(it, expected.end());
    };
    same(map, model);
    same(old, old_model);
}

std::string cpio_entry(std::string_view name, u32 mode, std::string_view data, u32 inode = 1, u32 links = 1) {
    char header[111];
    snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", inode, mode, 0, 0,
             links, 1234, data.size(), 0, 0, 0, 0, name.size() + 1, 0);
    std::string all = header;
    all += name;
    all += '\0';
    while (all.size() % 4) all += '\0';
    all += data;
    while (all.size() % 4) all += '\0';
    return all;
}

TEST_F(Tree, NamesOfOneDoNotPushOutTheOthers) {
    auto other = make_walker(*tmpfs::Superblock::mount({.source = "", .options = "", .flags = 0, .view = no_view()}));
    auto absent = [](int i) { return "absent" + std::to_string(i); };
    for (int i = 0; i < 500; i++) EXPECT_EQ(error(vfs::resolve(other, absent(i), 0)), Errno::noent);
    for (int i = 0; i < 40'000; i++) EXPECT_EQ(error(vfs::resolve(walker, absent(i), 0)), Errno::noent);
    EXPECT_LT(vfs::cache_use().entries, 20'000u);
    int kept = 0;
    for (int i = 0; i < 500; i++) kept += static_cast<bool>(vfs::DentryCache::find(*other.root.dentry, absent(i)));
    EXPECT_EQ(kept, 500);
}

TEST_F(Tree, UnpacksArchives) {
    std::string archive = cpio_entry(".", S_IFDIR | 0755, "") + cpio_entry("bin", S_IFDIR | 0755, "") +
                          cpio_entry("bin/one", S_IFREG | 0755, "", 7, 2) +
                          cpio_entry("bin/two", S_IFREG | 0755, "program", 7, 2) +
                          cpio_entry("link", S_IFLNK | 0777, "bin/one") + cpio_entry("fifo", S_IFIFO | 0600, "") +
                          cpio_entry("TRAILER!!!", 0, "");
    auto bytes = [](const std::string& s) { return std::as_bytes(std::span{s}); };
    ASSERT_TRUE(boot::unpack_initramfs(walker, bytes(archive)));
    EXPECT_EQ(get(walker, "bin/one"), "program");
    EXPECT_EQ(get(walker, "link"), "program");
    EXPECT_EQ(vfs::resolve(walker, "bin/two", 0)->inode().attributes().modification.seconds, 1234);
    // Damaged archives are refused, or make odd files, but never more.
    std::mt19937 random{3};
    for (int i = 0; i < 2000; i++) {
        std::string bad = archive.substr(0, random() % archive.size());
        for (int n = 0; n < 3 && !bad.empty(); n++) bad[random() % bad.size()] = "0f/.\0"[random() % 5];
        (void)boot::unpack_initramfs(walker, bytes(bad));
    }
}

TEST_F(Tree, ArchivesReplaceWhatIsThere) {
    auto unpack = [&](const std::string& archive) {
        return boot::unpack_initramfs(walker, std::as_bytes(std::span{archive}));
    };
    auto kind = [&](std::string_view path) {
        auto at = vfs::resolve(walker, path, 0);
        return at ? at->inode().type() & S_IFMT : 0;
    };
    auto changed = [&](std::string_view path) {
        return vfs::resolve(walker, path, 0)->inode().attributes().modification.seconds;
    };
    std::string trailer = cpio_entry("TRAILER!!!", 0, "");
    std::string first = cpio_entry("bin", S_IFDIR | 0755, "") + cpio_entry("bin/busybox", S_IFREG | 0755, "busybox") +
                        cpio_entry("bin/wc", S_IFLNK | 0777, "busybox") + cpio_entry("full", S_IFDIR | 0700, "") +
                        cpio_entry("full/file", S_IFREG | 0644, "x") + cpio_entry("empty", S_IFDIR | 0700, "") +
                        cpio_entry("one", S_IFREG | 0600, "one", 5, 2) + cpio_entry("two", S_IFREG | 0600, "", 5, 2) +
                        cpio_entry("to-bin", S_IFLNK | 0777, "bin") + trailer;
    // The second archive counts its inodes anew, and stands behind some zeros.
    std::string second = std::string(512, '\0') + cpio_entry("bin/wc", S_IFREG | 0755, "wc") + // over a link
                         cpio_entry("no/folder/file", S_IFREG | 0644, "x") +                   // left out
                         cpio_entry("full", S_IFREG | 0644, "x") +                             // left out
                         cpio_entry("empty", S_IFREG | 0644, "was a folder", 5, 2) +           // another inode 5
                         cpio_entry("bin/busybox", S_IFDIR | 0755, "") +                       // over a file
                         cpio_entry("to-bin", S_IFDIR | 0755, "") +
                         cpio_entry("to-bin/x", S_IFREG | 0644, "x") + // over a link
                         cpio_entry("one", S_IFREG | 0600, "both") +   // of two names
                         cpio_entry("fifo", S_IFIFO | 0600, "", 9, 2) + cpio_entry("fifo2", S_IFIFO | 0600, "", 9, 2) +
                         cpio_entry("socket", S_IFSOCK | 0600, "") + cpio_entry("fifo", S_IFIFO | 0600, "") + trailer;
    ASSERT_TRUE(unpack(first + second));
    EXPECT_EQ(get(walker, "bin/wc"), "wc");
    EXPECT_EQ(kind("bin/wc"), u32{S_IFREG});
    EXPECT_EQ(kind("no"), 0u);
    EXPECT_EQ(get(walker, "full/file"), "x");
    EXPECT_EQ(get(walker, "empty"), "was a folder");
    EXPECT_EQ(kind("bin/busybox"), u32{S_IFDIR});
    EXPECT_EQ(kind("to-bin"), u32{S_IFDIR});
    EXPECT_EQ(get(walker, "two"), "both");
    EXPECT_EQ(kind("socket"), u32{S_IFSOCK});
    auto number = [&](std::string_view path) { return vfs::resolve(walker, path, 0)->inode().number(); };
    EXPECT_EQ(number("fifo"), number("fifo2"));
    EXPECT_NE(number("empty"), number("one"));
    EXPECT_EQ(changed("bin"), 1234) << "although files came into it later";
    // What follows a good part and is no archive is told of; the good part stays.
    EXPECT_EQ(unpack(cpio_entry("good", S_IFREG | 0644, "x") + "\x1f\x8b compressed").error(), Errno::inval);
    EXPECT_EQ(kind("good"), u32{S_IFREG});
}

TEST_F(Tree, ArchivesKeepExtendedAttributes) {
    auto record = [](std::string_view name, std::string_view value) {
        char size[9];
        snprintf(size, sizeof size, "%08zx", 10 + name.size() + 1 + value.size());
        return std::string{size} + "\1\1" + std::string{name} + '\0' + std::string{value};
    };
    std::string archive = cpio_entry("METADATA!!!", S_IFREG, record("user.nobody", "x")) +
                          cpio_entry("file", S_IFREG | 0644, "content") +
                          cpio_entry("METADATA!!!", S_IFREG, record("user.a", "1") + record("security.b", "two")) +
                          cpio_entry("other", S_IFREG | 0644, "content") +
                          cpio_entry("METADATA!!!", S_IFREG, "0000000b\1\1x") + cpio_entry("TRAILER!!!", 0, "");
    ASSERT_TRUE(boot::unpack_initramfs(walker, std::as_bytes(std::span{archive})));
    auto file = *vfs::resolve(walker, "file", 0);
    std::byte value[10];
    EXPECT_EQ(*file.inode().get_xattr("user.a", value), 1u);
    EXPECT_EQ(*file.inode().get_xattr("security.b", value), 3u);
    EXPECT_EQ(get(walker, "file"), "content");
    EXPECT_FALSE(vfs::resolve(walker, "METADATA!!!", 0));
}
} // namespace

// A fresh tmpfs and a superuser who walks in it, for the fuzz targets.
#pragma once
#include "fs/tmpfs/tmpfs.h"
#include "kernel/vfs/operations.h"

struct FuzzTree {
    FuzzTree() {
        static bool once = vfs::init().has_value();
        alignas(64) static char nobody[64];
        auto sb = tmpfs::Superblock::mount({.source = "",
                                            .options = "mode=755,size=1m,nr_inodes=500",
                                            .flags = 0,
                                            .view = reinterpret_cast<View&>(nobody)});
        if (!once || !sb) __builtin_trap();
        tree = *vfs::MountTree::create(std::move(*sb), "fuzz", 0);
        walker = {tree->root(), tree->root(), *make_ref<Credentials>(), 022};
    }
    Ref<vfs::MountTree> tree;
    vfs::Walker walker;
};

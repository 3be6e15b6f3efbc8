#!/usr/bin/env python3
"""Writes a cpio archive ("newc", the format of Linux's initramfs) from a description in memory: no root is needed.

As a program it adds bundles to what `make run` boots:
    mkinitramfs.py [--arch ARCH] --bundle NAME=FOLDER... -o IMAGE
The archive is appended to build/userland/ARCH/initramfs; the kernel unpacks one after the other.
"""
import argparse
import os
import pathlib
import stat


class Tree:
    """Paths are relative, without a leading slash. Everything belongs to root, with the time 0: same input, same bytes."""

    def __init__(self):
        self.entries = {}  # path: (mode, contents)
        self.device = 0    # archives that follow each other need different ones: inodes are counted in each

    def directory(self, path, mode=0o755):
        self.entries[path] = (stat.S_IFDIR | mode, b"")

    def text(self, path, contents, mode=0o644):
        self.entries[path] = (stat.S_IFREG | mode, contents.encode())

    def file(self, path, source, mode=0o644):
        self.entries[path] = (stat.S_IFREG | mode, pathlib.Path(source).read_bytes())

    def link(self, path, target):
        self.entries[path] = (stat.S_IFLNK | 0o777, target.encode())

    def device_node(self, path, major, minor, mode=0o600):
        """A character device."""
        self.entries[path] = (stat.S_IFCHR | mode, (major, minor))

    def copy(self, path, source):
        """A folder of the machine with all below it."""
        source = pathlib.Path(source)
        self.directory(path)
        for found in sorted(source.rglob("*")):
            name = f"{path}/{found.relative_to(source)}"
            if found.is_symlink():
                self.link(name, os.readlink(found))
            elif found.is_dir():
                self.directory(name, found.stat().st_mode & 0o7777)
            else:
                self.file(name, found, found.stat().st_mode & 0o7777)

    def write(self, out):
        """Writes the archive, unless it is there already; returns its size."""
        # Big files with the same contents become hard links: the first name carries the data.
        first, count, parts = {}, {}, []
        keys = {path: entry if stat.S_ISREG(entry[0]) and len(entry[1]) >= 4096 else path
                for path, entry in sorted(self.entries.items())}
        for key in keys.values():
            count[key] = count.get(key, 0) + 1
        for number, (path, key) in enumerate(keys.items(), 1):
            mode, contents = self.entries[path]
            inode = first.setdefault(key, number)
            parts.append(record(path, inode, mode, contents if inode == number else b"", count[key], self.device))
        parts.append(record("TRAILER!!!", 0, 0, b""))
        archive = b"".join(parts)
        out = pathlib.Path(out)
        if not out.exists() or out.read_bytes() != archive:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(archive)
        return len(archive)


def record(path, number, mode, contents, names=1, device=0):
    name, special = path.encode() + b"\0", (0, 0)
    if stat.S_ISCHR(mode):
        contents, special = b"", contents
    links = 2 if stat.S_ISDIR(mode) else names
    fields = [number, mode, 0, 0, links, 0, len(contents), 0, device, *special, len(name), 0]
    header = b"070701" + b"".join(b"%08x" % f for f in fields)
    return padded(header + name) + padded(contents)


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="x86_64")
    parser.add_argument("--bundle", action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path)
    options = parser.parse_args()
    base = pathlib.Path(__file__).resolve().parent.parent / f"build/userland/{options.arch}/initramfs"
    tree = Tree()
    tree.device = 1
    for bundle in options.bundle:
        name, _, folder = bundle.partition("=")
        tree.copy(f"bundles/{name}", folder)
    tree.write(options.output)
    options.output.write_bytes(base.read_bytes() + options.output.read_bytes())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes a cpio archive ("newc", the format of Linux's initramfs) from a description in memory: no root is needed.

As a program it adds bundles to what `make run` boots:
    mkinitramfs.py [--arch ARCH] --bundle NAME=FOLDER... -o IMAGE
The archive is appended to build/userland/ARCH/initramfs; the kernel unpacks one after the other. Owners, modes, times,
hard links, device nodes, FIFOs, sockets and extended attributes stay as they are. Devices are never read, what is mounted
below the folder is left out, and files are copied as they are written, however large the folder is. As root nothing is
unreadable; the owners are the folder's in any case.

cpio has no extended attributes: they stand in an entry METADATA!!! behind the file's, as proposed for Linux in 2019
(boot/initramfs.cpp reads it).
"""
import argparse
import filecmp
import math
import os
import pathlib
import shutil
import stat
import sys
import tempfile
import typing

MIB = 1 << 20
HEADER = 110            # bytes: "070701" and 13 fields of 8 hexadecimal digits
MOST = 2 ** 32 - 1      # a field's largest value
SHARED_FROM = 4096      # bytes from which equal texts become hard links


class Entry(typing.NamedTuple):
    mode: int                                 # type and permissions
    contents: typing.Union[bytes, pathlib.Path] = b""  # of a file: bytes, or where it is; of a link: its target
    owner: tuple = (0, 0)                     # uid, gid
    time: int = 0                             # of the last change, in seconds
    device: tuple = (0, 0)                    # of a node: major, minor
    same: object = None                       # entries with the same value are names of one file
    attributes: tuple = ()                    # extended: (name, value) in bytes


class Tree:
    """Paths are relative, without a leading slash. But for copy(), everything belongs to root, with the time 0: same input,
    same bytes."""

    def __init__(self):
        self.entries = {}  # path: Entry

    def directory(self, path, mode=0o755):
        self.entries[path] = Entry(stat.S_IFDIR | mode)

    def text(self, path, contents, mode=0o644):
        contents = contents.encode()
        same = ("text", mode, contents) if len(contents) >= SHARED_FROM else None
        self.entries[path] = Entry(stat.S_IFREG | mode, contents, same=same)

    def file(self, path, source, mode=0o644):
        """The same source under several paths becomes hard links."""
        source = pathlib.Path(source)
        self.entries[path] = Entry(stat.S_IFREG | mode, source, same=("file", mode, source.resolve()))

    def link(self, path, target):
        self.entries[path] = Entry(stat.S_IFLNK | 0o777, target.encode())

    def device_node(self, path, major, minor, mode=0o600):
        """A character device."""
        self.entries[path] = Entry(stat.S_IFCHR | mode, device=(major, minor))

    def copy(self, path, source):
        """A folder of the machine with all below it, as it is."""
        found = os.lstat(source)
        self.entries[path] = entry = as_it_is(source, found)
        if stat.S_ISDIR(entry.mode):
            for name in sorted(os.listdir(source)):
                below = os.path.join(source, name)
                if os.path.ismount(below) and not os.path.islink(below):
                    self.entries[f"{path}/{name}"] = as_it_is(below, os.lstat(below))
                else:
                    self.copy(f"{path}/{name}", below)

    def write(self, out, before=None):
        """Writes the archive behind the file `before`, unless the same is there already; returns its size."""
        out = pathlib.Path(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mkinitramfs-", dir=out.parent) as scratch:
            new = pathlib.Path(scratch) / "archive"
            with open(new, "wb") as to:
                if before:
                    with open(before, "rb") as first:
                        shutil.copyfileobj(first, to)
                self.stream(to)
            if not out.exists() or not filecmp.cmp(new, out, shallow=False):
                new.replace(out)
        return out.stat().st_size

    def stream(self, to):
        count, numbers = {}, {}
        for entry in self.entries.values():
            count[entry.same] = count.get(entry.same, 0) + 1
        for number, (path, entry) in enumerate(sorted(self.entries.items()), 1):
            first = entry.same is None or entry.same not in numbers  # which carries the data
            if entry.same is not None:
                number = numbers.setdefault(entry.same, number)
            links = 2 if stat.S_ISDIR(entry.mode) else 1 if entry.same is None else count[entry.same]
            put(to, path, entry if first else entry._replace(contents=b""), number, links)
            if entry.attributes and first:
                records = b"".join(b"%08x\1\1%s\0%s" % (len(name) + len(value) + 11, name, value)
                                   for name, value in entry.attributes)
                put(to, "METADATA!!!", Entry(stat.S_IFREG | 0o600, records))
        put(to, "TRAILER!!!", Entry(0))


def as_it_is(path, found):
    """The Entry of a file of the machine; `found`: its lstat()."""
    contents, same = b"", None
    if stat.S_ISREG(found.st_mode):
        contents = pathlib.Path(path)
    elif stat.S_ISLNK(found.st_mode):
        contents = os.fsencode(os.readlink(path))
    if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode) and not stat.S_ISLNK(found.st_mode):
        same = (found.st_dev, found.st_ino)
    device = (0, 0)
    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        device = (os.major(found.st_rdev), os.minor(found.st_rdev))
    attributes = []
    for name in os.listxattr(path, follow_symlinks=False):
        if not name.startswith("system."):  # access control lists: the kernel has none
            attributes.append((os.fsencode(name), os.getxattr(path, name, follow_symlinks=False)))
    time = min(max(int(found.st_mtime), 0), MOST)
    return Entry(found.st_mode, contents, (found.st_uid, found.st_gid), time, device, same, tuple(attributes))


def put(to, path, entry, number=0, links=1):
    """One entry: header, name, contents, each padded to four bytes."""
    name = os.fsencode(path) + b"\0"
    if isinstance(entry.contents, bytes):
        put_header(to, name, entry, number, links, len(entry.contents))
        to.write(padded(entry.contents))
        return
    with open(entry.contents, "rb") as source:
        size = os.fstat(source.fileno()).st_size
        if size > MOST:
            sys.exit(f"mkinitramfs: {entry.contents} has {size} bytes: a file in the archive can have 4 GiB at most")
        put_header(to, name, entry, number, links, size)
        left = size
        while left:
            data = source.read(min(left, MIB))
            if not data:
                sys.exit(f"mkinitramfs: {entry.contents} became shorter while it was read")
            to.write(data)
            left -= len(data)
        to.write(padded(b"", size))


def put_header(to, name, entry, number, links, size):
    fields = [number, entry.mode, *entry.owner, links, entry.time, size, 0, 0, *entry.device, len(name), 0]
    to.write(padded(b"070701" + b"".join(b"%08x" % f for f in fields) + name))


def padded(data, size=None):
    return data + b"\0" * (-(len(data) if size is None else size) % 4)


def memory_for(image):
    """MiB that a machine needs to start with this image: its files in pages, and what the kernel keeps about each. As
    check_memory() in boot/system.cpp."""
    need, size = 0, os.stat(image).st_size
    with open(image, "rb") as archive:
        while header := archive.read(HEADER):
            if header[:4] == b"\0\0\0\0":  # between archives
                archive.seek(4 - HEADER, os.SEEK_CUR)
                continue
            if len(header) < HEADER or header[:5] != b"07070":
                break
            mode, length, name = (int(header[at:at + 8], 16) for at in (14, 54, 94))
            archive.seek(HEADER + name + (-(HEADER + name) % 4) - HEADER + length + (-length % 4), os.SEEK_CUR)
            need += 1024 + (length + 4095 & ~4095 if stat.S_ISREG(mode) else 0)
    return math.ceil((max(need, size) * 17 / 16 + 24 * MIB) / MIB)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="x86_64")
    parser.add_argument("--bundle", action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path)
    options = parser.parse_args()
    base = pathlib.Path(__file__).resolve().parent.parent / f"build/userland/{options.arch}/initramfs"
    tree = Tree()
    try:
        for bundle in options.bundle:
            name, _, folder = bundle.partition("=")
            tree.copy(f"bundles/{name}", folder)
        size = tree.write(options.output, base)
    except OSError as error:
        sys.exit(f"mkinitramfs: {error.filename}: {error.strerror}")
    needed = memory_for(options.output)
    print(f"{options.output}: {math.ceil(size / MIB)} MiB in {len(tree.entries)} files. The machine needs {needed} MiB to start, "
          f"and what the programs need:\n    tools/qemu.py run --arch {options.arch} --memory {needed + 128}M "
          f"--initrd {options.output} --append '-- bundle /bundles/{name}'")


if __name__ == "__main__":
    main()

"""What tools/mkinitramfs.py writes and the kernel unpacks: files as they are, and archives that are too large."""
import os
import pathlib
import random
import socket
import stat
import subprocess
import sys
import tempfile

from harness import TOP
from host_test import run

LOOK = "cd $1 && find . | sort | xargs stat -c '%n %F %a %u:%g %Y %t,%T %h' | sed 's/^\\(.* directory .*\\) [0-9]*$/\\1/'"


def everything(folder):
    """Files of each kind, with odd owners and times where this machine lets us."""
    root = os.geteuid() == 0
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/file").write_text("text")
    (folder / "deep/large").write_bytes(bytes(range(256)) * 5000)
    os.link(folder / "deep/file", folder / "second-name")
    (folder / "link").symlink_to("deep/file")
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(folder / "socket"))
    (folder / "program").write_text("#!/bin/sh\n")
    if root:
        os.mknod(folder / "full", stat.S_IFCHR | 0o600, os.makedev(1, 7))  # endless for who reads it
        os.mknod(folder / "disk", stat.S_IFBLK | 0o600, os.makedev(259, 70000))
        os.chown(folder / "deep/file", 33, 44)
        os.chown(folder / "link", 70000, 5, follow_symlinks=False)
    (folder / "program").chmod(0o4711)
    (folder / "deep").chmod(0o1777)
    for number, path in enumerate(sorted(folder.rglob("*")) + [folder]):
        os.utime(path, (1, 1_000_000_000 + number), follow_symlinks=False)


def test_files_stay_as_they_are(lab):
    tree = lab.tree()
    with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
        folder = pathlib.Path(scratch) / "data"
        folder.mkdir()
        everything(folder)
        runner = [] if lab.arch == os.uname().machine else [f"/usr/bin/qemu-{lab.arch}-static"]
        busybox = [*runner, lab.target.busybox()]
        applets = pathlib.Path(scratch) / "bin"
        applets.mkdir()
        for name in ("find", "sort", "xargs", "stat", "sed"):
            (applets / name).write_text(f"#!/bin/sh\nexec {' '.join(map(str, busybox))} {name} \"$@\"\n")
            (applets / name).chmod(0o755)
        here = subprocess.run(["/bin/sh", "-c", LOOK, "sh", folder], stdout=subprocess.PIPE, text=True, check=True,
                              env={"PATH": str(applets)}).stdout
        lab.bundle(tree, "kept", ["sh", "/look.sh", "/data"], {"look.sh": (LOOK, 0o755)},
                   lambda config: config["process"].update(terminal=False))
        tree.copy("bundles/kept/rootfs/data", folder)
        with lab.boot(tree, append="-- bundle /bundles/kept", label="kept") as vm:
            assert vm.wait(60) == 0, vm.tail()
            there = vm.text[vm.text.index(". directory"):]
    assert there.splitlines() == here.splitlines(), f"here:\n{here}\nthere:\n{there}"


def test_one_memory_is_enough(lab):
    """The archive's own memory comes back while it is unpacked: 40 MiB start in a machine of 80 (riscv64: 96, since QEMU needs the
    archive to fit into a half)."""
    tree = lab.tree()
    contents = random.Random(1).randbytes(1 << 20)
    with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
        for i in range(40):
            file = pathlib.Path(scratch) / f"{i}"
            file.write_bytes(contents)
            tree.file(f"root/{i}", file)
        with lab.boot(tree, append="-- run /bin/sesh", label="large-image", memory="80M" if lab.arch == "x86_64" else "96M") as vm:
            vm.expect("sesh> ", 60)
            assert "41943040\n" in run(vm, "sh -c 'cat /root/* | wc -c'", 60), vm.tail()


def test_too_large(lab):
    """Said by the kernel with the memory it takes, and by qemu.py before it starts a machine."""
    tree = lab.tree()
    for i in range(4500):
        tree.text(f"root/{i}", "x" * 4097 + str(i))  # a byte of a second page each
    with lab.boot(tree, append="-- run /bin/sesh", label="too-large", memory="48M") as vm:
        needed = int(vm.expect(rb"panic: the initramfs .* needs .* start the machine with at least (\d+) MiB", 60)[1])
        vm.wait()
    with lab.boot(tree, append="-- run /bin/sesh", label="large-enough", memory=f"{needed}M") as vm:
        vm.expect("sesh> ", 60)
    with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
        image = pathlib.Path(scratch) / "image"
        tree.write(image)
        done = subprocess.run([sys.executable, TOP / "tools/qemu.py", "run", "--arch", lab.arch, "--kernel", lab.kernel, "--initrd",
                               image, "--memory", "48M"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1 and "needs a machine with at least" in done.stderr, done.stderr

"""Rows that are boots: what it takes to reach a container's first instruction, its prompt, and in how much memory it runs."""
import debian
import machines
from lab import TOP, userland
from qemu import Timeout

FIRST = TOP / "tests/measure/first.c"  # prints the counter that it reads in its first instruction


def first_program(target):
    out = target.out / "tests/first"
    if not userland.newer(out, FIRST):
        out.parent.mkdir(parents=True, exist_ok=True)
        userland.run("clang-19", f"--target={target.arch}-linux-gnu", *target.cpu, "-O2", "-ffreestanding", "-nostdlib", "-static",
                     "-fuse-ld=lld-19", "-fno-stack-protector", FIRST, "-o", out)
    return out


def script(*lines):
    return {"bench/first": ("\n".join(("#!/bin/sh", *lines, "")), 0o755)}


def counted(side, files):
    """Guest instructions from reset until tests/measure/first.c runs."""
    tree, words = side.alone(files)
    with machines.machine(side, tree, words, "boot") as vm:
        ticks = int(vm.expect(r"counter (\d+)\r?\n", machines.SILENCE)[1])
        return float(ticks * (100 if side.programs.lab.arch == "riscv64" else 1))


def to_the_first_instruction(side):
    return counted(side, {"bench/first": (first_program(side.programs.target), 0o755)})


def to_the_prompt(side):
    return counted(side, {**script("exec sh -i < /bench/typed"), "bench/typed": ("exec /bench/counter\n", 0o644),
                          "bench/counter": (first_program(side.programs.target), 0o755)})


def image(side):
    return float(side.kernel.stat().st_size)


def idle(side):
    """Memory in use beside a shell, in a machine of 128 MiB: what is not free, kernel, initramfs and firmware included."""
    tree, words = side.alone(script("mount -t proc proc /proc 2>/dev/null", "grep MemFree /proc/meminfo", "sleep 1000"))
    with machines.machine(side, tree, words, "idle", memory="128M") as vm:
        return float((128 << 20) - 1024 * int(vm.expect(r"MemFree: +(\d+) kB", machines.SILENCE)[1]))


def least(side, files):
    """The smallest machine, in steps of a MiB, in which the script says that it works."""
    low, high = 4, 256
    while high - low > 1:
        middle = (low + high) // 2
        tree, words = side.alone(files)
        try:
            with machines.machine(side, tree, words, "least", memory=f"{middle}M") as vm:
                vm.expect("@works", 120)
            high = middle
        except Timeout:
            low = middle
    return float(high << 20)


def least_busybox(side):
    return least(side, script("ls / | wc -l && echo @works"))


def least_python(side):
    return least(side, {**debian.application("python"), **script("/usr/bin/python3.11 -S -E -c 'print(\"@works\")'")})


ROWS = {
    "boot: to the container's first instruction": to_the_first_instruction,
    "boot: to the first command at its prompt": to_the_prompt,
    "use: the kernel's image, as booted": image,
    "use: idle, a shell in a machine of 128 MiB": idle,
    "use: least machine for busybox": least_busybox,
    "use: least machine for CPython": least_python,
}


def rows(arch, quick):
    skipped = {"use: least machine for busybox", "use: least machine for CPython"} if quick else set()
    if arch != "x86_64":
        skipped.add("use: least machine for CPython")
    return [row for row in ROWS if row not in skipped]


def measure(side, wanted, progress):
    results = {}
    for row in wanted:
        progress(f"{side.name}: {row}")
        try:
            results[row] = ROWS[row](side)
        except (Timeout, ValueError) as error:
            results[row] = f"failed: {error}"
    return results

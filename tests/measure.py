"""Measurements for the test summary. With -icount shift=0 one guest instruction takes one nanosecond of virtual time, so the
time counter at a program's first instruction counts the instructions since reset (and any time spent idle)."""
import re

from harness import TOP, Timeout, userland

FIRST = TOP / "tests/measure/first.c"


def first_instruction(lab):
    """The counter that the container's init reads first: instructions from reset."""
    out = lab.target.out / "tests/first"
    if not userland.newer(out, FIRST):
        out.parent.mkdir(parents=True, exist_ok=True)
        userland.run("clang-19", f"--target={lab.arch}-linux-gnu", *lab.target.cpu, "-O2", "-ffreestanding", "-nostdlib",
                     "-static", "-fuse-ld=lld-19", "-fno-stack-protector", FIRST, "-o", out)
    tree = lab.tree()
    lab.bundle(tree, "first", ["/first"], {"first": (out, 0o755)}, lambda c: c["process"].update(terminal=False))
    with lab.boot(tree, append="-- bundle /bundles/first", label="icount", icount=True, cpus=1,
                  machine="microvm" if lab.arch == "x86_64" else None) as vm:
        match = vm.expect(r"counter (\d+)\r?\n", 120)
        # riscv64's counter runs at 10 MHz: a hundred instructions a tick.
        return int(match[1]) * (100 if lab.arch == "riscv64" else 1)


def runs_in(lab, megabytes):
    """Whether the busybox container works in a machine of that size."""
    try:
        tree = lab.tree()
        lab.bundle(tree, "small", ["sh", "-c", "ls / | wc -l; echo works"])
        for path in [p for p in tree.entries if p.startswith("bundles/busybox/rootfs")]:
            if path == "bundles/busybox/rootfs/bin/busybox":
                del tree.entries[path]  # one busybox is enough
        with lab.boot(tree, append="-- bundle /bundles/small", label="small", memory=f"{megabytes}M") as vm:
            return vm.wait(40) == 0 and "works" in vm.text
    except Timeout:
        return False


def least_memory(lab):
    low, high = 4, 64
    if not runs_in(lab, high):
        return "more than 64 MiB"
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if runs_in(lab, middle) else (middle, high)
    return f"{high} MiB"


def idle_memory(lab):
    """Used memory of a machine of 128 MiB that sits at the container's prompt."""
    tree = lab.tree()
    lab.bundle(tree, "idle", ["sh", "-c", "grep -E 'MemTotal|MemFree' /proc/meminfo"])
    with lab.boot(tree, append="-- bundle /bundles/idle", label="idle", memory="128M") as vm:
        vm.wait(60)
        values = dict(re.findall(r"(MemTotal|MemFree): +(\d+) kB", vm.text))
        return f"{128 * 1024 - int(values['MemFree'])} KiB of 128 MiB, kernel, initramfs and firmware included"


def run(lab):
    report = lab.report
    for what, measured in (("guest instructions from reset to the container's first user instruction", first_instruction),
                           ("least memory in which the busybox container runs", least_memory),
                           ("memory in use when idle", idle_memory)):
        try:
            value = measured(lab)
            report.number(f"{lab.arch}: {what}", f"{value:,}" if isinstance(value, int) else value)
            report.ok(f"measure/{lab.arch}/{measured.__name__}")
        except (Timeout, KeyError) as error:
            report.fail(f"measure/{lab.arch}/{measured.__name__}", error)

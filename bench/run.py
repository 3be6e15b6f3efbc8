#!/usr/bin/env python3
"""Measures Rundlet beside Debian's Linux in the same QEMU, in guest instructions: see bench/README.md."""
import argparse
import contextlib
import fnmatch
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debian
import table
from lab import TOP, Lab, userland
from qemu import Timeout, Vm

HOME = TOP / "bench"
CACHE = TOP / "build/bench/cache"
MEMORY = "512M"
BATCHES = 11   # as in rows/rows.h
SILENCE = 240  # seconds a row may take
# Without the "fast string" features: QEMU counts each repetition of a string instruction as one instruction, so a kernel
# that is told to copy bytewise would be charged eight times for what one that copies words does.
CPU = {"x86_64": "max,-erms,-fsrm", "riscv64": None}
# The same on each run: what the guest may take for random or for the time of day.
SAME = ["-seed", "1", "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
LINUX_WORDS = "console=ttyS0 quiet loglevel=3 panic=-1 reboot=t nokaslr rdinit=/bench/init"
RESULT = re.compile(rb"@begin ([^\r\n]+)\r?\n|@row ([^\r\n\t]+)\t([-\d.]+)\t([-\d.]+)\t([-\d.]+)\t(\d+)\r?\n|"
                    rb"@(fail|notyet) ([^\r\n\t]+)\t([^\r\n]*)\r?\n|@first (\d+)\r?\n|@(done)\r?\n")


class Programs:
    """The rows of one processor, built."""

    def __init__(self, lab):
        self.lab, target = lab, lab.target
        out, headers = target.out / "bench", [HOME / "rows/rows.h"]
        sources = [p for p in sorted((HOME / "rows").glob("*.c")) if p.name != "nothing.c"]
        self.files = {
            "bench/rows": (target.program("bench-rows", sources, out / "rows", headers), 0o755),
            "bench/nothing-static": (target.program("bench-nothing", [HOME / "rows/nothing.c"], out / "nothing-static"), 0o755),
            "bench/nothing-dynamic": (self.dynamic(out / "nothing-dynamic"), 0o755),
            "bench/init": (target.program("bench-init", [HOME / "linux/init.c"], out / "init"), 0o755),
        }
        self.files.update(self.libraries())
        runner = [] if lab.arch == "x86_64" else [f"qemu-{lab.arch}-static"]
        self.rows = userland.run(*runner, out / "rows", "--names").splitlines()[1:]

    def dynamic(self, out):
        if not userland.newer(out, HOME / "rows/nothing.c"):
            userland.run(self.lab.target.gcc, "-O2", "-o", out, HOME / "rows/nothing.c")
        return out

    def libraries(self):
        """glibc, for the dynamic program: the cross compiler's copy, or the machine's."""
        names = {"x86_64": ["lib64/ld-linux-x86-64.so.2", "lib/x86_64-linux-gnu/libc.so.6"],
                 "riscv64": ["lib/ld-linux-riscv64-lp64d.so.1", "lib/libc.so.6"]}[self.lab.arch]
        root = pathlib.Path("/" if self.lab.arch == "x86_64" else "/usr/riscv64-linux-gnu")
        return {name: (root / name, 0o755) for name in names}

    def tree(self, rows):
        """The host tree with the container bundle "bench" that runs these rows."""
        def edit(config):
            config["process"].update(terminal=False, cwd="/", rlimits=[{"type": "RLIMIT_NOFILE", "hard": 20000, "soft": 20000}])
            config["linux"]["resources"] = {"pids": {"limit": 20000}}
        tree = self.lab.tree()
        files = {**self.files, "bench/list": ("".join(row + "\n" for row in rows), 0o644)}
        self.lab.bundle(tree, "bench", ["/bench/rows"], files, edit)
        return tree


class Rundlet:
    name = "Rundlet"

    def __init__(self, programs):
        self.programs, self.kernel = programs, programs.lab.kernel
        self.append = "-- bundle /bundles/bench"

    def tree(self, rows):
        return self.programs.tree(rows)


class Linux:
    """Debian's kernel: the bundle's root file system is the initramfs."""

    def __init__(self, programs, name, words):
        self.programs, self.name = programs, name
        self.kernel, self.version = debian.linux_kernel()
        self.append = f"{LINUX_WORDS} {words}".strip()

    def tree(self, rows):
        whole, tree, root = self.programs.tree(rows), userland.mkinitramfs.Tree(), "bundles/bench/rootfs/"
        tree.entries = {path.removeprefix(root): entry for path, entry in whole.entries.items() if path.startswith(root)}
        tree.directory("dev")
        tree.device_node("dev/console", 5, 1)
        return tree


def measure(side, rows, progress):
    """{row: number, or a string that says why there is none}. A row that takes the machine down is reported as such, and the
    others run after a new boot."""
    results, left, boots = {}, list(rows), 0
    while left and boots < 8:
        boots += 1
        got, why = one_boot(side, left, boots, progress)
        results.update(got)
        if not why:
            break
        running = next((row for row in left if row not in results), left[0])
        results[running] = f"the machine stopped: {why}"
        left = [row for row in left if row not in results]
    for row in rows:
        results.setdefault(row, "not run")
    return results


@contextlib.contextmanager
def machine(side, tree, label, append="", extra=()):
    """One of the two kernels, booted as all measurements are."""
    lab = side.programs.lab
    with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
        image = pathlib.Path(scratch) / "initramfs"
        tree.write(image)
        log_path = lab.logs / f"bench-{lab.arch}-{side.name.replace(' ', '-')}-{label}.log"
        with open(log_path, "w", encoding="utf8") as log, \
                Vm(lab.arch, side.kernel, image, log=log, append=append or side.append, memory=MEMORY, icount="skip",
                   machine="microvm" if lab.arch == "x86_64" else None, cpu=CPU[lab.arch], extra=[*SAME, *extra]) as vm:
            yield vm


def one_boot(side, rows, label, progress, extra=(), to_the_end=False):
    """The results of one boot, and why it ended early. "operations" among them is how many the last row ran a batch."""
    results = {}
    with machine(side, side.tree(rows), label, extra=extra) as vm:
        try:
            while True:
                match = vm.expect(RESULT.pattern, SILENCE)
                if match[1]:
                    progress(f"{side.name}: {match[1].decode()}")
                elif match[2]:
                    results[match[2].decode()] = float(match[3])
                    results["operations"] = int(match[6])
                elif match[7]:
                    kind = "not yet: " if match[7] == b"notyet" else "failed: "
                    results.setdefault(match[8].decode(), kind + match[9].decode(errors="replace"))
                elif match[11]:
                    if to_the_end:
                        vm.wait(SILENCE)
                    return results, None
        except Timeout as error:
            return results, str(error)


def script_output(side, script):
    """What a shell script prints that runs as the first process on Linux; it ends with a line "@done"."""
    tree = side.tree([])
    tree.text("bench/script", f"#!/bin/sh\n{script}\n", 0o755)
    with machine(side, tree, "script", f"{side.append} bench=/bench/script") as vm:
        vm.expect("@done", SILENCE)
        return vm.text


def cached(side, rows, progress):
    """Linux's numbers, which change only with what is booted: the same input gives the same count."""
    programs = side.programs.files.items()
    words = json.dumps([side.append, side.version, CPU, SAME, MEMORY, subprocess.getoutput("qemu-system-x86_64 --version"),
                        [(name, userland.digest(path)) for name, (path, _) in programs]])
    place = CACHE / f"{hashlib.sha256(words.encode()).hexdigest()[:24]}.json"
    known = json.loads(place.read_text()) if place.exists() else {}
    missing = [row for row in rows if row not in known]
    if missing:
        known.update(measure(side, missing, progress))
        CACHE.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(known, indent=0))
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=["x86_64", "riscv64"], default="x86_64")
    parser.add_argument("--quick", action="store_true", help="leave out the rows that take long")
    parser.add_argument("--save", action="store_true", help="write docs/performance/bench*.json and the plot")
    parser.add_argument("rows", nargs="*", help="names of rows, * stands for anything; all without")
    options = parser.parse_args()
    lab = Lab(options.arch)
    if not lab.kernel.exists():
        sys.exit(f"bench: {lab.kernel.relative_to(TOP)} does not exist: run `make build ARCH={options.arch}`")
    lab.target.musl()
    programs = Programs(lab)
    patterns = [p if "*" in p else f"*{p}*" for p in options.rows] or ["*"]
    rows = [row for row in programs.rows if any(fnmatch.fnmatchcase(row, p) for p in patterns)]
    if not rows:
        sys.exit("bench: no row has such a name; they are:\n  " + "\n  ".join(programs.rows))
    progress = table.progress()
    columns = {}
    if options.arch == "x86_64":
        for side in (Linux(programs, "Linux", ""), Linux(programs, "Linux mitigations=off", "mitigations=off")):
            columns[side.name] = cached(side, rows, progress)
    columns["Rundlet"] = measure(Rundlet(programs), rows, progress)
    progress("")
    results = table.Results(options.arch, rows, columns)
    committed = table.committed(options.arch)
    print(results.text(committed))
    if options.save:
        results.save()
    sys.exit(1 if results.failures() else 0)


if __name__ == "__main__":
    main()

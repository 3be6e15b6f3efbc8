"""The machines that are measured: two kernels, the same programs, the same processor."""
import contextlib
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debian
from lab import TOP, userland
from qemu import Timeout, Vm

HOME = TOP / "bench"
CACHE = TOP / "build/bench/cache"
BATCHES = 11   # as in rows/rows.h
SILENCE = 240  # seconds a row may take
# Without the "fast string" features: QEMU counts each repetition of a string instruction as one instruction, so a kernel
# that is told to copy bytewise would be charged eight times for what one that copies words does.
CPU = {"x86_64": "max,-erms,-fsrm", "riscv64": None}
# The same on each run: what the guest may take for random or for the time of day.
SAME = ["-seed", "1", "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
LINUX_WORDS = "console=ttyS0 quiet loglevel=3 panic=-1 reboot=t nokaslr rdinit=/bench/init"
RESULT = re.compile(rb"@begin ([^\r\n]+)\r?\n|@row ([^\r\n\t]+)\t([-\d.]+)\t([-\d.]+)\t([-\d.]+)\t(\d+)\r?\n|"
                    rb"@(fail|notyet) ([^\r\n\t]+)\t([^\r\n]*)\r?\n|@(done)\r?\n")


class Session:
    """Groups of rows (files of rows/) that share a boot."""

    def __init__(self, name, groups, memory="512M", quick=True):
        self.name, self.groups, self.memory, self.quick = name, groups, memory, quick


SESSIONS = [
    Session("micro", ["calls", "files", "processes", "pipes", "memory", "signals", "threads", "polling", "sockets"]),
    Session("growth", ["growth"], memory="2G", quick=False),
]


class Programs:
    """The rows of one processor, built."""

    def __init__(self, lab):
        self.lab, self.target = lab, lab.target
        self.out = self.target.out / "bench"
        headers = [HOME / "rows/rows.h"]
        self.files, self.rows, self.group_of = {}, {}, {}
        runner = [] if lab.arch == "x86_64" else [f"qemu-{lab.arch}-static"]
        for group in (g for s in SESSIONS for g in s.groups):
            sources = [HOME / "rows/main.c", HOME / f"rows/{group}.c"]
            built = self.target.program(f"bench-{group}", sources, self.out / group, headers)
            self.files[f"bench/{group}"] = (built, 0o755)
            self.rows[group] = userland.run(*runner, built, "--names").splitlines()
            self.group_of.update(dict.fromkeys(self.rows[group], group))
        nothing = self.target.program("bench-nothing", [HOME / "rows/nothing.c"], self.out / "nothing-static")
        self.shared = {
            "bench/nothing-static": (nothing, 0o755),
            "bench/nothing-dynamic": (self.dynamic(self.out / "nothing-dynamic"), 0o755),
            "bench/init": (self.target.program("bench-init", [HOME / "linux/init.c"], self.out / "init"), 0o755),
            **self.libraries(),
        }

    def dynamic(self, out):
        if not userland.newer(out, HOME / "rows/nothing.c"):
            userland.run(self.target.gcc, "-O2", "-o", out, HOME / "rows/nothing.c")
        return out

    def libraries(self):
        """glibc, for the dynamic program: the cross compiler's copy, or the machine's."""
        names = {"x86_64": ["lib64/ld-linux-x86-64.so.2", "lib/x86_64-linux-gnu/libc.so.6"],
                 "riscv64": ["lib/ld-linux-riscv64-lp64d.so.1", "lib/libc.so.6"]}[self.lab.arch]
        root = pathlib.Path("/" if self.lab.arch == "x86_64" else "/usr/riscv64-linux-gnu")
        return {name: (root / name, 0o755) for name in names}

    def all_rows(self, quick=False):
        return [row for s in SESSIONS if s.quick or not quick for g in s.groups for row in self.rows[g]]

    def session(self, row):
        return next(s for s in SESSIONS if self.group_of[row] in s.groups)

    def tree(self, rows):
        """The host tree with the container bundle "bench" that runs these rows."""
        def edit(config):
            config["process"].update(terminal=False, cwd="/", rlimits=[{"type": "RLIMIT_NOFILE", "hard": 20000, "soft": 20000}])
            config["linux"]["resources"] = {"pids": {"limit": 20000}}
        tree = self.lab.tree()
        listing = "".join(f"{self.group_of[row]}\t{row}\n" for row in rows)
        files = {**self.files, **self.shared, "bench/list": (listing, 0o644)}
        self.lab.bundle(tree, "bench", [self.first(rows)], files, edit)
        return tree

    def first(self, rows):
        """The program to start with."""
        return f"/bench/{self.group_of[rows[0]]}" if rows else "/bench/script"


class Rundlet:
    name = "Rundlet"

    def __init__(self, programs):
        self.programs, self.kernel = programs, programs.lab.kernel

    def words(self, _rows):
        """The kernel's command line."""
        return "-- bundle /bundles/bench"

    def tree(self, rows):
        return self.programs.tree(rows)


class Linux:
    """Debian's kernel: the bundle's root file system is the initramfs."""

    def __init__(self, programs, name, words):
        self.programs, self.name = programs, name
        self.kernel, self.version = debian.linux_kernel()
        self.more = words

    def words(self, rows):
        """The kernel's command line."""
        return f"{LINUX_WORDS} {self.more} bench={self.programs.first(rows)}"

    def tree(self, rows):
        whole, tree, root = self.programs.tree(rows), userland.mkinitramfs.Tree(), "bundles/bench/rootfs/"
        tree.entries = {path.removeprefix(root): entry for path, entry in whole.entries.items() if path.startswith(root)}
        tree.directory("dev")
        tree.device_node("dev/console", 5, 1)
        return tree


def measure(side, rows, progress):
    """{row: number, or a string that says why there is none}. A row that takes the machine down is reported as such, and the
    others run after a new boot."""
    results = {}
    for session in SESSIONS:
        left, boots = [row for row in rows if side.programs.session(row) is session], 0
        while left and boots < 8:
            boots += 1
            got, why = one_boot(side, left, f"{session.name}-{boots}", progress)
            results.update(got)
            if why:
                running = next((row for row in left if row not in results), left[0])
                results[running] = f"the machine stopped: {why}"
            left = [row for row in left if row not in results] if why else []
    for row in rows:
        results.setdefault(row, "not run")
    return results


@contextlib.contextmanager
def machine(side, tree, rows, label, memory="512M", extra=()):
    """One of the two kernels, booted as all measurements are."""
    lab = side.programs.lab
    with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
        image = pathlib.Path(scratch) / "initramfs"
        tree.write(image)
        log_path = lab.logs / f"bench-{lab.arch}-{side.name.replace(' ', '-')}-{label}.log"
        with open(log_path, "w", encoding="utf8") as log, \
                Vm(lab.arch, side.kernel, image, log=log, append=side.words(rows), memory=memory, icount="skip",
                   machine="microvm" if lab.arch == "x86_64" else None, cpu=CPU[lab.arch], extra=[*SAME, *extra]) as vm:
            yield vm


def one_boot(side, rows, label, progress, extra=(), to_the_end=False):
    """The results of one boot, and why it ended early. "operations" among them is how many the last row ran a batch."""
    results = {}
    memory = side.programs.session(rows[0]).memory
    with machine(side, side.tree(rows), rows, label, memory=memory, extra=extra) as vm:
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
                elif match[10]:
                    if to_the_end:
                        vm.wait(SILENCE)
                    return results, None
        except Timeout as error:
            return results, str(error)


def script_output(side, script):
    """What a shell script prints that runs as the first process on Linux; it ends with a line "@done"."""
    tree = side.tree([])
    tree.text("bench/script", f"#!/bin/sh\n{script}\n", 0o755)
    with machine(side, tree, [], "script") as vm:
        vm.expect("@done", SILENCE)
        return vm.text


class Kept:
    """Linux's numbers, which change only with what is booted: the same input gives the same count. One file for each group
    of rows."""

    def __init__(self, side):
        self.side, self.programs = side, side.programs
        shared = [(name, userland.digest(path)) for name, (path, _) in self.programs.shared.items()]
        self.words = [side.words([]), side.version, CPU, SAME, shared, userland.run("qemu-system-x86_64", "--version")]

    def place(self, group):
        program, _ = self.programs.files[f"bench/{group}"]
        memory = next(s.memory for s in SESSIONS if group in s.groups)
        words = json.dumps([*self.words, memory, userland.digest(program)])
        return CACHE / f"{group}-{hashlib.sha256(words.encode()).hexdigest()[:20]}.json"

    def read(self, group):
        place = self.place(group)
        return json.loads(place.read_text()) if place.exists() else {}

    def measure(self, rows, progress):
        groups = {self.programs.group_of[row] for row in rows}
        known = {row: value for group in groups for row, value in self.read(group).items()}
        missing = [row for row in rows if row not in known]
        if missing:
            known.update(measure(self.side, missing, progress))
            CACHE.mkdir(parents=True, exist_ok=True)
            for group in groups:
                self.place(group).write_text(json.dumps({r: known[r] for r in self.programs.rows[group] if r in known}, indent=0))
        return known

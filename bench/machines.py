"""The machines that are measured: two kernels, the same programs, the same processor."""
import contextlib
import hashlib
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debian
import peer
from lab import TOP, userland
from qemu import Timeout, Vm

HOME = TOP / "bench"
CACHE = TOP / "build/bench/cache"
SILENCE = 900  # seconds a row may take
# Without the "fast string" features: QEMU counts each repetition of a string instruction as one instruction, so a kernel
# that is told to copy bytewise would be charged eight times for what one that copies words does.
CPU = {"x86_64": "max,-erms,-fsrm", "riscv64": None}
# The same on each run: what the guest may take for random or for the time of day.
SAME = ["-seed", "1", "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
LINUX_WORDS = "console=ttyS0 quiet loglevel=3 panic=-1 reboot=t nokaslr rdinit=/bench/init"
RESULT = re.compile(rb"@begin ([^\r\n]+)\r?\n|@row ([^\r\n\t]+)\t([-\d.]+)\t([-\d.]+)\t([-\d.]+)\t(\d+)\r?\n|"
                    rb"@(fail|notyet|leftout) ([^\r\n\t]+)\t([^\r\n]*)\r?\n|@(done)\r?\n")


def own_files():
    """What rows of applications read."""
    return {f"bench/{p.relative_to(HOME / 'programs')}": (p, 0o644) for p in (HOME / "programs").rglob("*") if p.is_file()}


def applications():
    return {**own_files(), **debian.application("sqlite", "python", "gcc", "redis", "nginx")}


def crun():
    return debian.application("crun")


def virtio_net():
    return debian.modules("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "failover",
                          "net_failover", "virtio_net")


def plugin():
    """bench/plugin, built."""
    source, out = HOME / "plugin/profile.c", TOP / "build/bench/profile.so"
    if not userland.newer(out, source):
        out.parent.mkdir(parents=True, exist_ok=True)
        userland.run("gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-fvisibility=hidden", "-o", out, source)
    return out


class Session:
    """Groups of rows (files of rows/) that share a boot. `files` gives {path: (file, mode)} that the programs need."""

    def __init__(self, name, groups, memory="512M", quick=True, files=dict, arches=("x86_64", "riscv64"), host=False, cpus=1,
                 with_peer=False):
        self.name, self.groups, self.memory, self.quick, self.files, self.arches = name, groups, memory, quick, files, arches
        self.cpus = cpus  # more than one: without counting, in wall-clock time
        self.host = host  # in Rundlet's host world, with bundles to make containers from
        self.with_peer = with_peer  # on a network; counted by the plugin, as the machine is idle while the peer answers
        self.linux_files = crun if host else virtio_net if with_peer else dict


SESSIONS = [
    Session("micro", ["calls", "files", "processes", "pipes", "memory", "signals", "threads", "polling", "sockets"]),
    Session("shell", ["shell"], quick=False, files=own_files),
    Session("applications", ["packages"], memory="1G", quick=False, files=applications, arches=("x86_64",)),
    Session("containers", ["containers"], memory="4G", quick=False, host=True),
    Session("growth", ["growth"], memory="2G", quick=False),
    Session("use", ["use"], memory="2G"),
    Session("smp", ["smp"], quick=False, cpus=4),
    Session("virtio", ["virtio"], quick=False, arches=("x86_64",), with_peer=True),
]


class Programs:
    """The rows of one processor, built."""

    def __init__(self, lab):
        self.lab, self.target = lab, lab.target
        self.out = self.target.out / "bench"
        headers = [HOME / "rows/rows.h", HOME / "rows/programs.h"]
        self.files, self.rows, self.group_of = {}, {}, {}
        runner = [] if lab.arch == "x86_64" else [f"qemu-{lab.arch}-static"]
        self.sessions = [s for s in SESSIONS if lab.arch in s.arches]
        for group in (g for s in self.sessions for g in s.groups):
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
        return [row for s in self.sessions if s.quick or not quick for g in s.groups for row in self.rows[g]]

    def session(self, row):
        return next(s for s in self.sessions if self.group_of[row] in s.groups)

    def tree(self, rows):
        """The host tree with the container bundle "bench" that runs these rows."""
        def edit(config):
            if rows and self.session(rows[0]).with_peer:
                config["annotations"] = {"io.rundlet.network": "host"}
            config["process"].update(terminal=False, cwd="/", rlimits=[{"type": "RLIMIT_NOFILE", "hard": 25000, "soft": 25000}])
            for may in config["process"]["capabilities"].values():
                may.append("CAP_NET_ADMIN")  # routes
            config["linux"]["resources"] = {"pids": {"limit": 20000}}
        tree = self.lab.tree()
        listing = "".join(f"{self.group_of[row]}\t{row}\n" for row in rows)
        more = self.session(rows[0]).files() if rows else {}
        files = {**self.files, **self.shared, **more, "bench/list": (listing, 0o644)}
        self.lab.bundle(tree, "bench", [self.first(rows)], files, edit)
        if rows and self.session(rows[0]).host:
            self.containers(tree)
        return tree

    def containers(self, tree):
        """The host world gets the files of the bundle "bench", and bundles of a program that ends and of one that waits."""
        def edit(config):
            config["process"].update(terminal=False, cwd="/")
            config["linux"].pop("resources", None)
        root = "bundles/bench/rootfs/"
        for path, entry in list(tree.entries.items()):
            if path.startswith(root + "bench"):
                tree.entries[path.removeprefix(root)] = entry
        program = {"nothing": self.shared["bench/nothing-static"]}
        self.lab.bundle(tree, "nothing", ["/nothing"], program, edit)
        self.lab.bundle(tree, "waiting", ["/nothing", "wait"], program, edit)

    def first(self, rows):
        """The program to start with."""
        return f"/bench/{self.group_of[rows[0]]}" if rows else "/bench/script"


class Rundlet:
    name = "Rundlet"

    def __init__(self, programs):
        self.programs, self.kernel = programs, programs.lab.kernel

    def words(self, rows):
        """The kernel's command line."""
        if rows and self.programs.session(rows[0]).host:
            return f"-- run {self.programs.first(rows)}"
        network = "ip=10.0.2.15:::255.255.255.0::eth0:off " if rows and self.programs.session(rows[0]).with_peer else ""
        return network + "-- bundle /bundles/bench"

    def tree(self, rows):
        return self.programs.tree(rows)

    def alone(self, files):
        """(tree, command line) that run the program /bench/first of `files` as the container's first process."""
        tree = self.programs.lab.tree()
        for path in [p for p in tree.entries if p.startswith("bundles/busybox/rootfs/")]:
            tree.entries["bundles/alone/" + path.removeprefix("bundles/busybox/")] = tree.entries.pop(path)
        tree.directory("bundles/busybox/rootfs")
        self.programs.lab.bundle(tree, "alone", ["/bench/first"], files, lambda config: config["process"].update(terminal=False))
        return tree, "-- bundle /bundles/alone"


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
        if rows and self.programs.session(rows[0]).host:
            tree.entries.update((p, e) for p, e in whole.entries.items() if re.match("bundles(/nothing|/waiting|$)", p))
        for path, (file, mode) in (self.programs.session(rows[0]).linux_files() if rows else {}).items():
            for folder in reversed(pathlib.PurePath(path).parents[:-1]):
                if str(folder) not in tree.entries:
                    tree.directory(str(folder))
            tree.file(path, file, mode)
        self.finish(tree)
        return tree

    def finish(self, tree):
        for folder in ("dev", "proc", "run", "sys"):
            tree.directory(folder)
        tree.device_node("dev/console", 5, 1)

    def alone(self, files):
        """(tree, command line) that run the program /bench/first of `files` as the first process."""
        whole, _ = Rundlet(self.programs).alone(files)
        tree, root = userland.mkinitramfs.Tree(), "bundles/alone/rootfs/"
        tree.entries = {path.removeprefix(root): entry for path, entry in whole.entries.items() if path.startswith(root)}
        self.finish(tree)
        return tree, f"{LINUX_WORDS} {self.more}".replace("/bench/init", "/bench/first")


def measure(side, rows, progress):
    """{row: number, or a string that says why there is none}. A row that takes the machine down is reported as such, and the
    others run after a new boot."""
    results = {}
    for session in side.programs.sessions:
        left, boots = [row for row in rows if side.programs.session(row) is session], 0
        while left and boots < 8:
            boots += 1
            got, why = one_boot(side, left, f"{session.name}-{boots}", progress)
            results.update(got)
            left = [row for row in left if row not in results] if why else []
            if left:
                results[left.pop(0)] = f"the machine stopped: {why}"
    for row in rows:
        results.setdefault(row, "not run")
    return results


@contextlib.contextmanager
def machine(side, tree, words, label, memory="512M", cpus=1, extra=(), with_peer=False):
    """One of the two kernels, booted as all measurements are, with these words as its command line. `with_peer`: time spent
    idle is not skipped, or the timers of a connection would not wait for the other side."""
    lab = side.programs.lab
    with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
        image = pathlib.Path(scratch) / "initramfs"
        tree.write(image)
        log_path = lab.logs / f"bench-{lab.arch}-{side.name.replace(' ', '-')}-{label}.log"
        with open(log_path, "w", encoding="utf8") as log, \
                Vm(lab.arch, side.kernel, image, log=log, append=words, memory=memory, cpus=cpus,
                   icount=cpus == 1 and (with_peer or "skip"),
                   machine="microvm" if lab.arch == "x86_64" and cpus == 1 and not with_peer else None, cpu=CPU[lab.arch],
                   extra=[*(SAME if cpus == 1 else ()), *extra]) as vm:
            yield vm


@contextlib.contextmanager
def counted_by_plugin():
    """(QEMU's words, a function that gives the instructions of each batch since it was called last)."""
    with tempfile.NamedTemporaryFile(mode="r") as parts:
        yield ["-plugin", f"{plugin()},parts={parts.name}"], lambda: [int(line) for line in parts]


def one_boot(side, rows, label, progress, extra=(), to_the_end=False):
    """The results of one boot, and why it ended early. "operations" among them is how many the last row measured."""
    session = side.programs.session(rows[0])
    with contextlib.ExitStack() as stack:
        parts = None
        if session.with_peer:
            words, parts = stack.enter_context(counted_by_plugin())
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rundlet-"))
            extra = [*(extra or words), *stack.enter_context(peer.Peer(folder)).qemu()]
        vm = stack.enter_context(machine(side, side.tree(rows), side.words(rows), label, session.memory, session.cpus, extra,
                                         session.with_peer))
        return read_results(vm, side.name, parts, progress, to_the_end)


def read_results(vm, name, parts, progress, to_the_end):
    """What one_boot() gives. `parts`: as counted_by_plugin(), where the guest's own counter counts idle time as well."""
    results = {}
    try:
        while True:
            match = vm.expect(RESULT.pattern, SILENCE)
            if match[1]:
                progress(f"{name}: {match[1].decode()}")
            elif match[2]:
                row, operations, batches = match[2].decode(), int(match[6]), parts() if parts else None
                results[row] = statistics.median(batches) * len(batches) / operations if batches else float(match[3])
                results["operations"] = operations
            elif match[7]:
                kind = {b"notyet": "not yet: ", b"leftout": "left out: ", b"fail": "failed: "}[match[7]]
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
    with machine(side, tree, side.words([]), "script") as vm:
        vm.expect("@done", SILENCE)
        return vm.text


def worth_keeping(results):
    """Numbers, and what is left out on purpose: not the failures."""
    return {row: value for row, value in results.items() if isinstance(value, (int, float)) or str(value).startswith("left out")}


class Meter:
    """Measures on one side."""

    def __init__(self, side):
        self.side = side

    def boots(self, rows, measure_boots):
        """The rows of boot.py."""
        return measure_boots(rows)

    def measure(self, rows, progress):
        """All other rows."""
        return measure(self.side, rows, progress)


class Kept(Meter):
    """Linux's numbers, which change only with what is booted: the same input gives the same count. One file for each group
    of rows."""

    def __init__(self, side):
        super().__init__(side)
        self.programs = side.programs
        shared = [(name, userland.digest(path)) for name, (path, _) in self.programs.shared.items()]
        self.words = [side.words([]), side.version, CPU, SAME, shared, userland.run("qemu-system-x86_64", "--version")]

    def place(self, group):
        program, _ = self.programs.files[f"bench/{group}"]
        session = next(s for s in self.programs.sessions if group in s.groups)
        needed = [(name, path.stat().st_size if path.stat().st_size > 65536 else userland.digest(path))
                  for name, (path, _) in sorted({**session.files(), **session.linux_files()}.items())]
        with_peer = [userland.digest(HOME / f) for f in ("peer.py", "plugin/profile.c")] if session.with_peer else []
        words = json.dumps([*self.words, session.memory, session.cpus, needed, userland.digest(program), *with_peer])
        return CACHE / f"{group}-{hashlib.sha256(words.encode()).hexdigest()[:20]}.json"

    def read(self, group):
        if next(s for s in self.programs.sessions if group in s.groups).cpus > 1:
            return {}  # wall clock: both sides in the same run
        place = self.place(group)
        return json.loads(place.read_text()) if place.exists() else {}

    def boots(self, rows, measure_boots):
        key = hashlib.sha256(json.dumps(self.words).encode() + (HOME / "boot.py").read_bytes()).hexdigest()[:20]
        place = CACHE / f"boot-{key}.json"
        known = json.loads(place.read_text()) if place.exists() else {}
        if missing := [row for row in rows if row not in known]:
            known.update(measure_boots(missing))
            CACHE.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(worth_keeping(known), indent=0))
        return known

    def measure(self, rows, progress):
        known = {}
        for session in self.programs.sessions:
            wanted = [row for row in rows if self.programs.session(row) is session]
            for group in session.groups:
                known.update(self.read(group))
            missing = [row for row in wanted if row not in known]
            if missing:
                known.update(measure(self.side, missing, progress))
                CACHE.mkdir(parents=True, exist_ok=True)
                for group in session.groups:
                    self.place(group).write_text(json.dumps(worth_keeping({r: known.get(r) for r in self.programs.rows[group]}), indent=0))
        return known

"""What the tests share: counting, images made for one boot, and running a list of cases on Linux and on Rundlet."""
import base64
import fcntl
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from qemu import Timeout  # noqa: E402
from lab import TOP, Lab, userland  # noqa: E402,F401

CASE_FOLDER = "/tmp/rundlet-case"
CAPABILITIES = re.findall(r"^#define (CAP_\w+)\s+\d+$", pathlib.Path("/usr/include/linux/capability.h").read_text(), re.MULTILINE)
# What the VM may stay silent for while a case runs: longer than a case's own limit.
CASE_LIMIT, SILENCE = 120, 160


class Report:
    """Counts tests. A failure is printed at once and again at the end."""

    def __init__(self):
        self.passed, self.failures, self.skipped, self.numbers = 0, [], [], []

    def ok(self, name):
        self.passed += 1
        if os.environ.get("VERBOSE"):
            print(f"  ok   {name}", flush=True)

    def fail(self, name, detail=""):
        self.failures.append(name)
        print(f"  FAIL {name}", flush=True)
        for line in str(detail).splitlines()[:40]:
            print(f"       {line}", flush=True)

    def skip(self, name, why):
        self.skipped.append(name)
        print(f"  skip {name}: {why}", flush=True)

    def check(self, name, good, detail=""):
        self.ok(name) if good else self.fail(name, detail)

    def number(self, what, value):
        """A measurement for the summary."""
        self.numbers.append((what, value))

    def close(self):
        """The summary; the exit status."""
        if self.numbers:
            print("\nMeasured:")
            for what, value in self.numbers:
                print(f"  {what}: {value}")
        if self.failures:
            print("\nFailed:")
            for name in self.failures:
                print(f"  {name}")
        if self.skipped:
            print(f"\n{len(self.skipped)} skipped: {', '.join(self.skipped)}")
        print(f"\n{self.passed} passed, {len(self.failures)} failed")
        return 1 if self.failures else 0


# Runs the cases of a file, each in a fresh folder, and prints status and output of each on a line of its own.
# The same script runs on Linux and in the container.
CASE_SCRIPT = r"""#!/bin/sh
cases=$1 fixture=$2 limit=$3
while IFS='	' read -r name command <&3; do
    cd /; rm -rf %s; mkdir -p %s; cd %s
    [ -d "$fixture" ] && cp -r "$fixture"/. .
    echo "@@begin $name"
    timeout -s KILL $limit sh -c "$command" </dev/null >/tmp/rundlet-out 2>&1 3<&-
    status=$?
    echo "@@end $name $status $(base64 /tmp/rundlet-out | tr -d '\n')"
done 3<$cases
echo @@done
""" % (CASE_FOLDER, CASE_FOLDER, CASE_FOLDER)
RESULT = re.compile(rb"@@end (\S+) (\d+) ([A-Za-z0-9+/=]*)\r?\n")


def decode(match):
    return int(match[2]), base64.b64decode(match[3]).decode(errors="replace")


def busybox_cases():
    """(cases, fixture) of tests/system/busybox.txt."""
    lines = (TOP / "tests/system/busybox.txt").read_text().splitlines()
    split = [line.partition(":") for line in lines if line.strip() and not line.startswith("#")]
    return [(name.strip(), text.strip()) for name, _, text in split], TOP / "tests/system/fixture"


def linux_programs(lab, every=None):
    """{name: built program} of tests/linux, or of those of these sources."""
    headers = [*(TOP / "tests/linux").glob("*.h"), *pointer_rows()]
    return {s.stem: lab.target.program(f"test-{s.stem}", [s], lab.target.out / "tests" / s.stem, headers)
            for s in every or linux_sources(lab.arch)}


def linux_sources(arch):
    """tests/linux; a line "// only: x86_64" keeps a test to one processor."""
    only = re.compile(r"^// only: (\w+)", re.MULTILINE)
    return [s for s in sorted((TOP / "tests/linux").glob("*.cpp")) if (m := only.search(s.read_text())) is None or m[1] == arch]


def pointer_rows():
    """The system calls and their pointers, written from the kernel's table for tests/linux/bad_pointers*.cpp."""
    folder = TOP / "build/tests"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, options in (("pointer_rows.h", []), ("pointer_rows_x86_64.h", ["x86_64"])):
        rows = subprocess.run([TOP / "tools/syscalls.py", "--rows", *options], stdout=subprocess.PIPE, text=True, check=True).stdout
        files.append(folder / name)
        if not files[-1].exists() or files[-1].read_text() != rows:
            files[-1].write_text(rows)
    return files


def applet_links(lab):
    """A folder with a link to this machine's busybox for each of its applets."""
    folder = lab.target.out / "applets"
    folder.mkdir(exist_ok=True)
    for path in userland.applets(lab.target):
        link = folder / pathlib.PurePath(path).name
        if not link.is_symlink():
            link.symlink_to("/bin/busybox")
    return folder


def cases_on_linux(cases, fixture, busybox, applet_folder):
    """Runs the cases on this machine: {name: (status, output)}. Only busybox's applets are in the PATH."""
    with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
        script, listing = pathlib.Path(scratch) / "run.sh", pathlib.Path(scratch) / "cases"
        script.write_text(CASE_SCRIPT)
        listing.write_text("".join(f"{name}\t{command}\n" for name, command in cases))
        # The folder has one name on all machines, so one run uses it at a time.
        lock = open("/tmp/rundlet-case.lock", "w", encoding="utf8")
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A session of its own, as a container has: the caller's may belong to another process namespace.
        done = subprocess.run([busybox, "sh", script, listing, fixture, str(CASE_LIMIT)], stdout=subprocess.PIPE, check=False,
                              start_new_session=True, stdin=subprocess.DEVNULL, env={"PATH": str(applet_folder), "HOME": "/root", "TERM": "dumb"})
        lock.close()
    return {m[1].decode(): decode(m) for m in RESULT.finditer(done.stdout)}


def cases_on_rundlet(lab, cases, fixture, files=(), label="cases", capabilities=False, **options):
    """Runs the cases in a container. A case that takes the machine down is reported as such, and the rest runs after a
    new boot: {name: (status, output) or a string that says what happened}."""
    results, left = {}, list(cases)

    def edit(config):
        config["process"]["terminal"] = False
        config["annotations"] = {"io.rundlet.network": "none"}  # what the programs look at is their loopback
        if capabilities: # those of the superuser that runs the cases on Linux, set-user-ID programs in their folder included
            config["process"]["capabilities"] = {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}
            for mount in config["mounts"]:
                if mount["destination"] == "/tmp":
                    mount["options"].remove("nosuid")

    boots = 0
    options.setdefault("memory", "256M")
    while left and boots < 12:
        boots += 1
        tree = lab.tree()
        listing = "".join(f"{name}\t{command}\n" for name, command in left)
        contents = {"run.sh": (CASE_SCRIPT, 0o755), "cases": (listing, 0o644), **dict(files)}
        for path in sorted(pathlib.Path(fixture).rglob("*")) if fixture else ():
            if path.is_file():
                contents[f"fixture/{path.relative_to(fixture)}"] = (path, 0o644)
        lab.bundle(tree, "cases", ["sh", "/run.sh", "/cases", "/fixture", str(CASE_LIMIT)], contents, edit)
        with lab.boot(tree, append="-- bundle /bundles/cases", label=f"{label}-{boots}", **options) as vm:
            running, why = None, None
            try:
                while True:
                    match = vm.expect(rb"@@begin (\S+)\r?\n|" + RESULT.pattern + rb"|@@done", SILENCE)
                    if match[0].startswith(b"@@begin"):
                        running = match[1].decode()
                    elif match[0].startswith(b"@@done"):
                        return results
                    else:
                        results[match[2].decode()] = (int(match[3]), base64.b64decode(match[4]).decode(errors="replace"))
                        running = None
            except (Timeout, ValueError) as error:
                why = str(error)
        if running:
            results[running] = f"the machine stopped: {why}"
        elif boots > 1 or not results:
            for name, _ in left:
                results.setdefault(name, f"the machine stopped: {why}")
            return results
        left = [(name, command) for name, command in left if name not in results]
    for name, _ in left:
        results.setdefault(name, "not run: the machine stopped too often")
    return results


def compare(report, prefix, expected, got):
    """Reports each case: same status and same output."""
    for name, want in expected.items():
        have = got.get(name, "not run")
        if have == want:
            report.ok(f"{prefix}/{name}")
        elif isinstance(have, str):
            report.fail(f"{prefix}/{name}", have)
        else:
            report.fail(f"{prefix}/{name}", difference(want, have))


def difference(want, have):
    lines = []
    if want[0] != have[0]:
        lines.append(f"status {have[0]}, on Linux {want[0]}")
    a, b = want[1].splitlines(), have[1].splitlines()
    for i in range(max(len(a), len(b))):
        x, y = (a[i] if i < len(a) else None), (b[i] if i < len(b) else None)
        if x != y:
            lines += [f"line {i + 1}: Linux:   {x!r}", f"        Rundlet: {y!r}"]
            if len(lines) > 8:
                lines.append("...")
                break
    return "\n".join(lines)


class Clock:
    """Prints how long a step took."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        print(f"== {self.what}", flush=True)
        self.start = time.monotonic()

    def __exit__(self, *_):
        print(f"   ({time.monotonic() - self.start:.0f} s)", flush=True)

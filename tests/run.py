#!/usr/bin/env python3
"""Everything `make test` does. Each step reports its tests; the last line is "N passed, N failed".

    tests/run.py                       all steps, both processors
    tests/run.py unit busybox          some steps
    tests/run.py --arch riscv64 linux  one processor
"""
import argparse
import importlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import (TOP, Clock, Lab, Report, Timeout, applet_links, busybox_cases, cases_on_linux,  # noqa: E402
                     cases_on_rundlet, compare, linux_programs, linux_sources, userland)

ARCHES = ["x86_64", "riscv64"]


def command(report, name, *line, keep=6000, **options):
    """A command whose success is one test. Returns what it printed, or None."""
    done = subprocess.run([str(a) for a in line], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False, **options)
    report.check(name, done.returncode == 0, done.stdout[-keep:])
    return done.stdout if done.returncode == 0 else None


def rules(report, _arches):
    """Layers, formatting, documents."""
    command(report, "rules/layers", "tools/check_layers.py")
    command(report, "rules/layers-can-fail", "tests/layers_test.py")
    command(report, "rules/documents", "tools/check_docs.py")
    command(report, "rules/system-call-numbers-and-document", "tools/syscalls.py", "--check")
    listed = subprocess.run(["git", "ls-files", "*.h", "*.cpp"], cwd=TOP, stdout=subprocess.PIPE, text=True, check=True).stdout
    files = [f for f in listed.split() if not f.startswith("lib/libcxx/") and (TOP / f).exists()]
    command(report, "rules/format", "clang-format-19", "--dry-run", "-Werror", "--ferror-limit=1", *files)


def build(report, arches):
    """Kernels, plain and checked, and the userland."""
    for preset in [a + suffix for a in arches for suffix in ("", "-check")]:
        done = command(report, f"configure/{preset}", "cmake", "--preset", preset)
        if done is None:
            continue
        done = command(report, f"build/{preset}", "cmake", "--build", f"build/{preset}")
        image = TOP / f"build/{preset}/kernel"
        if done is not None and image.exists() and not preset.endswith("-check"):
            report.number(f"{preset}: kernel image, stripped", f"{image.stat().st_size} bytes")
    for arch in arches:
        command(report, f"userland/{arch}", "tools/build-userland", arch)


def tidy(report, _arches):
    """clang-tidy over the layers that the host builds, and what has changed."""
    command(report, "tidy", "tools/tidy.py")


def unit(report, _arches):
    """The portable layers on the host under sanitizers."""
    for preset in ("host-asan", "host-tsan"):
        if command(report, f"configure/{preset}", "cmake", "--preset", preset) is None or \
                command(report, f"build/{preset}", "cmake", "--build", f"build/{preset}") is None:
            continue
        # TSan's shadow does not fit under the most random address layouts.
        done = subprocess.run(["setarch", "-R", f"build/{preset}/tests/unit/unit-tests"], cwd=TOP, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        passed = re.findall(r"^\[ +OK \] (\S+)", done.stdout, re.MULTILINE)
        failed = sorted(set(re.findall(r"^\[ +FAILED +\] (\w+\.\w+)", done.stdout, re.MULTILINE)))
        for name in passed:
            report.ok(f"{preset}/{name}")
        for name in failed:
            report.fail(f"{preset}/{name}", done.stdout[-3000:])
        if done.returncode and not failed:
            report.fail(f"{preset}/run", done.stdout[-5000:])
    fuzz(report)


def fuzz(report):
    """Each target of tests/fuzz for some seconds, all at once, from a good input."""
    binaries = sorted((TOP / "build/host-asan/tests/unit").glob("fuzz-*"))
    corpus = TOP / "build/fuzz"
    runs = {}
    for binary in binaries:
        name = binary.name[5:]
        folder = corpus / name
        folder.mkdir(parents=True, exist_ok=True)
        if name in FUZZ_SEEDS:
            (folder / "seed").write_bytes(FUZZ_SEEDS[name]())
        runs[name] = subprocess.Popen([binary, "-max_total_time=5", "-timeout=20", "-max_len=8192", "-print_final_stats=1", folder],
                                      cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    for name, process in runs.items():
        output = process.communicate()[0]
        report.check(f"fuzz/{name}", process.returncode == 0, output[-4000:])
    report.check("fuzz/targets", len(runs) == len(list((TOP / "tests/fuzz").glob("*.cpp"))), f"built: {sorted(runs)}")


def small_initramfs():
    tree = userland.mkinitramfs.Tree()
    tree.directory("a")
    tree.text("a/b", "text" * 2000)
    tree.text("a/c", "text" * 2000)  # a hard link
    tree.link("a/d", "../a")
    tree.device_node("null", 1, 3)
    with tempfile.TemporaryDirectory(prefix="rundlet-") as scratch:
        tree.write(pathlib.Path(scratch) / "image")
        return (pathlib.Path(scratch) / "image").read_bytes()


FUZZ_SEEDS = {
    "spec": lambda: (TOP / "user/bundles/busybox/config.json").read_bytes(),
    "initramfs": small_initramfs,
    "elf": lambda: pathlib.Path(sys.executable).read_bytes()[:4096],
    "command_line": lambda: b'loglevel=7 trace=read,write init=/bin/x -- run "a b" c',
}


def bootable(report, lab, name):
    if lab.kernel.exists():
        return True
    report.fail(f"{name}/{lab.name}", "there is no kernel image: it was not built")
    return False


def ktest(report, arches):
    """The in-kernel tests of the check kernel (KASan, UBSan, lock order)."""
    for arch in arches:
        lab = Lab(arch, report, variant="check")
        if not bootable(report, lab, "ktest"):
            continue
        try:
            with lab.boot(append="ktest", memory="512M", cpus=4, label="ktest") as vm:
                status = vm.wait(300)
        except Timeout as error:
            report.fail(f"ktest/{arch}", error)
            continue
        passed = re.findall(r"^ktest: ok +(\S+)", vm.text, re.MULTILINE)
        for name in passed:
            report.ok(f"ktest/{arch}/{name}")
        for name in re.findall(r"^ktest: FAIL +(\S+)", vm.text, re.MULTILINE):
            report.fail(f"ktest/{arch}/{name}", vm.tail(40))
        report.check(f"ktest/{arch}/ends", status == 0 and bool(passed), f"status {status}\n{vm.tail(40)}")
        # Once more with time that is instructions: what keeps a processor for long is reported.
        try:
            with lab.boot(append="watchdog=5 ktest", memory="512M", icount="skip", label="ktest-stretches") as vm:
                status = vm.wait(300)
            long = re.findall(r"stretch: .* for \d+ us, since .*", vm.text)
            report.check(f"ktest/{arch}/stretches", status == 0 and not long, "\n".join([f"status {status}", *long, vm.tail(40)]))
        except Timeout as error:
            report.fail(f"ktest/{arch}/stretches", error)


def linux(report, arches):
    """tests/linux: each program passes on Linux first, then says the same on Rundlet, plain and checked."""
    for arch in arches:
        lab = Lab(arch, report)
        native = Lab(os.uname().machine, report)
        sources, programs = linux_sources(arch), linux_programs(lab)
        runner = "" if arch == os.uname().machine else f"/usr/bin/qemu-{arch}-static "
        links = applet_links(lab)
        runs = []
        for source in sources:
            # qemu-user is not Linux in every corner: a test that says so is held against this machine's Linux.
            own = runner and "// qemu-user:" not in source.read_text()
            here = programs[source.stem] if own or not runner else linux_programs(native, [source])[source.stem]
            runs.append((source.stem, f"{runner if own else ''}{here}"))
        expected = cases_on_linux(runs, "/nonexistent", "/bin/busybox", links)
        for source in sources:
            name = source.stem
            status, output = expected[name]
            if status:
                report.fail(f"linux/{arch}/{name} (on Linux itself)", output)
                del expected[name]
            else:
                report.ok(f"linux/{arch}/{name} (on Linux itself)")
        for on in (lab, Lab(arch, report, variant="check")):
            if bootable(report, on, "linux"):
                got = cases_on_rundlet(on, [(n, f"/tests/{n}") for n in expected], None,
                                       {f"tests/{n}": (programs[n], 0o755) for n in expected}, label="linux", cpus=2,
                                       capabilities=True)
                compare(report, f"linux/{on.name}", expected, got)


def busybox(report, arches):
    """Command lines of busybox: the same output and status as on Linux."""
    cases, fixture = busybox_cases()
    for arch in arches:
        lab = Lab(arch, report)
        expected = cases_on_linux(cases, fixture, "/bin/busybox", applet_links(lab))
        missing = [n for n, _ in cases if n not in expected]
        report.check(f"busybox/{arch}/oracle", not missing, f"did not run on Linux: {missing}")
        if bootable(report, lab, "busybox"):
            compare(report, f"busybox/{arch}", expected, cases_on_rundlet(lab, cases, fixture, label="busybox"))


def system(report, arches, only=""):
    """tests/system/*_test.py: each function test_*(lab) drives a machine."""
    for arch in arches:
        lab = Lab(arch, report)
        if bootable(report, lab, "system"):
            system_on(lab, only)


def system_on(lab, only=""):
    sys.path.insert(0, str(TOP / "tests/system"))
    for file in sorted((TOP / "tests/system").glob("*_test.py")):
        module = importlib.import_module(file.stem)
        if lab.arch not in getattr(module, "ARCHES", ARCHES):
            continue
        for name, test in vars(module).items():
            if not name.startswith("test_") or only not in f"{file.stem}.{name}":
                continue
            label = f"system/{lab.name}/{file.stem[:-5]}.{name[5:]}"
            try:
                test(lab)
                lab.report.ok(label)
            except module_skip(module) as reason:
                lab.report.skip(label, reason)
            except Exception as error: # whatever one test does, the others run
                lab.report.fail(label, str(error) or type(error).__name__)


def module_skip(module):
    return getattr(module, "Skip", ())


def measure(report, arches):
    """Numbers for the summary, from guest instructions: the same on every machine."""
    import measure as steps
    for arch in arches:
        lab = Lab(arch, report)
        if bootable(report, lab, "measure"):
            steps.run(lab)


def bench(report, arches):
    """The bench's machinery with its shortest rows, on our kernel only."""
    for arch in arches:
        if bootable(report, Lab(arch, report), "bench"):
            command(report, f"bench/{arch}", "bench/run.py", "--arch", arch, "--no-linux", "call: ", "pipe: round trip")


def coverage(report, arches):
    """Which branches of the kernel the tests take (by hand: a quarter of an hour for each processor)."""
    import coverage as counted
    for arch in arches:
        counted.run(report, arch, system_on)


STEPS = {f.__name__: f for f in (rules, build, tidy, unit, ktest, linux, busybox, system, measure, bench)}
BY_HAND = {f.__name__: f for f in (coverage,)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", choices=[*STEPS, *BY_HAND, []], help="default: all but coverage")
    parser.add_argument("--arch", action="append", choices=ARCHES)
    parser.add_argument("--only", default="", help="part of the name of a system test")
    options = parser.parse_args()
    for ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):  # by a shell or nohup for what is below them
        signal.signal(ignored, signal.SIG_DFL)
    report = Report()
    for name in options.steps or STEPS:
        step = STEPS.get(name) or BY_HAND[name]
        with Clock(f"{name}: {step.__doc__.splitlines()[0]}"):
            arguments = {"only": options.only} if name == "system" else {}
            step(report, options.arch or ARCHES, **arguments)
    sys.exit(report.close())


if __name__ == "__main__":
    main()

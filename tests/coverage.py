"""What the tests reach, counted by the kernels of tools/counting.py. A branch is one of the compiler's counters: where two
are known the rest follows, so their number is that of the independent paths. Inline functions of headers are named apart."""
import collections
import pathlib
import subprocess

import counting
from harness import TOP, busybox_cases, cases_on_rundlet, linux_programs


def sources(arch):
    """{a function's symbol: the file that defines it}; several files: an inline function, "headers"."""
    objects = TOP / f"build/{arch}-profile/CMakeFiles/kernel-objects.dir"
    files = {}
    for path in sorted(objects.rglob("*.cpp.obj")):
        source = str(path.relative_to(objects))[:-len(".obj")]
        listed = subprocess.run(["llvm-nm-19", "--defined-only", path], stdout=subprocess.PIPE, text=True, check=True).stdout
        for line in listed.splitlines():
            _, kind, symbol = line.split()
            files[f"{path.name[:-4]};{symbol}" if kind == "t" else symbol] = source if kind in "tT" else "headers"
    return files


def run_tests(lab, system):
    """The steps busybox, linux and system, on the kernel that counts; ktest needs a check kernel."""
    cases, fixture = busybox_cases()
    cases_on_rundlet(lab, cases, fixture, label="busybox")
    programs = linux_programs(lab)
    cases_on_rundlet(lab, [(n, f"/tests/{n}") for n in programs], None,
                     {f"tests/{n}": (file, 0o755) for n, file in programs.items()}, label="linux", cpus=2, capabilities=True)
    system(lab)


def table(counts, files):
    """(lines of the table by folder, lines that name what was never reached)."""
    folders, missed = collections.defaultdict(collections.Counter), []
    for (name, _), values in sorted(counts.items()):
        source = files.get(name, "headers")
        seen = folders[str(pathlib.PurePath(source).parent) if source != "headers" else source]
        ran = sum(1 for v in values if v)
        seen.update(functions=1, ran=int(ran > 0), branches=len(values), taken=ran)
        if ran < len(values):
            missed.append(f"{source}: {ran} of {len(values)}: {name.split(';')[-1]}")
    total = sum(folders.values(), collections.Counter())
    lines = [f"{folder:28} {c['ran']:5} of {c['functions']:5} functions {c['taken']:6} of {c['branches']:6} branches, "
             f"{100 * c['taken'] // c['branches']:3} %" for folder, c in [*sorted(folders.items()), ("all", total)]]
    names = subprocess.run(["llvm-cxxfilt-19"], input="\n".join(missed), stdout=subprocess.PIPE, text=True, check=True).stdout
    return lines, sorted(names.splitlines())


def run(report, arch, system):
    """Prints the table; build/coverage-ARCH.txt has the functions with branches that no test took."""
    counting.build(arch)
    counts = collections.defaultdict(list)
    run_tests(counting.CountingLab(arch, counts, report), system)
    lines, missed = table(counts, sources(arch))
    out = TOP / f"build/coverage-{arch}.txt"
    out.write_text("".join(f"{line}\n" for line in missed))
    print(f"{arch}:", *lines, f"What was not reached: {out.relative_to(TOP)}", sep="\n  ")

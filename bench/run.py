#!/usr/bin/env python3
"""Measures Rundlet beside Debian's Linux in the same QEMU, in guest instructions: see bench/README.md."""
import argparse
import fnmatch
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import boot
import debian
import machines
import table
from lab import TOP, Lab


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=["x86_64", "riscv64"], default="x86_64")
    parser.add_argument("--quick", action="store_true", help="leave out the rows that take long")
    parser.add_argument("--save", action="store_true", help="write docs/performance/bench*.json and the plot")
    parser.add_argument("--no-linux", action="store_true", help="measure Rundlet only")
    parser.add_argument("--one-linux", action="store_true", help="Linux only with mitigations=off")
    parser.add_argument("rows", nargs="*", help="names of rows, * stands for anything; all without")
    options = parser.parse_args()
    lab = Lab(options.arch)
    if not lab.kernel.exists():
        sys.exit(f"bench: {lab.kernel.relative_to(TOP)} does not exist: run `make build ARCH={options.arch}`")
    lab.target.musl()
    programs = machines.Programs(lab)
    patterns = [p if "*" in p else f"*{p}*" for p in options.rows] or ["*"]
    quick = options.quick and not options.rows
    boots = boot.rows(options.arch, quick)
    names = boots + programs.all_rows(quick)
    rows = [row for row in names if any(fnmatch.fnmatchcase(row, p) for p in patterns)]
    if not rows:
        sys.exit("bench: no row has such a name; they are:\n  " + "\n  ".join(names))
    progress = table.progress()

    def measured(meter, name):
        # A curve has the same shape with the mitigations, and takes long.
        wanted = [r for r in rows if r not in boots and not (name == "Linux" and r.startswith("growth: "))]
        return {**meter.boots([r for r in rows if r in boots], lambda missing: boot.measure(meter.side, missing, progress)),
                **meter.measure(wanted, progress)}

    columns = {}
    if options.arch != "x86_64" or options.no_linux:
        pass
    elif not debian.linux_package():
        print(f"bench: the distribution has no package {debian.LINUX}: only Rundlet is measured", file=sys.stderr)
    else:
        for name, words in (("Linux", ""), ("Linux mitigations=off", "mitigations=off")):
            if words or not options.one_linux:
                columns[name] = measured(machines.Kept(machines.Linux(programs, name, words)), name)
    columns["Rundlet"] = measured(machines.Meter(machines.Rundlet(programs)), "Rundlet")
    progress("")
    results = table.Results(options.arch, rows, columns)
    committed = table.committed(options.arch)
    print(results.text(committed))
    if options.save:
        results.save()
    sys.exit(1 if results.failures() else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""clang-tidy with the checks of .clang-tidy, over the layers that the host builds too (tests/unit/CMakeLists.txt) and over
what differs from the branch main; `--all`: over every file of the kernel. A file is looked at again only when it, a header
that it includes or .clang-tidy has changed. Needs a built build/x86_64."""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / "build/x86_64"
STAMPS = TOP / "build/tidy"
MOST_CHANGED = 30


def output(*line):
    return subprocess.run(line, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def on_the_host():
    text = (TOP / "tests/unit/CMakeLists.txt").read_text()
    return set(re.search(r"set\(HOST_SOURCES(.*?)\)", text, re.DOTALL)[1].split())


def changed():
    base = output("git", "merge-base", "main", "HEAD").strip() or "HEAD"
    names = output("git", "diff", "--name-only", base).split() + output("git", "ls-files", "-o", "--exclude-standard").split()
    return set(sorted(names)[:MOST_CHANGED])


def dependencies():
    """{source: every file that it includes}, from the last build."""
    found, current = {}, []
    for line in output("ninja", "-C", str(BUILD), "-t", "deps").splitlines():
        if line.startswith("    "):
            current.append(os.path.normpath(BUILD / line.strip()))
        elif line:
            current = []
            found[line.split(":")[0]] = current
    return {files[0]: files for files in found.values() if files}


def fingerprint(files):
    digest = hashlib.sha256((TOP / ".clang-tidy").read_bytes())
    for file in sorted(files):
        digest.update(file.encode())
        try:
            digest.update(pathlib.Path(file).read_bytes())
        except OSError:
            pass
    return digest.hexdigest()


def check(file, needed):
    """What clang-tidy complains about in a file; empty when it is known to be fine."""
    stamp = STAMPS / file.replace("/", "_")
    mark = fingerprint(needed.get(str(TOP / file), [str(TOP / file)]))
    if str(TOP / file) in needed and stamp.exists() and stamp.read_text() == mark:
        return ""
    done = subprocess.run(["clang-tidy-19", "-p", str(BUILD), "--quiet", file], cwd=TOP, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 0:
        stamp.write_text(mark)
        return ""
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    known = {os.path.relpath(os.path.join(c["directory"], c["file"]), TOP) for c in commands}
    known = {f for f in known if f.endswith(".cpp") and not f.startswith("arch/vdso/")}
    files = sorted(known if options.all else known & (on_the_host() | changed()))
    STAMPS.mkdir(parents=True, exist_ok=True)
    needed = dependencies()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        complaints = [text for text in pool.map(lambda f: check(f, needed), files) if text]
    print("".join(complaints) + f"{len(files)} files, {len(complaints)} with findings")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Checks that the files which documents and comments name are there: `core/wait/mutex.h`, or just mutex.h."""
import pathlib
import re
import subprocess
import sys

NAME = re.compile(r"(?<![\w/.<*{$~%-])\w[\w/.-]*\.(?:h|cpp|S|py|md|txt|cmake)\b(?![\w*/(])")
# Headers of Linux and of the compiler, documents of OCI, what a build makes.
FOREIGN = re.compile(r"(linux|asm|sys|public|build)/|config(-linux)?\.md|ubsan_handlers\.h|tests/fuzz/NAME\.cpp")

top = pathlib.Path(__file__).resolve().parent.parent
files = [f for f in subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=top,
                                   capture_output=True, text=True, check=True).stdout.split() if (top / f).exists()]
known = {"/".join(parts[i:]) for parts in (f.split("/") for f in files) for i in range(len(parts))}
bad = 0
for file in files:
    if not file.endswith((".md", ".h", ".cpp", ".S")) or file.startswith("lib/libcxx/"):
        continue
    for n, line in enumerate((top / file).read_text().splitlines(), 1):
        text = line if file.endswith(".md") else line.partition("//")[2]
        for name in NAME.findall(text):
            if name not in known and not FOREIGN.match(name):
                print(f"{file}:{n}: there is no {name}")
                bad += 1
print(f"documents: {bad} names of files that do not exist")
sys.exit(bad != 0)

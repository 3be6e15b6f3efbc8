#!/usr/bin/env python3
"""Checks the rules of the layout: who may include whom (layers.txt), processor names and assembly only below arch/,
no header of a library that throws or aborts. Of another tree than this one, if its path is given."""
import pathlib
import re
import subprocess
import sys

LIBRARY = r"(string|vector|map|set|unordered_map|unordered_set|functional|format|iostream|sstream|deque|list|mutex|thread" \
          r"|condition_variable|regex|filesystem|stdexcept|any|future|shared_mutex)"
SLOW_IN_HEADERS = r"(algorithm|ranges)"
PROCESSOR = r"__x86_64__|__i386__|__amd64__|__riscv|__aarch64__"

top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
files = [f for f in subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.h", "*.cpp", "*.S"],
                                   cwd=top, capture_output=True, text=True, check=True).stdout.split() if (top / f).exists()]
rules = []  # (pattern as a list of path parts, allowed layers), in the file's order
circles = []  # (line, what is wrong)
for number, line in enumerate((top / "tools/layers.txt").read_text().splitlines(), 1):
    rule = line.split("#")[0]
    if ":" in rule:
        pattern, allowed = rule.split(":")
        above = ["/".join(p) for p, _ in rules]
        circles += [(number, f"{a} stands on no line above") for a in allowed.split()
                    if a != "*" and not any(p == a or p.startswith(a + "/") for p in above)]
        rules.append((pattern.strip().split("/"), allowed.split()))


def layer(path):
    """The layer a path belongs to and what it may include, or None."""
    parts = path.split("/")[:-1]
    for pattern, allowed in rules:
        if len(parts) >= len(pattern) and all(p in ("*", q) for p, q in zip(pattern, parts)):
            return "/".join(parts[:len(pattern)]), allowed
    return None


def complaints(path):
    here = layer(path)
    if not here and any(path.split("/")[0] == pattern[0] for pattern, _ in rules):
        yield 1, "no line of tools/layers.txt is about its folder"
    if not here or path.startswith("lib/libcxx/") or path.endswith("_test.cpp"):
        return
    name, allowed = here
    if path.endswith("_ktest.cpp"):
        allowed = ["*"]
    in_arch = name.startswith("arch/")
    for n, text in enumerate((top / path).read_text().splitlines(), 1):
        if m := re.match(r'\s*#\s*include\s+"([^"]+)"', text):
            there = layer(m[1])
            if m[1].startswith("port/"):
                if not in_arch:
                    yield n, f"{name} may not include {m[1]}: only arch/ sees a port"
            elif not there and not (in_arch and (top / path).with_name(m[1]).exists()):
                yield n, f"{m[1]} is not a path from the root of the repository"
            elif there and there[0] != name and not any(
                    there[0] == a or there[0].startswith(a + "/") for a in allowed) and "*" not in allowed:
                yield n, f"{name} may not include {m[1]}"
        elif m := re.match(r"\s*#\s*include\s+<([^>]+)>", text):
            if re.fullmatch(LIBRARY, m[1]):
                yield n, f"<{m[1]}> throws or aborts: use what lib/ has"
            if path.endswith(".h") and re.fullmatch(SLOW_IN_HEADERS, m[1]):
                yield n, f"<{m[1]}> costs every file that includes this header about a second"
        elif not in_arch:
            if re.match(r"\s*#\s*(el)?if", text) and re.search(PROCESSOR, text):
                yield n, "the processor is named outside arch/"
            if re.search(r"\b(asm|__asm__)\b\s*(volatile|goto)?\s*\(", text) and not text.lstrip().startswith("//"):
                yield n, "assembly outside arch/"


bad = [("tools/layers.txt", *circle) for circle in circles] + [(file, *found) for file in files for found in complaints(file)]
for file, line, what in bad:
    print(f"{file}:{line}: {what}")
print(f"layers: {len(files)} files, {len(bad)} complaints")
sys.exit(bad != [])

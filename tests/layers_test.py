#!/usr/bin/env python3
"""tools/check_layers.py finds what it is there for: a made-up tree with one mistake of each kind, and none besides."""
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent

TREE = {
    "tools/layers.txt": "lib:\narch/api: lib\narch/*: lib arch/api\ncore/low: lib core/high\ncore/high: lib core/low\nfs/*: lib core\n",
    "lib/a.h": "",
    "core/low/up.h": '#include "core/high/b.h"\n#include "fs/one/c.h"\n',
    "core/high/down.cpp": '#include "core/low/up.h"\n#include "lib/a.h"\n',
    "core/high/b.h": "#include <algorithm>\n",
    "core/high/b_test.cpp": '#include "fs/one/c.h"\n#include <vector>\n',
    "core/high/b_ktest.cpp": '#include "fs/one/c.h"\n#include <vector>\n',
    "core/new/d.h": "",
    "core/e.h": "",
    "fs/one/c.h": '#include "core/low/up.h"\n#include "fs/two/f.h"\n',
    "fs/two/f.h": '#include "f.h"\nvoid f() { asm("nop"); }\n#if __riscv\n#endif\n',
    "arch/cpu/g.cpp": '#include "core/low/up.h"\n#include "h.h"\nvoid f() { asm("nop"); }\n',
    "arch/cpu/h.h": "",
    "user/i.cpp": '#include "fs/two/f.h"\n#include <string>\n',
}
EXPECTED = """\
arch/cpu/g.cpp:1: arch/cpu may not include core/low/up.h
core/e.h:1: no line of tools/layers.txt is about its folder
core/high/b.h:1: <algorithm> costs every file that includes this header about a second
core/high/b_ktest.cpp:2: <vector> throws or aborts: use what lib/ has
core/low/up.h:2: core/low may not include fs/one/c.h
core/new/d.h:1: no line of tools/layers.txt is about its folder
fs/one/c.h:2: fs/one may not include fs/two/f.h
fs/two/f.h:1: f.h is not a path from the root of the repository
fs/two/f.h:2: assembly outside arch/
fs/two/f.h:3: the processor is named outside arch/
tools/layers.txt:4: core/high stands on no line above
"""


def complaints(tree):
    """What the check says of a tree of these files; its status must say so, too."""
    with tempfile.TemporaryDirectory(prefix="rundlet-") as made:
        for name, text in tree.items():
            file = pathlib.Path(made) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        subprocess.run(["git", "init", "-q", made], check=True)
        done = subprocess.run([TOP / "tools/check_layers.py", made], stdout=subprocess.PIPE, text=True, check=False)
        *found, _ = sorted(done.stdout.splitlines(), key=lambda line: (line.startswith("layers: "), line))
        return found + ["no status of failure"] * (done.returncode != 1)


def upward():
    """The repository's own lines: in core and in kernel, each room includes one of all those that stand below it there."""
    lines = (TOP / "tools/layers.txt").read_text()
    tree, expected = {"tools/layers.txt": lines}, []
    for above in ("core/", "kernel/"):
        rooms = [line.split(":")[0] for line in lines.splitlines() if line.startswith(above)]
        tree |= {f"{room}/a.h": "" for room in rooms}
        for at, room in enumerate(rooms[:-1]):
            tree[f"{room}/b.cpp"] = "".join(f'#include "{other}/a.h"\n' for other in rooms[at + 1:])
            expected += [f"{room}/b.cpp:{n}: {room} may not include {other}/a.h" for n, other in enumerate(rooms[at + 1:], 1)]
    return tree, expected


wrong = []
for tree, expected in ((TREE, EXPECTED.splitlines()), upward()):
    found = complaints(tree)
    wrong += [f"{'unexpected' if line in found else 'missing'}: {line}" for line in sorted(set(found) ^ set(expected))]
print("\n".join(wrong) or "as expected")
sys.exit(bool(wrong))

#!/usr/bin/env python3
"""tools/check_layers.py finds what it is there for: a made-up tree with one mistake of each kind, and none besides."""
import pathlib
import subprocess
import sys
import tempfile

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

with tempfile.TemporaryDirectory(prefix="rundlet-") as made:
    for name, text in TREE.items():
        file = pathlib.Path(made) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    subprocess.run(["git", "init", "-q", made], check=True)
    check = pathlib.Path(__file__).resolve().parent.parent / "tools/check_layers.py"
    done = subprocess.run([check, made], stdout=subprocess.PIPE, text=True, check=False)
    *found, _ = sorted(done.stdout.splitlines(), key=lambda line: (line.startswith("layers: "), line))
    wrong = sorted(set(found) ^ set(EXPECTED.splitlines()))
    print("\n".join(f"{'unexpected' if line in found else 'missing'}: {line}" for line in wrong) or "as expected")
    sys.exit(bool(wrong) or done.returncode != 1)

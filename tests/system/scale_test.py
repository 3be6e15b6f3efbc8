"""Many of a thing at once. SCALE=10000 tests/run.py system --only scale is the long run; it needs a machine of 4 GiB."""
import os
import re

from harness import TOP
from host_test import run

SCALE = int(os.environ.get("SCALE", 500))
MEMORY = "4G" if SCALE > 5000 else "1G"


def test_processes_at_scale(lab):
    """Processes that wait, all killed at once; the shell reaps them."""
    tree = lab.tree()
    script = (f"i=0; while [ $i -lt {SCALE} ]; do sleep 100000 & i=$((i+1)); done; ls /proc | grep -c '^[0-9]';"
              "kill -9 $(jobs -p); wait; ls /proc | grep -c '^[0-9]'; exit 7")
    lab.bundle(tree, "many", ["sh", "-c", script], edit=lambda c: c["linux"].update(resources={"pids": {"limit": SCALE + 50}}))
    with lab.boot(tree, append="-- bundle /bundles/many", label="many-processes", memory=MEMORY) as vm:
        assert vm.wait(60 + SCALE // 10) == 7, vm.tail()
        before, after = (int(n) for n in re.findall(r"^(\d+)\r?$", vm.text, re.M))
        assert before >= SCALE and after <= 5, vm.tail()


def test_containers_at_scale(lab):
    """Containers that wait; one more is as usable as the first; all memory comes back."""
    tree = lab.tree()
    lab.bundle(tree, "waits", ["sleep", "100000"], edit=lambda c: c["process"].update(terminal=False))
    lab.bundle(tree, "speaks", ["echo", "one more"], edit=lambda c: c["process"].update(terminal=False))
    each = "i=0; while [ $i -lt $1 ]; do ctr {} c$i || exit 1; i=$((i+1)); done"
    tree.text("make.sh", each.format("create -b /bundles/waits") + "\n" + each.format("start") + "\n")
    tree.text("delete.sh", each.format("delete -f") + "\ngrep MemFree /proc/meminfo\n")
    with lab.boot(tree, append="-- run /bin/sesh", label="many-containers", memory=MEMORY) as vm:
        vm.expect("sesh> ", 60)

        def rounds(n, limit):
            assert "ctr:" not in run(vm, f"sh /make.sh {n}", limit), vm.tail()
            assert "one more" in run(vm, "ctr run -b /bundles/speaks more", 60), vm.tail()
            return int(re.search(r"MemFree: +(\d+)", run(vm, f"sh /delete.sh {n}", limit))[1])
        before = rounds(50, 60)
        after = rounds(SCALE, 60 + SCALE // 10)
        assert before - after < 2 * SCALE + 1024, f"{before} kB free before {SCALE} containers, {after} kB after"


def test_connections_at_scale(lab):
    """Ten thousand connections and a thousand listeners in 128 MiB; many short ones without running out of ports or memory."""
    program = lab.target.program("connections", [TOP / "tests/programs/connections.cpp"], lab.target.out / "tests/connections",
                                 [TOP / "tests/linux/check.h", TOP / "tests/linux/inet.h"])
    short = 100_000 if SCALE > 5000 else 10_000
    tree = lab.tree()
    lab.bundle(tree, "many", ["sh", "-c", f"/connections open 10000 1000 && /connections short {short} && exit 7"],
               {"connections": (program, 0o755)},
               lambda c: c["process"].update(rlimits=[{"type": "RLIMIT_NOFILE", "hard": 25_000, "soft": 1024}]))
    with lab.boot(tree, append="-- bundle /bundles/many", label="many-connections", memory="128M") as vm:
        assert vm.wait(900) == 7, vm.tail()
        idle = re.search(r"(\d+) bytes for each idle connection", vm.text)[1]
        lab.report.number(f"{lab.name}: memory of an idle TCP connection, both ends", f"{idle} bytes")

"""System calls with arguments that are nearly right (tests/fuzz/syscalls), in the check kernel, as root and as a user, while
another container goes on with its work. FUZZ gives the seconds (default 30; by hand 1800), FUZZ_SEED the first round's
number: a round of that number makes the same calls again."""
import os
import re
import time

from harness import CAPABILITIES, TOP, Lab, pointer_rows
from host_test import run

NEIGHBOUR = """cd /tmp; n=0
while :; do
  seq 100 | sort -n | tail -1 > last; [ "$(cat last)" = 100 ] || { echo wrong: $(cat last); exit 1; }
  n=$((n+1)); echo $n > next; mv next rounds; sleep 0.05
done"""
STRETCH = 5  # seconds for which one container is fuzzed


def program(lab):
    folder = TOP / "tests/fuzz/syscalls"
    headers = [*folder.glob("*.h"), TOP / "tests/linux/raw_call.h", *pointer_rows()]
    return lab.target.program("fuzz-syscalls", sorted(folder.glob("*.cpp")), lab.target.out / "tests/fuzz-syscalls", headers)


def limited(config):
    every = {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}
    config["process"].update(terminal=False, capabilities=every)
    config["linux"]["resources"].update(memory={"limit": 96 << 20}, pids={"limit": 200})


def test_system_calls(lab):
    seconds, seed = int(os.environ.get("FUZZ", "30")), int(os.environ.get("FUZZ_SEED") or time.time())
    lab = Lab(lab.arch, lab.report, variant="check")
    tree = lab.tree()
    lab.bundle(tree, "fuzz", ["/fuzz"], {"fuzz": (program(lab), 0o755)}, edit=limited)
    lab.bundle(tree, "neighbour", ["sh", "-c", NEIGHBOUR], edit=lambda c: c["process"].update(terminal=False))
    print(f"       FUZZ_SEED={seed}", flush=True)
    with lab.boot(tree, append="-- run /bin/sesh", label="fuzz", cpus=int(os.environ.get("FUZZ_CPUS", "2")), memory="512M") as vm:
        vm.expect("sesh> ", 120)
        run(vm, "ctr create -b /bundles/neighbour neighbour", 60)
        run(vm, "ctr start neighbour", 60)

        def neighbours_rounds():
            text = run(vm, "ctr exec neighbour sh -c 'until cat /tmp/rounds 2>/dev/null; do sleep 0.1; done'", 120)
            assert (found := re.search(r"^(\d+)", text, re.MULTILINE)), vm.tail(40)
            return int(found[1])
        before, end, user, rounds = neighbours_rounds(), time.monotonic() + seconds, 0, 0
        while time.monotonic() < end:
            text = run(vm, f"ctr run -b /bundles/fuzz fuzz /fuzz {STRETCH} {seed + rounds} {user}", 300)
            assert (done := re.search(r"fuzz: (\d+) rounds, user \d+: ended", text)), vm.tail(60)
            now = neighbours_rounds()
            assert now > before, f"the other container has stopped at {now}:\n{vm.tail(40)}"
            before, user, rounds = now, 1000 - user, rounds + int(done[1])
        assert "wrong:" not in vm.text, vm.tail(40)
        run(vm, "ctr delete -f neighbour", 60)
    lab.report.number(f"{lab.name}: rounds of the system call fuzzer", rounds)

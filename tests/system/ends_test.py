"""The ends of processes and containers, at random moments and all at once, in the check kernel (KASan, UBSan, lock order): threads,
execs, timers and children killed while others read their /proc, and containers that are executed in, killed and deleted while
they end. Half of the time allocations of containers fail at random. STRESS gives the seconds (default 10; a release wants 600)."""
import os

from harness import TOP, Lab
from host_test import run

CHURN = """end=$(($(date +%s) + $1)); one=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
big=$(i=0; while [ $i -lt 200 ]; do echo -n "$one "; i=$((i+1)); done)
churn() {
  c=churn$1; n=$1
  while [ $(date +%s) -lt $end ]; do
    ctr create -b /bundles/ends $c /ends quick $((n * 37 % 20000)); ctr start $c
    ctr exec $c /ends quick 10 $big &
    ctr exec $c /ends quick 10 $big &
    case $((n % 5)) in
      0) ctr kill $c KILL & ;;
      1) ctr delete -f $c & ;;
      2) ctr state $c & ctr list & ;;
      3) ctr start $c & ctr create -b /bundles/ends $c /ends quick 10 & ;;
    esac
    ctr exec $c /ends quick 10
    wait
    ctr delete -f $c; n=$((n + 1))
  done >/dev/null 2>&1
  echo churned $((n - $1))
}
ctr create -b /bundles/ends load /ends $1 $2 && ctr start load || exit
echo $3 > /proc/fail-rate
churn 1 & churn 2 &
wait
ctr wait load; ctr delete -f load
echo 0 > /proc/fail-rate
"""


def boot_and_end(lab, tree, seconds, cpus, seed):
    with lab.boot(tree, append="-- run /bin/sesh", label=f"ends-{cpus}", cpus=cpus, memory="512M") as vm:
        vm.expect("sesh> ", 120)
        for rate in (0, 400):
            text = run(vm, f"sh /churn.sh {seconds / 2:.0f} {seed + rate} {rate}", seconds * 3 + 400)
            assert "all ended" in text, vm.tail(60)
            assert text.count("churned") == 2 and "churned 0" not in text, vm.tail(60)
        assert run(vm, "ctr list").strip() == "[]", vm.tail(60)
        vm.send("exit 0\n")
        assert vm.wait(60) == 0, vm.tail(60)


def test_ends(lab):
    seconds = int(os.environ.get("STRESS", "0"))
    lab = Lab(lab.arch, lab.report, variant="check")
    program = lab.target.program("test-ends", [TOP / "tests/programs/ends.cpp"], lab.target.out / "tests/ends")
    tree = lab.tree()
    lab.bundle(tree, "ends", ["/ends"], {"ends": (program, 0o755)}, lambda c: c["process"].update(terminal=False))
    tree.text("churn.sh", CHURN)
    if not seconds:
        return boot_and_end(lab, tree, 10, 4 if lab.arch == "x86_64" else 2, 1)
    for n in range(max(1, seconds // 60)):
        boot_and_end(lab, tree, min(seconds, 60), (2, 4, 1, 8, 3)[n % 5], n * 1000 + 7)

"""Two containers and the host world at work at once on 4 CPUs, Linux's ABI and the Host ABI side by side, in the check kernel
(KASan, UBSan, lock order): not one report. SOAK gives the seconds (default 20; a release wants 600)."""
import os
import re

from harness import Lab
from host_test import run

WORK = """cd /tmp; n=0
while :; do
  mkdir -p d; for i in 1 2 3 4 5; do seq 200 > d/$i; done; cat d/* | sort -n | uniq -c | wc -l > count
  tar cf t.tar d; rm -rf d; tar xf t.tar; md5sum t.tar | cut -c1-8 > sum; (sleep 0.01 & wait)
  awk 'BEGIN { for (i = 0; i < 2000; i++) s += i; print s }' > awk; sh -c 'kill -9 $$' 2>/dev/null
  [ "$(cat count)" = 200 ] && [ "$(cat awk)" = 1999000 ] || { echo wrong: $(cat count awk); exit 1; }
  n=$((n+1)); echo $n > next; mv next rounds
done"""
HOST = """end=$(($(date +%s) + $1)); n=0
while [ $(date +%s) -lt $end ]; do
  stress 8 /bin/loop 20000 || exit 1
  ctr run -b /bundles/quick q$n || exit 1
  ctr exec one true || exit 1
  n=$((n+1))
done
echo host rounds: $n"""


def test_soak(lab):
    seconds = int(os.environ.get("SOAK", "20"))
    lab = Lab(lab.arch, lab.report, variant="check")
    tree = lab.tree()
    for name, script in (("one", WORK), ("two", WORK), ("quick", "true")):
        lab.bundle(tree, name, ["sh", "-c", script], edit=lambda c: c["process"].update(terminal=False))
    tree.text("work.sh", HOST)
    with lab.boot(tree, append="-- run /bin/sesh", label="soak", cpus=4, memory="512M") as vm:
        vm.expect("sesh> ", 120)
        for name in ("one", "two"):
            run(vm, f"ctr create -b /bundles/{name} {name}", 60)
            run(vm, f"ctr start {name}", 60)
        text = run(vm, f"sh /work.sh {seconds}", seconds * 3 + 300)
        assert "host rounds:" in text, vm.tail(40)
        for name in ("one", "two"):
            assert re.search(r"^\d+", run(vm, f"ctr exec {name} cat /tmp/rounds", 60)), vm.tail(40)
            run(vm, f"ctr delete -f {name}", 60)
        assert "wrong:" not in vm.text, vm.tail(40)

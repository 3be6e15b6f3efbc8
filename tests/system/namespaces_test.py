"""Namespaces that a config.json says something about: clocks with offsets."""
import re
import subprocess

from harness import TOP, Lab
from host_test import run

OFFSETS = {"monotonic": {"secs": 5_000_000}, "boottime": {"secs": 9_000_000, "nanosecs": 0}}


def program(lab, name):
    return lab.target.program(f"test-{name}", [TOP / f"tests/programs/{name}.cpp"], lab.target.out / f"tests/{name}",
                              [TOP / "tests/linux/check.h"])


def on_linux(name, *arguments):
    """What the program says on this machine's Linux, which must find nothing wrong."""
    done = subprocess.run([program(Lab("x86_64"), name), *arguments], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def namespaces(config, **entries):
    """Gives the config entries of these types, with a path where one is given."""
    for kind, path in entries.items():
        config["linux"]["namespaces"].append({"type": kind} | ({"path": path} if path else {}))


# In a bundle's config.json, @ becomes the number of a container's process: sh /share.sh CONTAINER BUNDLE
SHARE = """pid=$(ctr state $1 | tr ',{' '\\n\\n' | sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p')
sed -i "s|/proc/@/|/proc/$pid/|" /bundles/$2/config.json
"""


def test_time_offsets(lab):
    """Clocks of a container are ahead by what its config.json says, by calls and by the vDSO, and Linux's as well."""
    expected = on_linux("time_offsets", "5000000", "9000000", "enter")

    def ahead(config, path=None, offsets=OFFSETS):
        namespaces(config, time=path)
        config["linux"]["timeOffsets"] = offsets
        config["process"]["capabilities"] = {k: ["CAP_SYS_TIME"] for k in ("bounding", "effective", "permitted")}

    tree = lab.tree()
    files = {"time_offsets": (program(lab, "time_offsets"), 0o755)}
    lab.bundle(tree, "ahead", ["/time_offsets", "5000000", "9000000"], files, ahead)
    lab.bundle(tree, "waits", ["sleep", "1000"], edit=lambda c: (ahead(c), c["process"].update(terminal=False)))
    lab.bundle(tree, "shares", ["sh", "-c", "cut -d. -f1 /proc/uptime; readlink /proc/self/ns/time"],
               edit=lambda c: namespaces(c, time="/proc/@/ns/time"))
    tree.text("share.sh", SHARE)
    lab.bundle(tree, "not", ["/time_offsets", "0", "0"], files, lambda c: ahead(c, offsets={}))
    lab.bundle(tree, "before", ["true"], edit=lambda c: ahead(c, offsets={"boottime": {"secs": -1000}}))
    with lab.boot(tree, append="-- run /bin/sesh", label="time", cpus=2) as vm:
        vm.expect("sesh> ", 60)
        text = run(vm, "ctr run -b /bundles/ahead ahead").replace("\r", "")
        assert expected in text, text
        assert "time_offsets: ok" in run(vm, "ctr run -b /bundles/not not"), vm.tail()
        assert "ctr" not in run(vm, "ctr create -b /bundles/waits waits") + run(vm, "sh /share.sh waits shares"), vm.tail()
        uptime, number = run(vm, "ctr run -b /bundles/shares shares").split()
        assert 9_000_000 <= int(uptime) < 9_001_000, vm.tail()
        first = run(vm, "sh -c 'readlink /proc/self/ns/time'").strip()
        assert first == "time:[4026531834]" and re.fullmatch(r"time:\[\d+\]", number) and number != first, vm.tail()
        assert "linux.timeOffsets: a clock would show less than 0" in run(vm, "ctr run -b /bundles/before before"), vm.tail()

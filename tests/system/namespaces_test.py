"""Namespaces that a config.json says something about: clocks with offsets, users with maps."""
import re
import subprocess
import tempfile

from harness import CAPABILITIES, TOP, Lab
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


def users(config, uid=100_000, gid=300_000, path=None):
    """A user namespace with a map of 1,000 IDs and one of 5000 beside, or that of another process."""
    namespaces(config, user=path)
    if not path:
        for name, first in ("uidMappings", uid), ("gidMappings", gid):
            config["linux"][name] = [{"containerID": 0, "hostID": first, "size": 1000},
                                     {"containerID": 5000, "hostID": first + 100_000, "size": 1}]
    config["process"].update(cwd="/", capabilities={k: CAPABILITIES for k in ("bounding", "effective", "permitted")})


def test_user_maps(lab):
    """Inside of a user namespace all is as on Linux."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        subprocess.run(["chmod", "755", scratch], check=True)
        expected = on_linux("user_map", f"{scratch}/own", f"{scratch}/others", "enter")

    def edit(config):
        users(config)
        config["mounts"].append({"destination": "/own", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]})

    tree = lab.tree()
    there = program(lab, "user_map")
    lab.bundle(tree, "map", ["/user_map", "/own", "/others"],
               {"user_map": (there, 0o755), "others/program": (there, 0o4755), "others/plain": ("x", 0o644),
                "others/secret": ("x", 0o600)}, edit)
    with lab.boot(tree, append="-- bundle /bundles/map", label="user-map", cpus=2) as vm:
        assert vm.wait(120) == 0 and expected in vm.text.replace("\r", ""), f"{expected}\n{vm.tail(40)}"


def test_users_of_containers(lab):
    """What a container gets belongs to its root, who is nobody to the machine and to other containers."""
    show = "id -u; stat -c %u:%g /dev /dev/null /dev/console /dev/pts/ptmx /tmp /proc/1 /etc/hostname; " \
           "tr -s ' ' </proc/self/uid_map; readlink /proc/self/ns/user"
    tree = lab.tree()
    quiet = {"terminal": False}
    lab.bundle(tree, "one", ["sleep", "1000"], edit=lambda c: (users(c), c["process"].update(quiet)))
    lab.bundle(tree, "first", ["sh", "-c", show], edit=users)
    lab.bundle(tree, "second", ["sh", "-c", show], edit=lambda c: users(c, 500_000, 600_000))
    lab.bundle(tree, "shares", ["sh", "-c", show], edit=lambda c: users(c, path="/proc/@/ns/user"))
    lab.bundle(tree, "plain", ["sh", "-c", show])
    lab.bundle(tree, "nobody", ["true"], edit=lambda c: (users(c), c["process"]["user"].update(uid=70_000)))
    tree.text("share.sh", SHARE)
    with lab.boot(tree, append="-- run /bin/sesh", label="users", cpus=2) as vm:
        vm.expect("sesh> ", 60)

        def shown(bundle):
            return run(vm, f"ctr run -b /bundles/{bundle} {bundle}").replace("\r", "").split("\n")

        def mapped(first):
            return ["0", *["0:0"] * 6, "65534:65534", f" 0 {first} 1000", f" 5000 {first + 100_000} 1"]

        def number(lines):
            return int(re.fullmatch(r"user:\[(\d+)\]", lines[10])[1])

        first, second = shown("first"), shown("second")
        assert first[:10] == mapped(100_000) and second[:10] == mapped(500_000), vm.tail(40)
        assert number(first) != number(second), vm.tail(40)
        text = run(vm, "ctr create -b /bundles/one one") + run(vm, "ctr start one") + run(vm, "sh /share.sh one shares")
        assert "ctr" not in text, vm.tail()
        pid = re.search(r'"pid": ?(\d+)', run(vm, "ctr state one"))[1]
        assert re.search(r"Uid:\t100000\t100000", run(vm, f"cat /proc/{pid}/status")), vm.tail()
        shares, theirs = shown("shares"), run(vm, f"sh -c 'readlink /proc/{pid}/ns/user'").strip()
        assert shares[:11] == [*mapped(100_000), theirs], vm.tail(40)
        plain = shown("plain")
        assert plain[:9] == ["0", *["0:0"] * 7, " 0 0 4294967295"] and plain[9] == "user:[4026531837]", vm.tail(40)
        assert "process.user.uid: 70000 has no mapping" in run(vm, "ctr run -b /bundles/nobody nobody"), vm.tail()

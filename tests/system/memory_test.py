"""Who loses what when the machine's memory is gone."""
import re

from harness import TOP
from host_test import run


def hog(lab, tree, name, words, limit=None):
    program = lab.target.program("test-hog", [TOP / "tests/programs/hog.cpp"], lab.target.out / "tests/hog")

    def edit(config):
        config["process"].update(terminal=False)
        if limit:
            config["linux"]["resources"]["memory"] = {"limit": limit << 20}
    lab.bundle(tree, name, ["/hog", *words], {"hog": (program, 0o755)}, edit)


def test_neighbours(lab):
    """Containers without a limit take all there is, as pages of their first process and as a file: they end. Neighbours
    within their limits lose nothing, the host world goes on, and the memory comes back."""
    tree = lab.tree()
    hog(lab, tree, "pages", ["pages"])
    hog(lab, tree, "file", ["file"])
    for name in ("left", "right"):
        hog(lab, tree, name, ["child", "16"], limit=32)
    with lab.boot(tree, append="-- run /bin/sesh", label="neighbours", cpus=2, memory="192M") as vm:
        vm.expect("sesh> ", 60)
        for name in ("left", "right"):
            run(vm, f"ctr create -b /bundles/{name} {name}")
            run(vm, f"ctr start {name}")
        run(vm, "sleep 1")
        before = free(vm)
        for name in ("pages", "file"):
            text = run(vm, f"ctr run -b /bundles/{name} {name}", 120)
            assert f"out of memory: container {name} owns" in text and "(hog, " in text, vm.tail()
        assert run(vm, "ctr list").count("running") == 2 and "child is gone" not in vm.text, vm.tail()
        assert vm.text.count("out of memory") == 2, vm.tail(40)
        assert abs(free(vm) - before) < 1024, f"{before} kB free before, {free(vm)} kB after"
        for name in ("left", "right"):
            run(vm, f"ctr delete -f {name}")
        assert "left" not in run(vm, "ctr list"), vm.tail()


def free(vm):
    return int(re.search(r"MemFree: +(\d+)", run(vm, "cat /proc/meminfo"))[1])


def both(one, other):
    """Two texts in any order."""
    return f"{one}.*{other}|{other}.*{one}"


def test_more_promised_than_there_is(lab):
    """The limits of several containers add up to more than the machine has: the largest loses its largest process, and
    only as many as it takes."""
    tree = lab.tree()
    for name, size in (("small", 20), ("middle", 70), ("large", 90)):
        hog(lab, tree, name, ["child", str(size)], limit=100)
    with lab.boot(tree, append="-- run /bin/sesh", label="promised", memory="160M") as vm:
        vm.expect("sesh> ", 60)
        for name, says in (("small", "holds 20"), ("large", "holds 90"), ("middle", both("holds 70", "my child is gone"))):
            run(vm, f"ctr create -b /bundles/{name} {name}")
            run(vm, f"ctr start {name}")
            vm.expect(says, 60)
        run(vm, "sleep 1")
        assert vm.text.count("my child is gone") == 1 and "container large owns" in vm.text, vm.tail(40)


def test_two_at_once(lab):
    """Two containers take what only one can have, both at the same moment: one of them loses one process."""
    tree = lab.tree()
    for name in ("left", "right"):
        hog(lab, tree, name, ["child", "80"], limit=100)
    with lab.boot(tree, append="-- run /bin/sesh", label="at-once", cpus=2, memory="160M") as vm:
        vm.expect("sesh> ", 60)
        for what in ("create -b /bundles/left left", "create -b /bundles/right right", "start left", "start right"):
            run(vm, f"ctr {what}")
        vm.expect(both("holds 80", "my child is gone"), 60)
        run(vm, "sleep 1")
        assert vm.text.count("my child is gone") == vm.text.count("killed its process") == 1, vm.tail(40)


def test_names_go_first(lab):
    """Names that nobody uses are given back before anybody is killed, and looked up again when they are wanted."""
    tree = lab.tree()
    script = "i=0; while [ $i -lt 6000 ]; do [ -e /missing$i ]; i=$((i+1)); done; echo looked; while :; do sleep 1; done"
    lab.bundle(tree, "names", ["sh", "-c", script], edit=lambda config: config["process"].update(terminal=False))
    hog(lab, tree, "pages", ["pages"])
    with lab.boot(tree, append="-- run /bin/sesh", label="names") as vm:
        vm.expect("sesh> ", 60)
        for what in ("create -b /bundles/names names", "start names"):
            run(vm, f"ctr {what}")
        vm.expect("looked", 60)
        cached = [int(re.search(r"(\d+)\t\d+\t45", run(vm, "cat /proc/sys/fs/dentry-state"))[1])]
        assert "out of memory: container pages owns" in run(vm, "ctr run -b /bundles/pages pages", 60), vm.tail()
        cached.append(int(re.search(r"(\d+)\t\d+\t45", run(vm, "cat /proc/sys/fs/dentry-state"))[1]))
        assert cached[0] > 6000 and cached[1] < 1000, cached


def test_limit(lab):
    """A container at its limit loses its own largest process, its first one included."""
    tree = lab.tree()
    hog(lab, tree, "pages", ["pages"], limit=24)
    with lab.boot(tree, append="-- run /bin/sesh", label="at-limit") as vm:
        vm.expect("sesh> ", 60)
        text = run(vm, "ctr run -b /bundles/pages pages", 60)
        assert "container pages is at its memory limit of 24 MiB: killed its process" in text, vm.tail()

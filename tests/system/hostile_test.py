"""Bundles that are refused: the error names the field and the value, and nothing is left behind."""
import json
import re

from host_test import run


def without_terminal(change):
    """A container that sesh can start beside itself."""
    def edit(c):
        c["process"].update(terminal=False)
        change(c)
    return edit


def config(change):
    return lambda tree, lab, base: lab.bundle(tree, base, ["true"], edit=without_terminal(change))


def with_file(path, *entry):
    """A bundle whose `path` is something else: ("link", target), ("text", contents), ("directory",)."""
    def add(tree, lab, base):
        lab.bundle(tree, base, ["true"])
        for old in [p for p in tree.entries if p == f"bundles/{base}/{path}" or p.startswith(f"bundles/{base}/{path}/")]:
            del tree.entries[old]
        getattr(tree, entry[0])(f"bundles/{base}/{path}", *entry[1:])
    return add


def linked_root(target, root="rootfs"):
    def add(tree, lab, base):
        with_file("rootfs", "link", target)(tree, lab, base)
        tree.text(f"bundles/{base}/config.json",
                  tree.entries[f"bundles/{base}/config.json"][1].decode().replace('"path": "rootfs"', f'"path": "{root}"'))
    return add


def mounted(destination, kind="tmpfs", **more):
    return config(lambda c: c["mounts"].append({"destination": destination, "type": kind, "source": kind, **more}))


# name: (what makes the bundle, what the error says)
REFUSED = {
    "no-version": (config(lambda c: c.pop("ociVersion")), "ociVersion: is missing"),
    "strange-version": (config(lambda c: c.update(ociVersion="99.0.0")), 'ociVersion: "99.0.0" is not supported'),
    "version-number": (config(lambda c: c.update(ociVersion=1)), "ociVersion: 1 is not a string"),
    "no-process": (config(lambda c: c.pop("process")), "process: is missing"),
    "process-a-list": (config(lambda c: c.update(process=[])), "process: [...] is not an object"),
    "args-not-a-list": (config(lambda c: c["process"].update(args="sh")), 'process.args: "sh" is not an array'),
    "args-empty": (config(lambda c: c["process"].update(args=[])), "process.args"),
    "args-too-long": (config(lambda c: c["process"].update(args=["x" * 500_000])), "process.args"),
    "program-missing": (config(lambda c: c["process"].update(args=["/nothing"])), 'process.args[0]: "/nothing"'),
    "program-a-folder": (config(lambda c: c["process"].update(args=["/etc"])), 'process.args[0]: "/etc"'),
    "cwd-relative": (config(lambda c: c["process"].update(cwd="x")), 'process.cwd: "x"'),
    "cwd-a-file": (config(lambda c: c["process"].update(cwd="/etc/passwd")), 'process.cwd: "/etc/passwd"'),
    "uid-text": (config(lambda c: c["process"]["user"].update(uid="root")), 'process.user.uid: "root" is not a number'),
    "uid-too-big": (config(lambda c: c["process"]["user"].update(uid=1 << 32)), "process.user.uid: 4294967296 is not in"),
    "rlimit-unknown": (config(lambda c: c["process"].update(rlimits=[{"type": "RLIMIT_X", "hard": 1, "soft": 1}])),
                       'process.rlimits[0].type: "RLIMIT_X"'),
    "apparmor": (config(lambda c: c["process"].update(apparmorProfile="x")), 'process.apparmorProfile: "x"'),
    "seccomp": (config(lambda c: c["linux"].update(seccomp={"defaultAction": "SCMP_ACT_ERRNO"})), "linux.seccomp.defaultAction: \"SCMP_ACT_ERRNO\""),
    "host-name-long": (config(lambda c: c.update(hostname="h" * 65)), 'hostname: "hhhhhhhh'),
    "no-root": (config(lambda c: c.pop("root")), "root: is missing"),
    "root-text": (config(lambda c: c.update(root="rootfs")), 'root: "rootfs" is not an object'),
    "root-outside": (config(lambda c: c["root"].update(path="../../bin")), 'root.path: "../../bin" leaves the bundle'),
    "root-up-and-down": (config(lambda c: c["root"].update(path="rootfs/../../busybox/rootfs")), "leaves the bundle"),
    "root-missing": (config(lambda c: c["root"].update(path="nothing")), 'root.path: "nothing": no such file'),
    "root-absolute": (config(lambda c: c["root"].update(path="/bin")), 'root.path: "/bin": leaves the bundle'),
    "root-a-file": (config(lambda c: c["root"].update(path="config.json")), 'root.path: "config.json": not a directory'),
    "root-link-absolute": (linked_root("/bin"), 'root.path: "rootfs": leaves the bundle'),
    "root-link-up": (linked_root("../busybox/rootfs"), 'root.path: "rootfs": leaves the bundle'),
    "root-link-within": (linked_root("..", "rootfs/busybox/rootfs"), 'root.path: "rootfs/busybox/rootfs": leaves the bundle'),
    "root-link-loop": (linked_root("rootfs"), 'root.path: "rootfs": too many'),
    "mounts-an-object": (config(lambda c: c.update(mounts={})), "mounts: {...} is not an array"),
    "mount-unknown": (mounted("/x", "ext4"), '"ext4" on "/x"'),
    "mount-on-a-file": (mounted("/etc/passwd"), '"tmpfs" on "/etc/passwd"'),
    "mount-empty": (mounted(""), '.destination: "" is empty'),
    "mount-long": (mounted("/" + "d/" * 3000), "mounts["),
    "mount-long-name": (mounted("/" + "d" * 300), "mounts["),
    "bind-nothing": (mounted("/x", "bind", source="/nothing"), '"bind" on "/x"'),
    "bind-option": (mounted("/x", "bind", options=["size=1m"]), ".options: [...]"),
    "broken": (with_file("config.json", "text", '{"ociVersion": "1.0.2", "process": '), "config.json: line 1"),
    "deep": (with_file("config.json", "text", '{"a":' * 100_000), "config.json: line 1 is nested deeper than 64"),
    "twice": (with_file("config.json", "text", '{"root": {}, "root": {}}'), '"root" stands twice'),
    "not-text": (with_file("config.json", "text", "\x7fELF\0\0"), "config.json: line 1"),
    "empty-config": (with_file("config.json", "text", ""), "config.json: line 1"),
    "config-a-folder": (with_file("config.json", "directory"), "config.json"),
    "config-a-device": (with_file("config.json", "link", "/dev/zero"), "config.json: is not a regular file"),
    "config-a-loop": (with_file("config.json", "link", "config.json"), "config.json: too many"),
    "config-missing": (lambda tree, lab, base: tree.directory(f"bundles/{base}"), "config.json: no such file"),
    "no-bundle": (lambda tree, lab, base: None, 'the bundle "/bundles/no-bundle": no such file'),
    # Made in the machine: 100 MB would be long to load.
    "config-huge": (lambda tree, lab, base: tree.directory(f"bundles/{base}"), "config.json: 104857600 bytes, at most 1048576"),
    "config-fifo": (lambda tree, lab, base: tree.directory(f"bundles/{base}"), "config.json: is not a regular file"),
}

SCRIPT = """for name in $*; do
    echo "== $name"
    ctr create -b /bundles/$name c 2>&1 && ctr delete -f c && echo CREATED
done
echo "== end"
ctr list
grep MemFree /proc/meminfo
"""


def test_refused_bundles(lab):
    """Each is refused with an error that names the field and the value; the memory comes back."""
    tree = lab.tree()
    for name, (make, _) in REFUSED.items():
        make(tree, lab, name)
    tree.text("refused.sh", SCRIPT)
    with lab.boot(tree, append="-- run /bin/sesh", label="refused", memory="192M") as vm:
        vm.expect("sesh> ", 60)
        run(vm, "busybox truncate -s 100M /bundles/config-huge/config.json")
        run(vm, "busybox mkfifo /bundles/config-fifo/config.json")
        line = "sh /refused.sh " + " ".join(REFUSED)
        first = run(vm, line, 120)
        said = {name: text.strip() for name, text in re.findall(r"== (\S+)\n(.*?)(?=== )", first, re.DOTALL)}
        wrong = [f"{name}: {said.get(name)!r} instead of {want!r}" for name, (_, want) in REFUSED.items()
                 if want not in said.get(name, "") or "CREATED" in said[name]]
        assert not wrong, "\n".join(wrong)
        second = run(vm, line, 120)
        assert json.loads(re.search(r"== end\n(.*?)MemFree", second, re.DOTALL)[1]) in ([], {}), second[-400:]
        before, after = (int(re.search(r"MemFree: +(\d+)", text)[1]) for text in (first, second))
        assert abs(before - after) <= 64, f"{before} kB free after the first round, {after} kB after the second"


def test_ids(lab):
    """An id that is taken is refused and its container lives on; ids are names, not paths."""
    tree = lab.tree()
    lab.bundle(tree, "good", ["true"], edit=without_terminal(lambda c: None))
    with lab.boot(tree, append="-- run /bin/sesh", label="ids") as vm:
        vm.expect("sesh> ", 60)
        assert run(vm, "ctr create -b /bundles/good one") == "", vm.tail()
        for _ in range(3):
            assert 'the id "one" is taken' in run(vm, "ctr create -b /bundles/good one"), vm.tail()
        for name in ("''", "..", "a/b", "a\\ b", "x" * 1025):
            assert " is not 1 to 1024 of letters" in run(vm, f"ctr create -b /bundles/good {name}"), f"{name}: {vm.tail()}"
        assert json.loads(run(vm, "ctr state one"))["status"] == "created", vm.tail()
        assert len(json.loads(run(vm, "ctr list"))) == 1, vm.tail()
        run(vm, "ctr delete -f one")
        assert json.loads(run(vm, "ctr list")) in ([], {}), vm.tail()


def test_links_in_the_root(lab):
    """Mounts through links of the image end in the image, whatever these name."""
    tree = lab.tree()
    links = {"up": "../../../..", "root": "/", "bundles": "/bundles", "loop": "loop", "old": "../busybox"}

    def edit(c):
        c["mounts"] += [{"destination": f"/{name}/made-by-{name}", "type": "tmpfs", "source": f"from-{name}"}
                        for name in ("up", "root")]
        c["mounts"] += [{"destination": "/../../dots", "type": "tmpfs", "source": "from-dots"}]
        c["linux"].update(maskedPaths=["/up/etc/passwd", "/loop/x"], readonlyPaths=["/up/../../etc", "/loop"])
    script = "grep -c from- /proc/mounts; ls -d /made-by-up /made-by-root /dots; wc -c </etc/passwd; touch /etc/x; echo done"
    lab.bundle(tree, "links", ["sh", "-c", script], edit=edit)
    for name, target in links.items():
        tree.link(f"bundles/links/rootfs/{name}", target)
    lab.bundle(tree, "looped", ["true"], edit=lambda c: c["mounts"].append({"destination": "/loop/x", "type": "tmpfs", "source": "x"}))
    tree.link("bundles/looped/rootfs/loop", "loop")
    with lab.boot(tree, append="-- run /bin/sesh", label="links") as vm:
        vm.expect("sesh> ", 60)
        before = run(vm, "ls / /bundles /bundles/links")
        text = run(vm, "ctr run -b /bundles/links one")
        assert re.search(r"^3\n/dots +/made-by-root +/made-by-up\n0\n", text) and "Read-only" in text and "done" in text, text
        assert run(vm, "ls / /bundles /bundles/links") == before, vm.tail()
        assert '"tmpfs" on "/loop/x"' in run(vm, "ctr create -b /bundles/looped two"), vm.tail()
        assert json.loads(run(vm, "ctr list")) in ([], {}), vm.tail()

"""Bundles as engines and people write them, in one machine: what a container starts with, where its mounts land, how long it
lives. What is expected is what runc does on Linux."""
import json
import re

from host_test import run

FEW = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
USER = {"uid": 1000, "gid": 1000}


def shell(script, **process):
    def edit(c):
        c["process"].update(args=["sh", "-c", script], **process)
    return edit


def plus(edit, change):
    def both(c):
        edit(c)
        change(c)
    return both


def mounts(script, *added, **linux):
    def edit(c):
        c["process"]["args"] = ["sh", "-c", script]
        c["mounts"] += added
        c["linux"].update(linux)
    return edit


def tmpfs(destination, *options):
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


def bind(source, destination, *options):
    return {"destination": destination, "type": "none", "source": source, "options": list(options)}


def env(*variables):
    return lambda c: c["process"].update(env=["PATH=/bin", *variables])


def without_dev(c):
    c["mounts"] = [m for m in c["mounts"] if not m["destination"].startswith("/dev")]


def resources(**parts):
    return plus(shell("echo ran"), lambda c: c["linux"]["resources"].update(parts))


REOPEN = "echo out >/dev/stdout; echo err >/dev/stderr; echo fd >/proc/self/fd/1; [ -w /dev/stdout ]; echo $?"
TREE = "touch /m/x; echo $?; touch /m/sub/x; echo $?; [ -f /m/sub/inside ]; echo $?"
READ_ONLY, FULL = "touch: /m/x: Read-only file system\n1\n", ["rbind", "nosuid"]

# name: (what makes its config.json, what it prints)
CASES = {
    # Standard files belong to the user, and can be opened again by their names.
    "console-user": (shell(REOPEN, user=USER, capabilities={}), "out\nerr\nfd\n0\n"),
    "console-root": (shell(REOPEN), "out\nerr\nfd\n0\n"),
    "pipe-user": (shell(REOPEN, user=USER, capabilities={}), "out\nerr\nfd\n0\n"),
    "null-stays": (shell("stat -L -c %u /dev/stdin", user=USER, capabilities={}), "0\n"),
    # The environment.
    "home-root": (plus(shell("echo $HOME; cd; pwd"), env()), "/root\n/root\n"),
    "home-user": (plus(shell("echo $HOME", user=USER), env()), "/home/u\n"),
    "home-nobody": (plus(shell("echo $HOME", user={"uid": 4242, "gid": 1}), env()), "/\n"),
    "home-empty": (plus(shell("echo $HOME"), env("HOME=")), "/root\n"),
    "home-given": (plus(shell("echo $HOME"), env("HOME=/tmp")), "/tmp\n"),
    "path-twice": (plus(shell("echo $PATH; env | grep -c PATH="), lambda c: c["process"].update(env=["PATH=/no", "PATH=/bin"])), "/bin\n1\n"),
    "oom": (shell("cat /proc/self/oom_score_adj; echo 499 >/proc/self/oom_score_adj", oomScoreAdj=500),
            "500\nsh: write error: Permission denied\n"),
    # Names in the image that lead somewhere else.
    "link-file": (mounts("cat /usr/zone", bind("/etc/hostname", "/etc/localtime", "bind", "ro")), "rundlet\n"),
    "link-relative": (mounts("cat /usr/rel", bind("/etc/hostname", "/etc/rel", "bind")), "rundlet\n"),
    "link-out": (mounts("cat /data/out; cat /etc/out", bind("/etc/hostname", "/etc/out", "bind")), "rundlet\nrundlet\n"),
    "link-folder": (mounts("grep -c ' /later/sub tmpfs' /proc/mounts", tmpfs("/dirlink/sub")), "1\n"),
    "relative": (mounts("cat /data/file; wc -c </proc/version", bind("/etc/hostname", "data/file", "bind"), maskedPaths=["proc/version"]),
                 "rundlet\n0\n"),
    # What a mount hides, covers and protects.
    "mask": (plus(mounts("wc -c </proc/cpuinfo; stat -c %t:%T /proc/cpuinfo; ls -A /data | wc -l; touch /data/x; echo $?",
                         maskedPaths=["/proc/cpuinfo", "/data"]), without_dev),
             "0\n1:3\n0\ntouch: /data/x: Read-only file system\n1\n"),
    "tmpfs-mode": (mounts("stat -c '%a %u' /private /fresh /other", tmpfs("/private"), tmpfs("/fresh"), tmpfs("/other", "mode=0711,uid=7")),
                   "750 0\n1777 0\n711 7\n"),
    "copy-up": (mounts("cd /data; cat file; readlink link; stat -c '%a %u' in in/deep; touch new; echo $?; "
                       "grep -c ' /data tmpfs rw,nosuid' /proc/mounts", tmpfs("/data", "tmpcopyup", "nosuid")),
                "old\n/nowhere\n700 0\n640 0\n0\n1\n"),
    "rbind-ro": (mounts(TREE, bind("/run/src", "/m", "rbind", "ro")), READ_ONLY + "0\n0\n"),
    "rbind-rro": (mounts(TREE, bind("/run/src", "/m", "rbind", "rro")), READ_ONLY + READ_ONLY.replace("/x", "/sub/x") + "0\n"),
    "bind-ro": (mounts(TREE, bind("/run/src", "/m", "bind", "ro")), READ_ONLY + READ_ONLY.replace("/x", "/sub/x") + "1\n"),
    "readonly-path": (mounts(TREE, bind("/run/src", "/m", "rbind"), readonlyPaths=["/m"]), READ_ONLY + "0\n0\n"),
    "flags": (mounts("grep ' /m' /proc/mounts | cut -d' ' -f2,4 | sed s/,size.*//", bind("/run/src", "/m", "rbind", "nosuid", "rnoexec")),
              "/m rw,nosuid,noexec,relatime\n/m/sub rw,noexec,relatime\n"),
    # Values that ask for nothing.
    "root-absolute": (plus(shell("echo ran"), lambda c: c["root"].update(path="/bundles/all/rootfs")), "ran\n"),
    "unlimited": (resources(memory={"limit": 9223372036854771712, "swap": -1}, cpu={"shares": 0}), "ran\n"),
    "infinity": (shell("ulimit -c; ulimit -Hs", rlimits=[{"type": t, "soft": 1 << 20, "hard": 18446744073709551615}
                                                         for t in ("RLIMIT_CORE", "RLIMIT_STACK")]), "2048\nunlimited\n"),
    "capability": (shell("grep CapBnd /proc/self/status", capabilities={"bounding": FEW + ["CAP_FROM_THE_FUTURE"]}),
                   'there is no capability "CAP_FROM_THE_FUTURE": ignored\nCapBnd:\t0000000020000420'),
    # Refused, by name.
    "absolute-outside": (plus(shell("echo ran"), lambda c: c["root"].update(path="/bundles/busybox/rootfs")), 'root.path: "/bundles/busybox/rootfs": leaves the bundle'),
    "on-the-root": (mounts("echo ran", tmpfs("/data/..")), '("tmpfs" on "/data/.."): device or resource busy'),
    "cwd-elsewhere": (shell("echo ran", cwd="/proc/self/fd/3"), 'process.cwd: "/proc/self/fd/3": '),
    "device-there": (plus(shell("echo ran"), lambda c: c["linux"].update(devices=[{"path": "/etc/passwd", "type": "c", "major": 1, "minor": 3}])),
                     'linux.devices[0].path: "/etc/passwd": something else is there'),
    "stdin-folder": (shell("echo ran"), "standard input is a directory"),
}
SCRIPT = """cd /bundles/all
for n in $*; do
    cp configs/$n config.json
    echo "== $n"
    case $n in
    pipe-*) ctr run $n 2>&1 </dev/null | cat;;
    stdin-*) ctr run $n 2>&1 </;;
    *) ctr run $n 2>&1 </dev/null;;
    esac
done
echo "== end"
"""


def add_bundle(lab, tree, configs):
    """/bundles/all: one root, and a config.json for each name."""
    lab.bundle(tree, "all", ["sh"])
    root = "bundles/all/rootfs"
    for name, target in {"etc/localtime": "/usr/zone", "etc/rel": "../usr/rel", "etc/out": "../../../../data/out", "dirlink": "/later",
                         "dev/null": "/proc/meminfo", "data/link": "/nowhere"}.items():
        tree.link(f"{root}/{name}", target)
    tree.directory(f"{root}/data")
    tree.directory(f"{root}/data/in", 0o700)
    tree.directory(f"{root}/private", 0o750)
    tree.directory(f"{root}/home/u")
    tree.text(f"{root}/data/file", "old\n")
    tree.text(f"{root}/data/in/deep", "deep\n", 0o640)
    tree.text(f"{root}/etc/passwd", "broken\nroot:x:0:0:root:/root:/bin/sh\nu:x:1000:1000:u:/home/u:/bin/sh\n")
    base = tree.entries["bundles/all/config.json"][1].decode()
    tree.directory("bundles/all/configs")
    for name, edit in configs.items():
        config = json.loads(base)
        config["process"].update(terminal=False, cwd="/", capabilities={k: list(FEW) for k in ("bounding", "effective", "permitted")})
        config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/tmp"]
        edit(config)
        tree.text(f"bundles/all/configs/{name}", json.dumps(config))


def test_bundles(lab):
    tree = lab.tree()
    add_bundle(lab, tree, {name: edit for name, (edit, _) in CASES.items()})
    tree.text("bundles.sh", SCRIPT)
    with lab.boot(tree, append="-- run /bin/sesh", label="bundles", memory="192M") as vm:
        vm.expect("sesh> ", 60)
        for line in ("mount -t tmpfs t /run", "busybox mkdir -p /run/src", "mount -t tmpfs t /run/src", "busybox mkdir /run/src/sub",
                     "mount -t tmpfs t /run/src/sub", "busybox touch /run/src/sub/inside"):
            assert run(vm, line) == "", f"{line}: {vm.tail()}"
        text = run(vm, "sh /bundles.sh " + " ".join(CASES), 180)
        said = dict(re.findall(r"== (\S+)\n(.*?)(?===)", text, re.DOTALL))
        wrong = []
        for name, (_, want) in CASES.items():
            got = said.get(name, "nothing")
            if (got != want) if want.endswith("\n") else (want not in got):
                wrong.append(f"{name}: {got!r} instead of {want!r}")
        assert not wrong, "\n".join(wrong)
        assert json.loads(run(vm, "ctr list")) == [], vm.tail()


def test_lives(lab):
    """exec, kill and delete in every state, as runc has them."""
    tree = lab.tree()
    add_bundle(lab, tree, {"sleep": plus(shell("sleep 1000", user=USER, capabilities={}, oomScoreAdj=300), env())})
    tree.text("bundles/all/config.json", tree.entries["bundles/all/configs/sleep"][1].decode())
    tree.text("exec.sh", "ctr exec a sh -c 'echo out >/dev/stdout; echo err >/dev/stderr' 2>&1 | cat; ctr exec a true </")
    with lab.boot(tree, append="-- run /bin/sesh", label="lives") as vm:
        vm.expect("sesh> ", 60)

        def ctr(line):
            return run(vm, f"ctr {line}")

        def status(name):
            return json.loads(ctr(f"state {name}"))["status"]
        long_name = "0123456789" * 20
        for name in ("a", "b", "c", ".hidden", long_name):
            assert ctr(f"create -b /bundles/all {name}") == "", vm.tail()
        # Before it is started.
        assert ctr("exec a echo inside") == "inside\n" and status("a") == "created", vm.tail()
        assert ctr("exec a cat /proc/self/oom_score_adj") == "300\n", vm.tail()
        assert ctr("exec a sh -c 'echo $HOME; echo out >/dev/stdout'") == "/home/u\nout\n", vm.tail()
        # exec's terminal has put a carriage return before each newline; the console may add another.
        assert run(vm, "sh /exec.sh").replace("\r", "") == "out\nerr\nctr: a: standard input is a directory: the container could leave its own tree by it\n", vm.tail()
        assert ctr("start a") == "" and status("a") == "running", vm.tail()
        assert "a is running, not stopped" in ctr("delete a"), vm.tail()
        assert ctr("kill b WINCH") == "" and status("b") == "created", vm.tail()
        assert ctr("kill b TERM") == "", vm.tail()
        run(vm, "ctr wait b")
        assert status("b") == "stopped", vm.tail()
        for line in ("delete b", "delete c", "delete .hidden", f"delete {long_name}", "delete -f a", "delete -f a"):
            assert ctr(line) == "", f"{line}: {vm.tail()}"
        assert "there is no container" in ctr("delete a"), vm.tail()
        assert json.loads(ctr("list")) == [], vm.tail()

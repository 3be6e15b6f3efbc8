"""What a container holds and what it may not: isolation, limits, bundles that are refused, and that everything comes back."""
import re

from harness import TOP
from host_test import run


def in_container(lab, name, script, edit=None, limit=60, **options):
    """Runs a shell script as a container's init: (status, output)."""
    tree = lab.tree()
    lab.bundle(tree, name, ["sh", "-c", script], edit=edit)
    with lab.boot(tree, append=f"-- bundle /bundles/{name}", label=f"container-{name}", **options) as vm:
        return vm.wait(limit), vm.text


def test_own_views(lab):
    status, text = in_container(lab, "views", "hostname; echo pid $$; ls -d /bundles 2>&1; ls /.. | head -1; cat /proc/mounts")
    assert "busybox" in text and "pid 1\n" in text and "No such file" in text, text[-800:]


def test_namespaces_of_others(lab):
    """A container may share the host world's names, as `--uts=host` asks; all else stays its own."""
    tree = lab.tree()

    def shares(path):
        def edit(config):
            config.pop("hostname", None)
            config["linux"]["namespaces"] = [{"type": "pid"}, {"type": "uts", "path": path}]
            config["process"]["capabilities"] = {k: ["CAP_SYS_ADMIN"] for k in ("bounding", "effective", "permitted")}
        return edit

    show = "cd /proc/self/ns; for n in uts ipc pid net; do readlink $n; done; hostname; hostname shared"
    lab.bundle(tree, "sharing", ["sh", "-c", show], edit=shares("/proc/1/ns/uts"))
    lab.bundle(tree, "nobody", ["sh", "-c", show], edit=shares("/proc/4000/ns/uts"))
    lab.bundle(tree, "own", ["sh", "-c", show])
    with lab.boot(tree, append="-- run /bin/sesh", label="namespaces") as vm:
        vm.expect("sesh> ", 60)

        def words(bundle):
            return re.findall(r"^\w+(?::\[\d+\])?$", run(vm, f"ctr run -b /bundles/{bundle} {bundle}").replace("\r", ""), re.M)

        shared, own, again = words("sharing"), words("own"), words("sharing")
        assert shared[0] == "uts:[4026531838]" and shared[4] == "rundlet", shared  # the host world's first, as on Linux
        assert not set(own[:4]) & set(shared[:4]) and own[4] != "rundlet", (shared, own)
        assert again[0] == shared[0] and again[4] == "shared" and not set(again[1:4]) & set(shared[1:4]), (shared, again)
        assert "linux.namespaces: process 4000: no such process" in run(vm, "ctr run -b /bundles/nobody third"), vm.tail()


def test_system_v_objects(lab):
    """They belong to an IPC namespace: nobody else finds them, who shares it does, and they end with it."""
    tree, program = lab.tree(), lab.target.program("sysv", [TOP / "tests/programs/sysv.cpp"], lab.target.out / "tests/sysv")

    def bundle(name, words, edit=None):
        lab.bundle(tree, name, words, {"sysv": (program, 0o755)}, edit)

    def shares(config):
        config["linux"]["namespaces"] = [{"type": "pid"}, {"type": "ipc", "path": "/proc/1/ns/ipc"}]

    bundle("makes", ["/sysv", "make"])
    bundle("looks", ["/sysv", "look"])
    bundle("makes-shared", ["/sysv", "make"], shares)
    bundle("looks-shared", ["/sysv", "look"], shares)
    with lab.boot(tree, append="-- run /bin/sesh", label="sysv") as vm:
        vm.expect("sesh> ", 60)
        assert "made" in run(vm, "ctr run -b /bundles/makes first"), vm.tail()
        before = int(re.search(r"MemFree: +(\d+)", run(vm, "cat /proc/meminfo"))[1])
        for _ in range(3):  # each leaves 16 MiB behind
            assert "made" in run(vm, "ctr run -b /bundles/makes first"), vm.tail()
        assert before - int(re.search(r"MemFree: +(\d+)", run(vm, "cat /proc/meminfo"))[1]) < 8192, vm.tail()
        assert "nothing" in run(vm, "ctr run -b /bundles/looks second"), vm.tail()
        assert "nothing" in run(vm, "ctr run -b /bundles/looks-shared second"), vm.tail()
        assert "made" in run(vm, "ctr run -b /bundles/makes-shared first"), vm.tail()
        assert "found: hello" in run(vm, "ctr run -b /bundles/looks-shared second"), vm.tail()
        assert "nothing" in run(vm, "ctr run -b /bundles/looks second"), vm.tail()


def test_names_of_sockets(lab):
    """A container sees neither the abstract names of another one nor what that has bound in its own file tree."""
    program = lab.target.program("socket-names", [TOP / "tests/programs/socket_names.cpp"], lab.target.out / "tests/socket-names", [])
    tree = lab.tree()
    lab.bundle(tree, "names", ["/names", "hold"], {"names": (program, 0o755)},
               edit=lambda c: c["process"].update(terminal=False))
    with lab.boot(tree, append="-- run /bin/sesh", label="names") as vm:
        vm.expect("sesh> ", 60)
        run(vm, "ctr create -b /bundles/names one", 90)
        run(vm, "ctr start one", 90)
        run(vm, "ctr exec one sh -c 'until [ -S /tmp/door ]; do sleep 0.1; done; sleep 0.5'", 90)
        inside = run(vm, "ctr exec one /names try", 90)
        assert inside.count("connect: done") == 2 and inside.count("bind: Address in use") == 2, vm.tail()
        outside = run(vm, "ctr run -b /bundles/names two /names try", 90)
        assert "@shared: connect: Connection refused" in outside, vm.tail()
        assert "/tmp/door: connect: No such file" in outside and outside.count("bind: done") == 2, vm.tail()
        run(vm, "ctr delete -f one")


def test_copy_on_write(lab):
    """What a container writes is its own: a second container from the same bundle sees the bundle."""
    tree = lab.tree()
    lab.bundle(tree, "writer", ["sh", "-c", "echo changed >/etc/hostname; rm /etc/group; touch /new; ls /new"])
    lab.bundle(tree, "reader", ["sh", "-c", "cat /etc/hostname; ls /etc/group /new"])
    with lab.boot(tree, append="-- run /bin/sesh", label="copy-on-write") as vm:
        vm.expect("sesh> ", 60)
        assert "/new" in run(vm, "ctr run -b /bundles/writer first")
        text = run(vm, "ctr run -b /bundles/writer second")
        assert "/new" in text and "rundlet" in run(vm, "cat /bundles/writer/rootfs/etc/hostname"), vm.tail()
        assert "No such file" in run(vm, "ls /bundles/writer/rootfs/new"), vm.tail()
        assert "rundlet" in run(vm, "ctr run -b /bundles/reader third"), vm.tail()


def test_read_only_root(lab):
    status, text = in_container(lab, "read-only", "echo x >/file; echo $?; echo x >/tmp/file && cat /tmp/file",
                                lambda c: c["root"].update(readonly=True))
    assert "Read-only file system" in text and "\nx\n" in text.replace("\r", ""), text[-500:]


def test_as_engines_ask(lab):
    """What `runc spec`, podman and containerd write into every config.json: accepted, and enforced."""
    few = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

    def engine(config):
        config["process"].update(
            user={"uid": 1000, "gid": 1001, "additionalGids": [5, 7], "umask": 0o27}, noNewPrivileges=True, cwd="/tmp",
            capabilities={name: few for name in ("bounding", "effective", "permitted", "ambient")},
            rlimits=[{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 512}])
        config["mounts"] += [
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
             "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}]
        config["linux"].update(maskedPaths=["/proc/kcore", "/proc/version", "/sys/firmware", "/nowhere"],
                               readonlyPaths=["/proc/bus", "/proc/sys"])
        config["linux"]["resources"]["devices"] = [{"allow": False, "access": "rwm"}]
        config["linux"]["namespaces"].append({"type": "cgroup"})

    script = ("echo ids $(id -u) $(id -g) $(id -G); pwd; umask; grep -E 'Cap(Prm|Bnd|Amb)|NoNew' /proc/self/status; ulimit -n;"
              "ulimit -Hn; touch /sys/x; wc -c </proc/version; ls /sys/firmware | wc -l; mount | grep -c -E 'mqueue|sysfs|shm';"
              "cd /sys/devices/system; [ $(ls -d cpu/cpu[0-9]* | wc -l) = $(nproc) ] && cat cpu/cpu0/topology/core_id;"
              "cat node/online node/node0/distance /sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
    status, text = in_container(lab, "engine", script, engine)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    at = next((i for i, line in enumerate(lines) if line.startswith("ids ")), 0)
    assert lines[at:] == ["ids 1000 1001 1001 5 7", "/tmp", "0027", "CapPrm: 0000000000000000", "CapBnd: 0000000020000420",
                          "CapAmb: 0000000000000000", "NoNewPrivs: 1", "512", "1024",
                          "touch: /sys/x: Read-only file system", "0", "0", "3",
                          "0", "0", "10", "2097152"], text[-1500:]


def test_fork_bomb(lab):
    """Stopped by the container's limit while another container keeps working."""
    tree = lab.tree()
    lab.bundle(tree, "bomb", ["sh", "-c", "f() { f | f & }; f; sleep 1000"],
               edit=lambda c: (c["process"].update(terminal=False), c["linux"]["resources"]["pids"].update(limit=60)))
    with lab.boot(tree, append="-- run /bin/sesh", label="fork-bomb", cpus=2, memory="256M") as vm:
        vm.expect("sesh> ", 60)
        run(vm, "ctr create -b /bundles/bomb bomb")
        run(vm, "ctr start bomb")
        assert "still here" in run(vm, "ctr run -b /bundles/busybox other sh -c 'seq 1000 | tail -1; echo still here'", 90), vm.tail()
        run(vm, "ctr delete -f bomb", 90)
        assert "bomb" not in run(vm, "ctr list"), vm.tail()


def test_memory_limit(lab):
    """A container over its memory limit loses a process, not the machine."""
    def limit(config):
        config["linux"]["resources"]["memory"] = {"limit": 16 << 20}
    status, text = in_container(lab, "hog", "x=a; while :; do x=$x$x; done; echo survived", limit)
    assert status in (137, 2, 1) and "survived" not in text, f"status {status}\n{text[-500:]}"
    status, text = in_container(lab, "hog-child", "sh -c 'x=a; while :; do x=$x$x; done'; echo after", limit)
    assert "after" in text, text[-500:]


def test_thousand_rounds(lab):
    """Create, start, wait, delete, over and over: the free memory stays the same."""
    rounds = 200 if lab.arch == "riscv64" else 1000
    tree = lab.tree()
    lab.bundle(tree, "quick", ["true"], edit=lambda c: c["process"].update(terminal=False))
    script = "i=0; while [ $i -lt $1 ]; do ctr run -b /bundles/quick c || exit 1; i=$((i+1)); done; grep MemFree /proc/meminfo"
    tree.text("rounds.sh", script)
    with lab.boot(tree, append="-- run /bin/sesh", label="rounds", memory="128M") as vm:
        vm.expect("sesh> ", 60)

        def free(n):
            return int(re.search(r"MemFree: +(\d+)", run(vm, f"sh /rounds.sh {n}", 600))[1])
        free(20)
        before, after = free(20), free(rounds)
        assert abs(before - after) <= 64, f"{before} kB free before {rounds} rounds, {after} kB after"

"""The host world: sesh, stress, loop, udp and ctr on the host tree."""
import json

from harness import TOP
from shell_test import start


def at_sesh(lab, **options):
    return lab.boot(append="-- run /bin/sesh", **options)


def run(vm, line, timeout=30):
    vm.send(line + "\n")
    match = vm.expect(rb"(.*?)sesh> ", timeout)
    text = match[1].decode(errors="replace").replace("\r\n", "\n")
    return text.split("\n", 1)[1] if "\n" in text else text


def test_sesh(lab):
    with at_sesh(lab, label="sesh") as vm:
        vm.expect("sesh> ", 60)
        assert "built in: help" in run(vm, "help"), vm.tail()
        assert run(vm, "echo 'a  b' \"c\" d") == "a  b c d\n", vm.tail()
        assert run(vm, "echo x y z | wc -w") == "3\n", vm.tail()
        assert "No such file" in run(vm, "nosuchprogram"), vm.tail()
        assert run(vm, "pwd") == "/\n", vm.tail()
        assert "ctr" in run(vm, "ls /bin"), vm.tail()
        run(vm, "loop &")
        assert "loop" in run(vm, "ps"), vm.tail()
        vm.send("exit 9\n")
        assert vm.wait(30) == 9, vm.tail()


def test_udp(lab):
    """udp waits for its input and its socket at once: what arrives is printed, what is typed goes to who wrote last."""
    with at_sesh(lab, label="udp") as vm:
        vm.expect("sesh> ", 60)
        # tftp asks for a file, which is a datagram that holds its name.
        run(vm, "sh -c 'sleep 2; tftp -g -r question 127.0.0.1 1234' &")
        vm.send("udp 1234\n")
        vm.expect("listening on UDP port 1234", 30)
        vm.send("early\n")
        vm.expect("nobody has written yet", 30)
        vm.expect("question", 60)
        vm.send("answer\n")
        vm.send("\4")  # the end of the input
        vm.expect("sesh> ", 30)
        assert "udp" not in run(vm, "ps"), vm.tail()


def test_stress(lab):
    with at_sesh(lab, label="stress", cpus=4) as vm:
        vm.expect("sesh> ", 60)
        assert run(vm, "stress 200", 120) == "stress: 200 started, 200 ended well\n", vm.tail()
        assert run(vm, "stress 50 /bin/loop 100000", 120) == "stress: 50 started, 50 ended well\n", vm.tail()


def test_containers_by_hand(lab):
    """The verbs of ctr, two containers at once, the state's JSON."""
    tree = lab.tree()
    lab.bundle(tree, "sleeper", ["sleep", "1000"], edit=lambda c: c["process"].update(terminal=False))
    with lab.boot(tree, append="-- run /bin/sesh", label="ctr", cpus=4) as vm:
        vm.expect("sesh> ", 60)
        assert run(vm, "ctr create -b /bundles/sleeper one") == "", vm.tail()
        state = json.loads(run(vm, "ctr state one"))
        assert state["status"] == "created" and state["id"] == "one" and state["bundle"] == "/bundles/sleeper", state
        assert run(vm, "ctr start one") == "", vm.tail()
        assert json.loads(run(vm, "ctr state one"))["status"] == "running", vm.tail()
        assert run(vm, "ctr exec one echo inside") == "inside\n", vm.tail()
        # The protections that distributions switch on; only the host switches them off.
        names = "protected_hardlinks protected_symlinks protected_fifos protected_regular mount-max"
        assert run(vm, f"ctr exec one sh -c 'cd /proc/sys/fs && cat {names}'") == "1\n1\n1\n2\n100000\n", vm.tail()
        run(vm, "ctr exec one sh -c 'echo 0 >/proc/sys/fs/protected_symlinks'")
        assert run(vm, "ctr exec one cat /proc/sys/fs/protected_symlinks") == "1\n", vm.tail()
        assert run(vm, "ctr create -b /bundles/sleeper two") == "" and run(vm, "ctr start two") == "", vm.tail()
        assert "one" in (both := run(vm, "ctr list")) and "two" in both, both
        inside = run(vm, "ctr exec two ps")
        assert inside.count("sleep 1000") == 1, inside
        assert "one" in run(vm, "ctr create -b /bundles/sleeper one"), "a second container got the same id"
        assert run(vm, "ctr kill two KILL") == "", vm.tail()
        run(vm, "ctr wait two")
        assert json.loads(run(vm, "ctr state two"))["status"] == "stopped", vm.tail()
        assert run(vm, "ctr delete two") == "", vm.tail()
        assert "one" in run(vm, "ctr delete one"), "a running container was deleted without -f"
        assert run(vm, "ctr delete -f one") == "", vm.tail()
        assert "one" not in run(vm, "ctr list"), vm.tail()


def test_container_in_background(lab):
    """A shell without job control: a background container reads nothing of what is typed for the shell."""
    tree = lab.tree()
    lab.bundle(tree, "count", ["sh", "-c", "sleep 1; cat; echo counted; tty"])
    lab.bundle(tree, "pipe", ["sh", "-c", "while read line; do echo got $line; done; echo end"])
    with lab.boot(tree, append="-- run /bin/sesh", label="background") as vm:
        vm.expect("sesh> ", 60)
        vm.send("ctr run -b /bundles/count one &\n")
        vm.expect(r"\[\d+\]\r\nsesh> ")
        vm.send("echo still ours\n")
        vm.expect(r"\nstill ours\r\nsesh> ")
        vm.expect(r"counted\r\n/dev/console\r\n")
        run(vm, "sh -c 'while ctr list | grep one; do sleep 0.1; done'")
        text = run(vm, "echo typed | ctr run -b /bundles/pipe two")
        assert "got typed\n" in text and text.endswith("end\n"), text


def test_container_and_job_control(lab):
    """A shell with job control: ctr stops in the background, has the terminal in the foreground, and gives it back."""
    tree = lab.tree()
    lab.bundle(tree, "reader", ["sh", "-c", "echo ready; read line; echo got $line; exit 7"])
    with lab.boot(tree, append="-- run /bin/sh", label="job-control") as vm:
        vm.expect("# ", 60)
        vm.send("ctr run -b /bundles/reader one &\n")
        vm.expect("# ")
        vm.send("until jobs >list; grep Stopped list; do sleep 0.1; done\n")
        vm.expect(r"Stopped.*ctr run -b /bundles/reader one.*# ")
        vm.send("echo $((40 + 2))\n")
        vm.expect(r"\n42\r\n.*# ")
        vm.send("fg\n")
        vm.expect(r"ready\r\n")
        vm.send("a line\n")
        vm.expect(r"got a line\r\n.*# ")
        vm.send("echo status $?\n")
        vm.expect(r"\nstatus 7\r\n.*# ")
        # The terminal is as it was: lines are edited and echoed once.
        start(vm, "cat")
        vm.send("x\x7fy\n")
        vm.expect(r"\ny\r\n", 10)
        vm.send("\x03")
        vm.expect("# ")
        vm.send("exit 4\n")
        assert vm.wait(30) == 4, vm.tail()


def test_setting_the_clock(lab):
    """Timers and sleepers of the wall clock hear of it. Not held against Linux: it would set this machine's clock."""
    headers = [TOP / "tests/linux/check.h"]
    program = lab.target.program("test-clock-set", [TOP / "tests/programs/clock_set.cpp"], lab.target.out / "tests/clock-set", headers)
    tree = lab.tree()
    tree.file("bin/clock-set", program, 0o755)
    with lab.boot(tree, append="-- run /bin/clock-set", label="clock-set", cpus=2) as vm:
        assert vm.wait(120) == 0 and "clock_set: ok" in vm.text, vm.tail(40)

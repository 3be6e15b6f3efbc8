"""The host world: sesh, stress, loop, udp and ctr on the host tree."""
import json


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

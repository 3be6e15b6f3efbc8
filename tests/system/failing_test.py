"""Each allocation of many system calls is made to fail, in the check kernel: errors that say so, and nothing lost."""
from harness import TOP, Lab


def test_allocations(lab):
    lab = Lab(lab.arch, lab.report, variant="check")
    program = lab.target.program("test-failing", [TOP / "tests/programs/failing.cpp"], lab.target.out / "tests/failing")
    tree = lab.tree()
    lab.bundle(tree, "failing", ["/failing"], {"failing": (program, 0o755)})
    with lab.boot(tree, append="-- bundle /bundles/failing", label="failing", memory="256M", cpus=2) as vm:
        status = vm.wait(400)
        assert status == 0 and " 0 bad" in vm.text, f"status {status}\n{vm.tail(40)}"

"""x86_64's two instructions for system calls answer alike."""
from harness import TOP

ARCHES = ("x86_64",)


def test_int80(lab):
    program = lab.target.program("test-gates", [TOP / "tests/programs/gates.cpp"], lab.target.out / "tests/gates",
                                 [TOP / "tests/linux/check.h"])
    tree = lab.tree()
    lab.bundle(tree, "gates", ["/gates"], {"gates": (program, 0o755)})
    with lab.boot(tree, append="-- bundle /bundles/gates", label="gates", cpus=2) as vm:
        assert vm.wait(120) == 0 and "gates: ok" in vm.text, vm.tail()

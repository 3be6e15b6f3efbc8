"""Processors that lack something: the kernel does without it, or says what it is."""
from harness import TOP
from qemu import Vm

ARCHES = ("x86_64",)


def test_processors_that_cannot_run_it(lab):
    """Words and a failing status instead of a reset: in 32 bits before the switch to long mode, and behind it."""
    for missing, named in (("nx", "NX"), ("pge", "PGE"), ("fxsr", "FXSR"), ("syscall", "SYSCALL")):
        with Vm(lab.arch, lab.kernel, "", cpu=f"max,-{missing}") as vm:
            status = vm.wait(60)
            assert status == 255 and f"This processor lacks {named}" in vm.text, f"status {status}\n{vm.tail()}"


def test_processor_with_little(lab):
    """No XSAVE, no SMAP, no random numbers: signal frames are FXSAVE's, the seed comes from the times of interrupts."""
    program = lab.target.program("test-frames", [TOP / "tests/linux/frames.cpp"], lab.target.out / "tests/frames", [TOP / "tests/linux/check.h"])
    tree = lab.tree()
    lab.bundle(tree, "little", ["/frames"], {"frames": (program, 0o755)})
    with lab.boot(tree, append="loglevel=7 -- bundle /bundles/little", label="little", cpus=2,
                  cpu="max,-xsave,-smap,-smep,-umip,-rdrand,-rdseed") as vm:
        assert vm.wait(120) == 0 and "frames: ok" in vm.text, vm.tail()
        assert "random: 256 bits from the times of interrupts" in vm.text, vm.text[-2000:]

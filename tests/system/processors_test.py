"""Processors that lack something which the kernel does without."""
from harness import TOP

ARCHES = ("x86_64",)


def test_processor_with_little(lab):
    """No XSAVE, no SMAP, no random numbers: signal frames are FXSAVE's, the seed comes from the times of interrupts."""
    program = lab.target.program("test-frames", [TOP / "tests/linux/frames.cpp"], lab.target.out / "tests/frames", [TOP / "tests/linux/check.h"])
    tree = lab.tree()
    lab.bundle(tree, "little", ["/frames"], {"frames": (program, 0o755)})
    with lab.boot(tree, append="loglevel=7 -- bundle /bundles/little", label="little", cpus=2,
                  cpu="max,-xsave,-smap,-smep,-umip,-rdrand,-rdseed") as vm:
        assert vm.wait(120) == 0 and "frames: ok" in vm.text, vm.tail()
        assert "random: 256 bits from the times of interrupts" in vm.text, vm.text[-2000:]

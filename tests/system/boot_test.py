"""Machines the kernel boots on, and how it ends."""
from harness import Timeout

MACHINES = {"x86_64": ["q35", "pc", "microvm", "microvm-noacpi"], "riscv64": ["virt"]}


def says_hello(lab, label, memory="128M", limit=60, **options):
    """Boots, runs a command in the container, and ends with its status."""
    tree = lab.tree()
    lab.bundle(tree, "hello", ["sh", "-c", "echo hello $((6 * 7)); nproc; exit 17"])
    with lab.boot(tree, append="-- bundle /bundles/hello", label=label, memory=memory, **options) as vm:
        status = vm.wait(limit)
        assert "hello 42" in vm.text, vm.tail()
        assert status == 17, f"status {status}\n{vm.tail()}"
        return vm.text


def test_machines(lab):
    for machine in MACHINES[lab.arch]:
        says_hello(lab, f"machine-{machine}", machine=machine)


def test_processors(lab):
    for cpus in (1, 2, 8):
        text = says_hello(lab, f"cpus-{cpus}", cpus=cpus)
        assert f"\n{cpus}\n" in text, f"nproc is not {cpus}\n{text[-500:]}"


def test_memory(lab):
    for memory in ("32M", "64M", "3G"):
        says_hello(lab, f"memory-{memory}", memory=memory)
    # More than this machine has: the guest touches under 1 GiB of it.
    unreserved = ["-object", "memory-backend-ram,id=memory,size=64G,reserve=off", "-machine", "memory-backend=memory"]
    says_hello(lab, "memory-64G", memory="64G", extra=unreserved, limit=120)


def test_exit_statuses(lab):
    for status in (0, 1, 255):
        tree = lab.tree()
        lab.bundle(tree, "exit", ["sh", "-c", f"exit {status}"])
        with lab.boot(tree, append="-- bundle /bundles/exit", label="exit") as vm:
            got = vm.wait(60)
            assert got == status, f"{got}, not {status}\n{vm.tail()}"


def test_initramfs_missing(lab):
    """No initramfs: a panic that says so and a failing status, not silence."""
    from qemu import Vm
    with Vm(lab.arch, lab.kernel, "") as vm:
        status = vm.wait(60)
        assert status != 0 and "panic" in vm.text.lower(), f"status {status}\n{vm.tail()}"


def test_bad_init_argument(lab):
    with lab.boot(append="-- bundle /bundles/none", label="no-bundle") as vm:
        status = vm.wait(60)
        assert status == 125 and "/bundles/none" in vm.text, f"status {status}\n{vm.tail()}"

"""Devices that drivers find: by PCI, ACPI, the device tree and the command line."""
import re

MODERN = ["-global", "virtio-mmio.force-legacy=false"]
MACHINES = {"x86_64": ["q35", "pc", "microvm", "microvm-noacpi"], "riscv64": ["virt"]}
ANSWER = r"virtio-rng: (\S+|pci \S+): 64 bytes of random numbers"


def boot(lab, label, devices=(), **options):
    """Boots with these devices; a program runs in the container, and the machine ends. Returns what the console said."""
    tree = lab.tree()
    lab.bundle(tree, "devices", ["sh", "-c", "head -c 100 /dev/urandom | wc -c; exit 17"])
    extra = [*options.pop("extra", ()), *(word for device in devices for word in ("-device", device))]
    with lab.boot(tree, append="loglevel=6 -- bundle /bundles/devices", label=label, memory="128M", extra=extra, **options) as vm:
        status = vm.wait(60)
        assert status == 17 and "\n100\n" in vm.text, f"status {status}\n{vm.tail()}"
        return vm.text


def answers(text):
    """The names of the devices that gave random numbers."""
    return [m[1] for m in re.finditer(ANSWER, text)]


def test_none(lab):
    for machine in MACHINES[lab.arch]:
        text = boot(lab, f"devices-none-{machine}", machine=machine)
        assert not re.search(r"(virtio|virtio-\w+|pci|bus): ", text), text[-2000:]


def test_pci(lab):
    for machine in {"x86_64": ["q35", "pc"], "riscv64": ["virt"]}[lab.arch]:
        text = boot(lab, f"devices-pci-{machine}", ["virtio-rng-pci"], machine=machine, cpus=2)
        found = answers(text)
        assert len(found) == 1 and found[0].startswith("pci 00:"), text[-2000:]


def test_registers_in_memory(lab):
    """By ACPI, by the command line, by the device tree."""
    for machine in {"x86_64": ["microvm", "microvm-noacpi"], "riscv64": ["virt"]}[lab.arch]:
        text = boot(lab, f"devices-mmio-{machine}", ["virtio-rng-device"], machine=machine, extra=MODERN)
        found = answers(text)
        assert len(found) == 1 and found[0].startswith("virtio,mmio@"), text[-2000:]


def test_wires_are_shared(lab):
    """More devices than pins, all without messages."""
    text = boot(lab, "devices-wires", ["virtio-rng-pci,vectors=0"] * 6)
    assert len(set(answers(text))) == 6, text[-2000:]


def test_behind_a_bridge(lab):
    if lab.arch == "riscv64":
        text = boot(lab, "devices-bridge", ["pcie-root-port,id=root0", "virtio-rng-pci,bus=root0"])
        assert "what is behind it is not used" in text and not answers(text), text[-2000:]  # no firmware numbers its buses
        return
    text = boot(lab, "devices-bridge", ["pcie-root-port,id=root0", "virtio-rng-pci,bus=root0"])
    assert answers(text) == ["pci 01:00.0"], text[-2000:]


def test_both_ways(lab):
    if lab.arch == "riscv64":
        text = boot(lab, "devices-both", ["virtio-rng-pci", "virtio-rng-device", "virtio-rng-device"], extra=MODERN)
        assert len(set(answers(text))) == 3, text[-2000:]


def test_old_ones_are_named(lab):
    """From before virtio 1.0: said in the log, not used, and the machine boots."""
    if lab.arch == "x86_64":
        text = boot(lab, "devices-old-pci", ["virtio-rng-pci,disable-modern=on,disable-legacy=off"], machine="q35")
        assert "has only the interface of before virtio 1.0" in text and not answers(text), text[-2000:]
    machine = "microvm" if lab.arch == "x86_64" else "virt"
    text = boot(lab, "devices-old-mmio", ["virtio-rng-device"], machine=machine,
                extra=["-global", "virtio-mmio.force-legacy=true"])
    assert "force-legacy=false" in text and not answers(text), text[-2000:]


def test_words_that_make_no_sense(lab):
    """A range that is memory, one that is another device's, one that is none."""
    tree = lab.tree()
    lab.bundle(tree, "devices", ["sh", "-c", "exit 17"])
    serial = "0x10000000" if lab.arch == "riscv64" else "0xfee00000"
    words = f"virtio_mmio.device=4K@{'0x80400000' if lab.arch == 'riscv64' else '0x400000'}:5 " \
            f"virtio_mmio.device=4K@{serial}:5 virtio_mmio.device=nonsense"
    with lab.boot(tree, append=f"{words} -- bundle /bundles/devices", label="devices-words", memory="128M") as vm:
        status = vm.wait(60)
        assert status == 17, f"status {status}\n{vm.tail()}"
        assert vm.text.count("refused") == 2 and "not SIZE@ADDRESS:LINE" in vm.text, vm.tail()


def test_seed(lab):
    """A processor without a generator: the device's numbers are the seed, and the kernel is content."""
    if lab.arch == "x86_64":
        text = boot(lab, "devices-seed", ["virtio-rng-pci"], machine="q35", cpu="qemu64")
        assert "random: 512 bits from virtio-rng" in text and "the times of interrupts" not in text, text[-2000:]

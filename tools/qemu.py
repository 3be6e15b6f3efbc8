#!/usr/bin/env python3
"""Boots Rundlet in QEMU: `qemu.py run`, `qemu.py debug`, and the class Vm for tests.

The console is standard input and output, whether they are a terminal or pipes. The exit status is the one the kernel
powered off with: on x86_64 a decimal line on port 0xe9 followed by isa-debug-exit, on riscv64 the sifive_test device.
"""
import argparse
import os
import pathlib
import re
import select
import shlex
import subprocess
import sys
import tempfile
import time

from mkinitramfs import memory_for

TOP = pathlib.Path(__file__).resolve().parent.parent
ARCHES = ("x86_64", "riscv64")
MACHINES = {
    "x86_64": {"q35": "q35", "pc": "pc", "microvm": "microvm,acpi=on", "microvm-noacpi": "microvm,acpi=off"},
    "riscv64": {"virt": "virt"},
}
# The last line of the firmware's own output: what follows is the kernel's.
FIRMWARE = {"x86_64": b"", "riscv64": b"MEDELEG"}
SILENT_START = 10  # seconds after which piped input is sent to a guest that prints nothing
SILENCE = 1        # seconds without output after which the end of piped input is typed
ABORTED = 255  # QEMU ended without the guest having said a status


def command(arch, kernel, initrd=None, append="", memory="128M", cpus=1, machine=None, icount=False, cpu=None,
            extra=()):
    """QEMU's command line without the console. `icount`: an instruction takes a nanosecond of virtual time, and with
    "skip" time spent idle is skipped instead of waited for. `cpu` is the processor's model."""
    machines = MACHINES[arch]
    model = machines[machine] if machine else next(iter(machines.values()))
    line = [f"qemu-system-{arch}", "-M", model, "-m", str(memory), "-smp", str(cpus), "-display", "none", "-nodefaults",
            "-no-reboot", "-kernel", str(kernel)]
    if arch == "x86_64":
        # QEMU's own processor is the same everywhere; a KVM inside a virtual machine often is not. ACCEL=kvm asks for it.
        fast = os.environ.get("ACCEL", "tcg")
        line += ["-accel", "tcg,thread=single" if icount else fast, "-cpu", cpu or "max",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    else:
        line += ["-accel", "tcg,thread=single" if icount else "tcg"]
    if icount:
        line += ["-icount", "shift=0,sleep=off" if icount == "skip" else "shift=0"]
    if initrd:
        line += ["-initrd", str(initrd)]
    if append:
        line += ["-append", append]
    return line + list(extra)


def user_network(arch, machine, publish=""):
    """A network card on QEMU's user network: 10.0.2.15 by DHCP, the host is 10.0.2.2. `publish`: PORT:PORT of the host and
    of a container, several with commas; the machine's port between them is the host's."""
    pci = arch == "x86_64" and not (machine or "").startswith("microvm")
    ports = [entry.split(":")[0] for entry in publish.split(",") if entry]
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{port}-:{port}" for port in ports)
    return ["-global", "virtio-mmio.force-legacy=false", "-netdev", f"user,id=net{forwards}", "-device",
            f"virtio-net-{'pci' if pci else 'device'},netdev=net"]


class Timeout(Exception):
    pass


class Vm:
    """A running virtual machine whose console is a pair of pipes.

    with Vm("x86_64", append="-- run /bin/sesh") as vm:
        vm.expect(r"> "); vm.send("help\\n"); status = vm.wait()
    """

    def __init__(self, arch, kernel=None, initrd=None, log=None, **options):
        self.arch = arch
        self.scratch = tempfile.TemporaryDirectory(prefix="rundlet-")
        self.status_file = pathlib.Path(self.scratch.name) / "status"
        kernel = kernel or TOP / f"build/{arch}/kernel"
        initrd = initrd if initrd is not None else TOP / f"build/userland/{arch}/initramfs"
        line = command(arch, kernel, initrd, **options)
        line += ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
        if arch == "x86_64":
            line += ["-chardev", f"file,id=status,path={self.status_file}", "-device",
                     "isa-debugcon,iobase=0xe9,chardev=status"]
        self.output = b""   # everything the console printed
        self.seen = 0       # how much of it expect() has consumed
        self.log = log
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        while select.select([self.process.stdout], [], [], 0)[0] and self._read(0):
            pass  # what it had said already
        self.process.stdin.close()
        self.process.stdout.close()
        self.scratch.cleanup()

    def _read(self, seconds):
        """Waits for output at most so long. False at its end."""
        ready, _, _ = select.select([self.process.stdout], [], [], max(0, seconds))
        if not ready:
            return True
        data = self.process.stdout.read(65536)
        if data:
            self.output += data
            if self.log:
                self.log.write(data.decode(errors="replace"))
                self.log.flush()
        return bool(data)

    @property
    def text(self):
        return self.output.decode(errors="replace").replace("\r\n", "\n")

    def send(self, text):
        data = text.encode() if isinstance(text, str) else text
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def expect(self, pattern, timeout=30):
        """Waits until what was printed since the last match contains the pattern; returns the match."""
        pattern = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.MULTILINE | re.DOTALL)
        end = time.monotonic() + timeout
        alive = True
        while True:
            if match := pattern.search(self.output, self.seen):
                self.seen = match.end()
                return match
            if not alive:
                raise Timeout(f"the machine ended without printing {pattern.pattern!r}; its last lines:\n{self.tail()}")
            if time.monotonic() > end:
                raise Timeout(f"{pattern.pattern!r} did not come within {timeout} s; the last lines:\n{self.tail()}")
            alive = self._read(end - time.monotonic())

    def wait(self, timeout=60):
        """Waits for power-off and returns the guest's status."""
        end = time.monotonic() + timeout
        while self._read(end - time.monotonic()):
            if time.monotonic() > end:
                raise Timeout(f"no power-off within {timeout} s; the last lines:\n{self.tail()}")
        code = self.process.wait()
        if self.arch == "x86_64":
            return exit_status(self.status_file, code)
        return code

    def tail(self, lines=15):
        return "\n".join("    | " + line for line in self.text.splitlines()[-lines:])


def exit_status(status_file, code):
    """The x86_64 guest's status from the lines it wrote on port 0xe9; QEMU's own code says only that it ended."""
    try:
        lines = status_file.read_text(errors="replace").split()
    except OSError:
        lines = []
    if lines and lines[-1].isdecimal():
        return int(lines[-1]) & 255
    return code if code > 1 and not code & 1 else ABORTED


def gdb_command(kernel, target=":1234"):
    """gdb with the kernel's symbols and sources, attached to a waiting QEMU. The paths in the symbols begin at the build's
    folder, so that builds in different places are the same."""
    folder = kernel.resolve().parent
    return ["gdb-multiarch", str(folder / "kernel.elf"), "-ex", f"set substitute-path build/{folder.name} {TOP}",
            "-ex", f"target remote {target}"]


def run(options):
    """The console on our own standard input and output."""
    status_file = pathlib.Path(tempfile.mkdtemp(prefix="rundlet-")) / "status"
    line = command(options.arch, options.kernel, options.initrd, options.append, options.memory, options.cpus,
                   options.machine, extra=[*user_network(options.arch, options.machine, options.publish), *options.extra])
    if options.arch == "x86_64":
        line += ["-chardev", f"file,id=status,path={status_file}", "-device", "isa-debugcon,iobase=0xe9,chardev=status"]
    if options.action == "debug":
        line += ["-s", "-S"]
        print(f"QEMU waits for gdb: {shlex.join(gdb_command(options.kernel))}\n"
              "Before the kernel has set up its paging only hardware breakpoints work: hbreak kernel_main", file=sys.stderr)
    terminal = sys.stdin.isatty()
    # At a terminal ^C belongs to the guest; ^A x ends QEMU.
    line += ["-chardev", f"stdio,id=console,signal=off,mux={'on' if terminal else 'off'}", "-serial", "chardev:console"]
    if terminal:
        line += ["-mon", "chardev=console"]
        code = subprocess.run(line, check=False).returncode
    else:
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        relay(process, FIRMWARE[options.arch])
        code = process.wait()
    status = exit_status(status_file, code) if options.arch == "x86_64" else code
    if status_file.exists():
        status_file.unlink()
    status_file.parent.rmdir()
    return status


def relay(process, firmware):
    """Copies our standard input to the guest and its output to ours. Input waits for the guest's first word, since a UART
    forgets what arrives while it is set up. At its end ^D is typed whenever the guest has been silent for a moment: typed
    ahead, it would be lost when a shell switches the terminal to raw mode."""
    guest, source = process.stdout.fileno(), sys.stdin.fileno()
    printed, heard, ended, started = b"", False, False, time.monotonic()
    spoken = started
    while True:
        may_send = heard or time.monotonic() - started > SILENT_START
        ready, _, _ = select.select([guest] if ended or not may_send else [guest, source], [], [], 0.2)
        if guest in ready:
            data = os.read(guest, 65536)
            if not data:
                return
            os.write(sys.stdout.fileno(), data)
            spoken = time.monotonic()
            if not heard:
                printed += data
                rest = printed.partition(firmware)[2] if firmware else printed
                heard = len(rest.split(b"\n", 2)) > 2 or bool(rest.strip() and not firmware)
        data = b""
        if source in ready:
            data = os.read(source, 4096)
            ended = not data
        if ended and time.monotonic() - spoken > SILENCE:
            data, spoken = b"\x04", time.monotonic()
        try:
            process.stdin.write(data)
            process.stdin.flush()
        except BrokenPipeError:
            ended = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["run", "debug"])
    parser.add_argument("--arch", choices=ARCHES, default="x86_64")
    parser.add_argument("--machine", help="x86_64: q35 (default), pc, microvm, microvm-noacpi; riscv64: virt")
    parser.add_argument("--kernel", type=pathlib.Path)
    parser.add_argument("--initrd", type=pathlib.Path)
    parser.add_argument("--memory", default="256M")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--append", default=os.environ.get("APPEND", ""), help="the kernel's command line; after ` -- `: init's")
    parser.add_argument("--publish", default=os.environ.get("PUBLISH", ""),
                        help="PORT:PORT of this machine and of the container, e.g. 8080:80; several with commas")
    parser.add_argument("extra", nargs="*", help="after --: more arguments for QEMU")
    options = parser.parse_args()
    options.kernel = options.kernel or TOP / f"build/{options.arch}/kernel"
    options.initrd = options.initrd or TOP / f"build/userland/{options.arch}/initramfs"
    for needed in (options.kernel, options.initrd):
        if not needed.exists():
            sys.exit(f"{needed} does not exist: run `make build` and tools/build-userland {options.arch}")
    if options.publish and " -- " not in f" {options.append} ":
        options.append = f"{options.append} -- bundle -p {options.publish}"
    memory = re.fullmatch(r"(\d+)([MG]?)", options.memory)
    least = memory_for(options.initrd)
    if options.arch == "riscv64":  # QEMU puts the archive behind the first half of a small machine, and the device tree at its end
        least = max(least, min(2 * (os.stat(options.initrd).st_size >> 20) + 8, 1024))
    if memory and int(memory[1]) * (1024 if memory[2] == "G" else 1) < least:
        sys.exit(f"{options.initrd} needs a machine with at least {least} MiB, and more for the programs: give --memory {least + 128}M")
    sys.exit(run(options))


if __name__ == "__main__":
    main()

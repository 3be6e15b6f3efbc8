"""Kernels that count how often each branch is taken (the presets x86_64-profile and riscv64-profile), and what they counted:
read from the guest's memory once it has ended. For tools/make-profile and tests/coverage.py."""
import hashlib
import itertools
import mmap
import struct
import subprocess
import tempfile
import zlib

from lab import TOP, Lab

RAM_STARTS = {"x86_64": 0, "riscv64": 0x80000000}
RECORD = struct.Struct("<QQqqQQI3HxxI")  # __llvm_profile_data of LLVM 19 (InstrProfData.inc)


class Image:
    """A kernel's symbols, and where its segments stand in the file and in the guest's RAM."""

    def __init__(self, kernel, ram_starts):
        listed = subprocess.run(["llvm-nm-19", kernel], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.symbols = {name: int(address, 16) for address, _, name in (line.split() for line in listed.splitlines())}
        self.file, self.ram_starts = kernel.read_bytes(), ram_starts
        table, size, count = struct.unpack_from("<Q14xHH", self.file, 32)
        headers = (struct.unpack_from("<IIQQQQQ", self.file, table + i * size) for i in range(count))
        self.segments = [(at, offset, physical, length) for kind, _, offset, at, physical, length, _ in headers if kind == 1]

    def at(self, address):
        """(offset in the file, offset in RAM)"""
        start, offset, physical, _ = next(s for s in self.segments if s[0] <= address < s[0] + s[3])
        return offset + address - start, physical - self.ram_starts + address - start

    def between(self, first, last):
        start, end = self.symbols[first], self.symbols[last]
        return self.file[self.at(start)[0]:][:end - start]


def number(blob, at):
    """A ULEB128: (value, where the next thing begins)."""
    value = 0
    for i, byte in enumerate(blob[at:]):
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            return value, at + i + 1
    raise ValueError("the names end in the middle of a number")


def names(blob):
    """The functions' names: blocks of (plain size, packed size or 0, bytes), with zeros between them."""
    at = 0
    while at < len(blob):
        if blob[at] == 0:
            at += 1
            continue
        plain, at = number(blob, at)
        packed, at = number(blob, at)
        block = blob[at:at + (packed or plain)]
        at += len(block)
        yield from (zlib.decompress(block) if packed else block).decode().split("\x01")


def name_hash(name):
    return int.from_bytes(hashlib.md5(name.encode()).digest()[:8], "little")


def counts(image, ram):
    """(name, hash of the control flow), counters: of each function."""
    by_hash = {name_hash(n): n for n in names(image.between("profile_names_start", "profile_names_end"))}
    start = image.symbols["profile_data_start"]
    records = image.between("profile_data_start", "profile_counters_start")
    for at in range(0, len(records) - RECORD.size + 1, RECORD.size):
        name, flow, counters, *_, size, _, _, _, _ = RECORD.unpack_from(records, at)
        values = struct.unpack_from(f"<{size}Q", ram, image.at(start + at + counters)[1])
        yield (by_hash[name], flow), values


class CountingLab(Lab):
    """Boots as Lab does, and adds what the kernel counted to `total`: {(name, hash of the control flow): counters}.
    `fixed` options take the place of each boot's own."""

    def __init__(self, arch, total, report=None, **fixed):
        super().__init__(arch, report, variant="profile")
        self.image, self.total, self.fixed = Image(self.kernel.with_name("kernel.elf"), RAM_STARTS[arch]), total, fixed

    def boot(self, *arguments, **options):
        return CountingBoot(self, super().boot, arguments, {**options, **self.fixed})


class CountingBoot:
    """A boot whose RAM is a file."""

    def __init__(self, lab, boot, arguments, options):
        self.lab, self.file = lab, tempfile.NamedTemporaryFile(prefix="rundlet-ram-")
        ram = f"memory-backend-file,id=ram,share=on,size={options.setdefault('memory', '128M')},mem-path={self.file.name}"
        options["extra"] = [*options.get("extra", ()), "-object", ram, "-machine", "memory-backend=ram"]
        self.running = boot(*arguments, **options)

    def __enter__(self):
        return self.running.__enter__()

    def __exit__(self, *why):
        self.running.__exit__(*why)
        with self.file, mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ) as ram:
            for function, values in counts(self.lab.image, ram):
                known = self.lab.total[function]
                self.lab.total[function] = [a + b for a, b in itertools.zip_longest(known, values, fillvalue=0)]


def build(arch):
    """The counting kernel and the userland."""
    for line in (["cmake", "--preset", f"{arch}-profile"], ["cmake", "--build", f"build/{arch}-profile"],
                 ["tools/build-userland", arch]):
        subprocess.run(line, cwd=TOP, check=True)

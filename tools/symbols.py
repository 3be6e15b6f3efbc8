#!/usr/bin/env python3
"""Writes the kernel's symbol table as assembly: symbols.py OUT.S [LINKED-KERNEL]. Without a kernel: an empty table.

Layout (declared in core/check/symbols.h): kernel_symbol_base, a u64 address; kernel_symbol_count, a u32;
kernel_symbols, that many pairs of u32 (address - base, offset of the name), sorted; kernel_symbol_names, each name with
its null byte.
"""
import re
import subprocess
import sys


def short(name):
    """A function's name without parameters and template arguments."""
    name = name.replace("(anonymous namespace)::", "").replace("operator()", "operator[call]")
    depth, kept = 0, []
    for c in name:
        if c == "<" and not re.search(r"operator<?$", "".join(kept[-10:])):
            depth += 1
        elif c == ">" and depth:
            depth -= 1
        elif c == "(" and not depth:
            break
        elif not depth:
            kept.append(c)
    return "".join(kept).split(" ")[-1][:72].replace("operator[call]", "operator()")


def functions(kernel):
    """{address: short name} of a linked kernel."""
    found = {}
    listing = subprocess.run(["llvm-nm-19", "--demangle", "--defined-only", kernel],
                             capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        fields = line.split(" ", 2)
        if len(fields) == 3 and fields[1] in "tTwW" and fields[0].strip("0") and not fields[2].startswith(("$", ".L")):
            found.setdefault(int(fields[0], 16), short(fields[2]))
    return found


def main():
    symbols = functions(sys.argv[2]) if len(sys.argv) > 2 else {}
    # What lies below the kernel's main mapping (boot code at its physical address) has no place in a table of 32-bit offsets.
    top = max(symbols, default=0)
    symbols = {a: n for a, n in sorted(symbols.items()) if top - a < 1 << 31}
    base = min(symbols, default=0)
    names, offsets = [], {}
    at = 0
    for name in symbols.values():
        if name not in offsets:
            offsets[name] = at
            names.append(name)
            at += len(name.encode()) + 1
    with open(sys.argv[1], "w") as f:
        f.write('    .section .rodata.symbols, "a"\n    .balign 8\n'
                "    .globl kernel_symbol_base, kernel_symbol_count, kernel_symbols, kernel_symbol_names\n"
                f"kernel_symbol_base: .quad {base}\nkernel_symbol_count: .long {len(symbols)}\nkernel_symbols:\n")
        f.writelines(f"    .long {a - base}, {offsets[n]}\n" for a, n in symbols.items())
        f.write("kernel_symbol_names:\n")
        f.writelines(f'    .asciz "{n}"\n' for n in names)
        f.write('    .section .note.GNU-stack, "", %progbits\n')


if __name__ == "__main__":
    main()

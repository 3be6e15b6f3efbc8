#!/usr/bin/env python3
"""Writes the assembly that embeds the vDSO in the kernel: embed_vdso.py VDSO.so OUT.S"""
import subprocess
import sys

image, out = sys.argv[1:]
names = subprocess.run(["llvm-nm-19", image], capture_output=True, text=True, check=True).stdout.split("\n")
sigreturn = [line.split()[0] for line in names if line.endswith(" __vdso_rt_sigreturn")]
offset = int(sigreturn[0], 16) if sigreturn else 0
with open(out, "w") as f:
    f.write(f"""    .section .rodata.vdso, "a"
    .globl vdso_start, vdso_end, vdso_sigreturn_at
    .balign 4096
vdso_start:
    .incbin "{image}"
    .balign 4096
vdso_end:
vdso_sigreturn_at:
    .quad {offset}
    .section .note.GNU-stack, "", %progbits
""")

// Places in the code that tables name: instructions that may fault on what a user gave, and those that SMAP changes.
#pragma once

/// In assembly: a fault at label `from` goes on at label `to` (the exception table; arch/common/fixups.h).
#define FIXUP(from, to)                                                                                                \
    ".pushsection .fixups, \"a\"\n .long " #from " - ., " #from " + 1 - ., " #to " - .\n .popsection\n"

// stac and clac are nops until cpu.cpp has found SMAP.
#define STAC                                                                                                           \
    "9: .byte 0x0f, 0x1f, 0x00\n .pushsection .smap_sites, \"a\"\n .long 9b - .\n .byte 0x0f, 0x01, 0xcb, 0\n"         \
    ".popsection\n"
#define CLAC                                                                                                           \
    "9: .byte 0x0f, 0x1f, 0x00\n .pushsection .smap_sites, \"a\"\n .long 9b - .\n .byte 0x0f, 0x01, 0xca, 0\n"         \
    ".popsection\n"

// What programs are told about the CPU.
#include "arch/api/clock.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/port_internal.h"
#include "arch/x86_64/user_state.h"
#include "lib/format.h"

namespace {
/// Names of feature bits as /proc/cpuinfo spells them, in the order of the bits; empty: not shown.
constexpr std::string_view leaf1_edx[32] = {"fpu",  "vme",   "de",   "pse",     "tsc",  "msr", "pae",  "mce",
                                            "cx8",  "apic",  "",     "sep",     "mtrr", "pge", "mca",  "cmov",
                                            "pat",  "pse36", "pn",   "clflush", "",     "dts", "acpi", "mmx",
                                            "fxsr", "sse",   "sse2", "ss",      "ht",   "tm",  "ia64", "pbe"};
constexpr std::string_view leaf1_ecx[32] = {"pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
                                            "vmx",    "smx",       "est",    "tm2",     "ssse3",
                                            "cid",    "sdbg",      "fma",    "cx16",    "xtpr",
                                            "pdcm",   "",          "pcid",   "dca",     "sse4_1",
                                            "sse4_2", "x2apic",    "movbe",  "popcnt",  "tsc_deadline_timer",
                                            "aes",    "xsave",     "",       "avx",     "f16c",
                                            "rdrand", "hypervisor"};
constexpr std::string_view leaf7_ebx[32] = {
    "",    "tsc_adjust", "sgx",  "bmi1",     "hle",   "avx2", "", "smep",   "bmi2", "erms", "invpcid",
    "rtm", "cqm",        "",     "mpx",      "rdt_a", "",     "", "rdseed", "adx",  "smap", "",
    "",    "clflushopt", "clwb", "intel_pt", "",      "",     "", "sha_ni", "",     ""};
constexpr std::string_view extended_edx[32] = {
    "", "", "", "",   "",   "", "",       "", "", "",         "",        "syscall", "", "",   "",         "",
    "", "", "", "mp", "nx", "", "mmxext", "", "", "fxsr_opt", "pdpe1gb", "rdtscp",  "", "lm", "3dnowext", "3dnow"};
constexpr std::string_view extended_ecx[32] = {
    "lahf_lm",     "cmp_legacy",    "svm",  "extapic", "cr8_legacy", "abm",    "sse4a",
    "misalignsse", "3dnowprefetch", "osvw", "ibs",     "xop",        "skinit", "wdt"};

void print_flags(Writer& out, u32 bits, std::span<const std::string_view, 32> names) {
    for (unsigned i = 0; i < 32; i++)
        if (bits >> i & 1 && !names[i].empty()) print(out, " {}", names[i]);
}

struct Text {
    char bytes[49] = {};
    void add(unsigned at, u32 word) { __builtin_memcpy(bytes + at, &word, 4); }
    std::string_view view() const {
        std::string_view s{bytes};
        while (s.starts_with(' ')) s.remove_prefix(1);
        while (s.ends_with(' ')) s.remove_suffix(1);
        return s;
    }
};
} // namespace

namespace arch {
const UserCpu& user_cpu() {
    static UserCpu cpu;
    cpu.machine = "x86_64";
    cpu.platform = "x86_64";
    cpu.hwcap = x86::features.hwcap;
    cpu.hwcap2 = 0; // no FSGSBASE for programs, no ring-3 MWAIT
    // The frame, the FPU state with its mark, alignment, red zone.
    cpu.minimum_signal_stack = 440 + x86::xstate_size() + 4 + 64 + 16 + 128;
    return cpu;
}

void describe_cpu(Writer& out, unsigned cpu) {
    using x86::cpuid;
    auto zero = cpuid(0), one = cpuid(1);
    Text vendor, model_name;
    vendor.add(0, zero.ebx), vendor.add(4, zero.edx), vendor.add(8, zero.ecx);
    u32 last_extended = cpuid(0x80000000).eax;
    for (u32 i = 0; last_extended >= 0x80000004 && i < 3; i++) {
        auto part = cpuid(0x80000002 + i);
        u32 words[] = {part.eax, part.ebx, part.ecx, part.edx};
        for (u32 w = 0; w < 4; w++) model_name.add(i * 16 + w * 4, words[w]);
    }
    u32 family = one.eax >> 8 & 15, model = one.eax >> 4 & 15;
    if (family == 6 || family == 15) model |= (one.eax >> 16 & 15) << 4;
    if (family == 15) family += one.eax >> 20 & 255;
    print(out, "processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: {}\nstepping\t: {}\n",
          cpu, vendor.view(), family, model, model_name.view(), one.eax & 15);
    u64 khz = counter_frequency() / 1000;
    print(out, "cpu MHz\t\t: {}.{:03}\n", khz / 1000, khz % 1000);
    print(out,
          "physical id\t: {}\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: {}\ninitial apicid\t: {}\n",
          cpu, x86::topology.apic_ids[cpu], x86::topology.apic_ids[cpu]);
    print(out, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\nflags\t\t:", zero.eax);
    print_flags(out, one.edx, leaf1_edx);
    if (last_extended >= 0x80000001) {
        auto extended = cpuid(0x80000001);
        print_flags(out, extended.edx, extended_edx);
        print_flags(out, extended.ecx, extended_ecx);
    }
    print_flags(out, one.ecx, leaf1_ecx);
    if (zero.eax >= 7) print_flags(out, cpuid(7).ebx, leaf7_ebx);
    u64 mips = khz * 2;
    print(out,
          "\nbugs\t\t:\nbogomips\t: {}.{:02}\nclflush size\t: {}\ncache_alignment\t: 64\naddress sizes\t: {} bits "
          "physical, 48 bits virtual\n"
          "power management:\n\n",
          mips / 1000, mips % 1000 / 10, one.edx >> 19 & 1 ? (one.ebx >> 8 & 255) * 8 : 64,
          last_extended >= 0x80000008 ? cpuid(0x80000008).eax & 255 : 36);
}
} // namespace arch

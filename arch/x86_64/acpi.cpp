// Which CPUs and interrupt controllers there are: from ACPI's MADT, else from the MultiProcessor table, else one CPU.
// Runs on the early page tables, where all of the first 4 GiB can be read.
#include "arch/x86_64/asm.h"
#include "arch/x86_64/port_internal.h"
#include <cstring>
#include <string_view>

namespace x86 {
Topology topology;
}

namespace {
using x86::topology;
constexpr u64 readable_end = 4 * GiB;

struct [[gnu::packed]] Rsdp {
    char signature[8];
    u8 checksum;
    char oem[6];
    u8 revision;
    u32 rsdt;
    u32 length;
    u64 xsdt;
};
struct [[gnu::packed]] Header {
    char signature[4];
    u32 length;
    u8 revision, checksum;
    char oem[6], oem_table[8];
    u32 oem_revision, creator, creator_revision;
};
struct [[gnu::packed]] GenericAddress {
    u8 space, width, offset, access;
    u64 address;
};
struct [[gnu::packed]] Fadt {
    Header header;
    u32 facs, dsdt;
    u8 reserved0[12];
    u32 pm1a_event, pm1b_event, pm1a_control;
    u8 reserved1[44];
    u32 flags;
    GenericAddress reset;
    u8 reset_value;
    u8 reserved2[3];
    u64 x_facs, x_dsdt;
    u8 reserved3[96];
    GenericAddress sleep_control, sleep_status;
};
static_assert(offsetof(Fadt, pm1a_control) == 64 && offsetof(Fadt, flags) == 112 &&
              offsetof(Fadt, sleep_control) == 244);

struct [[gnu::packed]] MadtEntry {
    u8 type, length;
    union {
        struct [[gnu::packed]] {
            u8 processor, apic_id;
            u32 flags;
        } cpu; // 0
        struct [[gnu::packed]] {
            u8 id, reserved;
            u32 address, first_gsi;
        } io_apic; // 1
        struct [[gnu::packed]] {
            u8 bus, irq;
            u32 gsi;
            u16 flags;
        } source_override; // 2
        struct [[gnu::packed]] {
            u16 reserved;
            u64 address;
        } local_apic; // 5
        struct [[gnu::packed]] {
            u16 reserved;
            u32 apic_id, flags;
        } x2apic_cpu; // 9
    };
};

struct [[gnu::packed]] MpFloating {
    char signature[4];
    u32 table;
    u8 length, revision, checksum, features[5];
};
struct [[gnu::packed]] MpTable {
    char signature[4];
    u16 length;
    u8 revision, checksum;
    char oem[8], product[12];
    u32 oem_table;
    u16 oem_size, entries;
    u32 local_apic;
    u16 extended_length;
    u8 extended_checksum, reserved;
};

template <class T>
const T* at(u64 physical) {
    return static_cast<const T*>(arch::direct(physical));
}
bool sums_to_zero(const void* p, usize n) {
    u8 sum = 0;
    for (usize i = 0; i < n; i++) sum += static_cast<const u8*>(p)[i];
    return sum == 0;
}

/// Looks for a structure on a 16-byte boundary where firmware may put one.
template <class T>
const T* scan(std::string_view signature, usize checked_bytes) {
    u64 ebda = u64{*at<u16>(0x40e)} << 4;
    const struct {
        u64 start, end;
    } places[] = {{ebda, ebda + KiB}, {0x9fc00, 0xa0000}, {0xe0000, 0x100000}};
    for (auto place : places) {
        if (place.start < 0x400 || place.end > MiB) continue;
        for (u64 p = align_up(place.start, 16); p + sizeof(T) <= place.end; p += 16) {
            auto* found = at<char>(p);
            if (std::memcmp(found, signature.data(), signature.size()) == 0 && sums_to_zero(found, checked_bytes))
                return at<T>(p);
        }
    }
    return nullptr;
}

const Header* valid_table(u64 physical) {
    if (!physical || physical + sizeof(Header) > readable_end) return nullptr;
    auto* h = at<Header>(physical);
    if (h->length < sizeof(Header) || physical + h->length > readable_end || !sums_to_zero(h, h->length))
        return nullptr;
    return h;
}

x86::AcpiTable bytes_of(const Header* table) { return {reinterpret_cast<const u8*>(table), table->length}; }

void add_cpu(u32 apic_id, u32 flags) {
    constexpr u32 first_wide_id = 255; // only an x2APIC can be sent interrupts there
    if (!(flags & 1) || topology.cpus == arch::max_cpus || (apic_id >= first_wide_id && !x86::features.x2apic)) return;
    for (unsigned i = 0; i < topology.cpus; i++)
        if (topology.apic_ids[i] == apic_id) return;
    topology.apic_ids[topology.cpus++] = apic_id;
}
void add_io_apic(u64 address, u32 first_gsi) {
    if (topology.io_apic_count < std::size(topology.io_apics))
        topology.io_apics[topology.io_apic_count++] = {address, first_gsi};
}

void read_madt(const Header* table) {
    auto* body = reinterpret_cast<const char*>(table) + sizeof(Header);
    auto* end = reinterpret_cast<const char*>(table) + table->length;
    if (end - body < 8) return;
    u32 address;
    std::memcpy(&address, body, 4);
    topology.local_apic = address;
    for (const char* p = body + 8; end - p >= 2;) {
        const auto& e = *reinterpret_cast<const MadtEntry*>(p);
        if (e.length < 2 || e.length > end - p) return;
        if (e.type == 0 && e.length >= 8)
            add_cpu(e.cpu.apic_id, e.cpu.flags);
        else if (e.type == 1 && e.length >= 12)
            add_io_apic(e.io_apic.address, e.io_apic.first_gsi);
        else if (e.type == 2 && e.length >= 10 && e.source_override.irq < 16)
            topology.isa[e.source_override.irq] = {e.source_override.gsi, e.source_override.flags};
        else if (e.type == 5 && e.length >= 12)
            topology.local_apic = e.local_apic.address;
        else if (e.type == 9 && e.length >= 16)
            add_cpu(e.x2apic_cpu.apic_id, e.x2apic_cpu.flags);
        p += e.length;
    }
}

/// The sleep type for S5, out of the byte code: Name (_S5, Package () {type, ...}).
void find_sleep_type(x86::AcpiTable bytes) {
    for (usize i = sizeof(Header); i + 9 < bytes.size(); i++) {
        if (std::memcmp(&bytes[i], "_S5_", 4) != 0 || bytes[i + 4] != 0x12) continue;
        usize p = i + 5;
        p += (bytes[p] >> 6) + 2; // package length, number of elements
        if (p + 1 < bytes.size() && bytes[p] == 0x0a) p++;
        if (p >= bytes.size()) return;
        topology.sleep_type = bytes[p] & 7;
        topology.sleep_known = true;
        return;
    }
}

void read_fadt(const Header* table) {
    if (table->length < offsetof(Fadt, flags) + 4) return;
    const auto& fadt = *reinterpret_cast<const Fadt*>(table);
    topology.pm1a_control = static_cast<u16>(fadt.pm1a_control);
    u64 dsdt = fadt.dsdt;
    if (table->length >= offsetof(Fadt, x_dsdt) + 8) {
        if (fadt.x_dsdt) dsdt = fadt.x_dsdt;
        if (fadt.flags >> 10 & 1 && fadt.reset.space <= 1) {
            topology.reset_register = fadt.reset.address;
            topology.reset_in_io_space = fadt.reset.space == 1;
            topology.reset_value = fadt.reset_value;
        }
    }
    bool reduced = fadt.flags >> 20 & 1;
    if (reduced) topology.pm1a_control = 0;
    if (reduced && table->length >= offsetof(Fadt, sleep_control) + sizeof(GenericAddress) &&
        fadt.sleep_control.space == 0)
        topology.sleep_control = fadt.sleep_control.address;
    if (auto* table = valid_table(dsdt)) {
        find_sleep_type(bytes_of(table));
        x86::add_virtio(bytes_of(table));
    }
}

bool read_acpi(u64 rsdp_address) {
    const Rsdp* rsdp = rsdp_address && rsdp_address < readable_end ? at<Rsdp>(rsdp_address) : nullptr;
    if (!rsdp || std::memcmp(rsdp->signature, "RSD PTR ", 8) != 0) rsdp = scan<Rsdp>("RSD PTR ", 20);
    if (!rsdp) return false;
    bool wide = rsdp->revision >= 2 && rsdp->xsdt;
    auto* root = valid_table(wide ? rsdp->xsdt : rsdp->rsdt);
    if (!root) return false;
    usize size = wide ? 8 : 4;
    for (usize p = sizeof(Header); p + size <= root->length; p += size) {
        u64 address = 0;
        std::memcpy(&address, reinterpret_cast<const char*>(root) + p, size);
        auto* table = valid_table(address);
        if (!table) continue;
        if (std::memcmp(table->signature, "APIC", 4) == 0)
            read_madt(table);
        else if (std::memcmp(table->signature, "FACP", 4) == 0)
            read_fadt(table);
        else if (std::memcmp(table->signature, "MCFG", 4) == 0)
            x86::add_configuration_space(bytes_of(table));
    }
    return topology.cpus > 0;
}

/// MultiProcessor Specification 1.4: processors and I/O APICs; ISA lines keep their numbers.
void read_mp_table() {
    auto* floating = scan<MpFloating>("_MP_", 16);
    if (!floating || !floating->table || floating->table >= MiB) return;
    auto* table = at<MpTable>(floating->table);
    if (std::memcmp(table->signature, "PCMP", 4) != 0) return;
    topology.local_apic = table->local_apic;
    auto* p = reinterpret_cast<const u8*>(table + 1);
    auto* end = reinterpret_cast<const u8*>(table) + table->length;
    while (p < end && p[0] <= 4) { // by length: qboot leaves the number of entries at 0
        if (p[0] == 0) {
            add_cpu(p[1], p[3]);
            p += 20;
            continue;
        }
        u32 address;
        std::memcpy(&address, p + 4, 4);
        if (p[0] == 2 && p[3] & 1) add_io_apic(address, 0);
        p += 8;
    }
}
} // namespace

namespace x86 {
void read_topology(PhysAddr rsdp) {
    for (u32 irq = 0; irq < 16; irq++) topology.isa[irq] = {irq, 0};
    if (!read_acpi(rsdp)) read_mp_table();
    if (topology.cpus == 0) topology.apic_ids[topology.cpus++] = local_apic_id();
    if (topology.io_apic_count == 0) add_io_apic(0xfec00000, 0);
    // The boot CPU is number 0 whatever the order of the table.
    for (unsigned i = 1; i < topology.cpus; i++)
        if (topology.apic_ids[i] == local_apic_id()) std::swap(topology.apic_ids[0], topology.apic_ids[i]);
}
} // namespace x86

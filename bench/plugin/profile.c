// QEMU plugin: how often each instruction ran inside the measured parts of the bench's rows. The parts lie between two
// instructions without effect (MARK_BEGIN, MARK_END of rows/rows.h).
// At the end it writes "address count" lines, in hexadecimal and decimal, to the file named by its argument out=. With
// parts= instead it writes to that file how many instructions ran in each part, a line when it ends.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is used of QEMU's plugin interface, version 1 (no package has its header): docs/devel/tcg-plugins of QEMU 7.2.
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void*), void*);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn*, void (*)(unsigned, void*), int flags, void*);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn*, int operation, void*, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn*);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn*);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn*);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

struct Counter {
    uint64_t address, ran, ran_before, measured;
};

enum { SLOTS = 1 << 22 };
static struct Counter* counters[SLOTS]; // by address, open addressing
static struct Counter** all;
static size_t count, room;
static bool inside;
static const char* out;
static FILE* parts;
static uint64_t ran, ran_before; // for `parts`

static struct Counter* counter_of(uint64_t address) {
    size_t slot = (address * 0x9e3779b97f4a7c15u) >> 42;
    while (counters[slot] && counters[slot]->address != address) slot = (slot + 1) % SLOTS;
    if (counters[slot]) return counters[slot];
    if (count == room) all = realloc(all, (room = room ? room * 2 : 4096) * sizeof *all);
    struct Counter* made = all ? calloc(1, sizeof *made) : NULL;
    if (!made || count > SLOTS / 2) {
        fprintf(stderr, "profile: too many instructions\n");
        exit(1);
    }
    made->address = address;
    return counters[slot] = all[count++] = made;
}

static void part_begins(unsigned processor, void* data) {
    (void)processor, (void)data;
    inside = true;
    ran_before = ran;
    for (size_t i = 0; i < count; ++i) all[i]->ran_before = all[i]->ran;
}

static void part_ends(unsigned processor, void* data) {
    (void)processor, (void)data;
    if (inside && parts) fprintf(parts, "%llu\n", (unsigned long long)(ran - ran_before)), fflush(parts);
    if (inside)
        for (size_t i = 0; i < count; ++i) all[i]->measured += all[i]->ran - all[i]->ran_before;
    inside = false;
}

/// 1 and 2 for the two marks, 0 for all else.
static int mark(const struct qemu_plugin_insn* instruction) {
    const unsigned char* bytes = qemu_plugin_insn_data(instruction);
    size_t size = qemu_plugin_insn_size(instruction);
    if (size == 7 && memcmp(bytes, "\x0f\x1f\x80", 3) == 0 && memcmp(bytes + 4, "\x6e\x65\x42", 3) == 0)
        return bytes[3];
    uint32_t word;
    if (size != 4) return 0;
    memcpy(&word, bytes, 4);
    return word == 0x42e01037 ? 1 : word == 0x42e02037 ? 2 : 0; // lui zero
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
        int kind = mark(instruction);
        if (kind == 1) qemu_plugin_register_vcpu_insn_exec_cb(instruction, part_begins, 0, NULL);
        if (kind == 2) qemu_plugin_register_vcpu_insn_exec_cb(instruction, part_ends, 0, NULL);
        uint64_t* counted = parts ? &ran : &counter_of(qemu_plugin_insn_vaddr(instruction))->ran;
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, 0, counted, 1);
    }
}

static void write_out(qemu_plugin_id_t id, void* data) {
    (void)id, (void)data;
    FILE* file = fopen(out, "w");
    if (!file) {
        perror(out);
        return;
    }
    for (size_t i = 0; i < count; ++i)
        if (all[i]->measured)
            fprintf(file, "%llx %llu\n", (unsigned long long)all[i]->address, (unsigned long long)all[i]->measured);
    fclose(file);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void* info, int arguments,
                                                               char** argument) {
    (void)info;
    for (int i = 0; i < arguments; ++i)
        if (strncmp(argument[i], "out=", 4) == 0)
            out = strdup(argument[i] + 4);
        else if (strncmp(argument[i], "parts=", 6) == 0)
            parts = fopen(argument[i] + 6, "w");
    if (!out == !parts) {
        fprintf(stderr, "profile: out=FILE or parts=FILE is missing\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    if (out) qemu_plugin_register_atexit_cb(id, write_out, NULL);
    return 0;
}

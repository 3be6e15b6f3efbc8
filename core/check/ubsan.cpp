// What clang calls when -fsanitize=undefined finds something (check builds only). The data layouts are those of
// compiler-rt's ubsan_handlers.h.
#include "core/check/report.h"

#if RUNDLET_CHECK
namespace {
struct Location {
    const char* file;
    u32 line, column;
};
struct Type {
    u16 kind; // 0: integer
    u16 info; // integers: bit 0 signed, the rest log2 of the width
    char name[];
};
struct Data { // most handlers: a location, then one type
    Location at;
    const Type* type;
};
struct ShiftData {
    Location at;
    const Type *left, *right;
};
struct BoundsData {
    Location at;
    const Type *array, *index;
};
struct MismatchData {
    Location at;
    const Type* type;
    u8 log_alignment, access;
};
struct CastData {
    Location at;
    const Type *from, *to;
    u8 kind;
};

constexpr std::string_view accesses[] = {"load of",
                                         "store to",
                                         "reference to",
                                         "member access in",
                                         "member call on",
                                         "constructor of",
                                         "downcast of",
                                         "downcast of",
                                         "upcast of",
                                         "cast to virtual base of",
                                         "nonnull binding to",
                                         "dynamic operation on"};

/// Values up to 64 bits come in the argument itself; wider ones by pointer.
struct Value {
    const Type* type;
    uptr bits;
};
void put(Writer& out, Value v) {
    unsigned width = v.type->kind == 0 ? 1u << (v.type->info >> 1) : 64;
    if (width > 64) return print(out, "({} bits)", width);
    if (v.type->info & 1) {
        i64 n = static_cast<i64>(v.bits << (64 - width)) >> (64 - width);
        return print(out, "{}", n);
    }
    print(out, "{}", width == 64 ? u64{v.bits} : v.bits & ((u64{1} << width) - 1));
}

struct Text {
    char bytes[200];
    BufferWriter out{bytes};
};
#define REPORT(location, ...)                                                                                          \
    do {                                                                                                               \
        Text t;                                                                                                        \
        print(t.out, "{}:{}:{}: ", (location).file, (location).line, (location).column);                               \
        print(t.out, __VA_ARGS__);                                                                                     \
        check::report("UBSan", t.out.text(), reinterpret_cast<uptr>(__builtin_return_address(0)),                      \
                      reinterpret_cast<uptr>(__builtin_frame_address(0)));                                             \
    } while (0)
} // namespace

extern "C" {
void __ubsan_handle_type_mismatch_v1(const MismatchData* d, uptr p) {
    std::string_view what = d->access < std::size(accesses) ? accesses[d->access] : "access to";
    if (!p)
        REPORT(d->at, "{} null pointer of type {}", what, d->type->name);
    else if (p & ((uptr{1} << d->log_alignment) - 1))
        REPORT(d->at, "{} misaligned address {:#x} of type {}", what, p, d->type->name);
    else
        REPORT(d->at, "{} address {:#x} with too little room for type {}", what, p, d->type->name);
}

#define ARITHMETIC(operation, sign)                                                                                    \
    void __ubsan_handle_##operation##_overflow(const Data* d, uptr a, uptr b) {                                        \
        Text v;                                                                                                        \
        put(v.out, {d->type, a});                                                                                      \
        print(v.out, " " sign " ");                                                                                    \
        put(v.out, {d->type, b});                                                                                      \
        REPORT(d->at, "{} does not fit in {}", v.out.text(), d->type->name);                                           \
    }
ARITHMETIC(add, "+")
ARITHMETIC(sub, "-")
ARITHMETIC(mul, "*")
ARITHMETIC(divrem, "/")

void __ubsan_handle_negate_overflow(const Data* d, uptr) {
    REPORT(d->at, "negation does not fit in {}", d->type->name);
}

void __ubsan_handle_shift_out_of_bounds(const ShiftData* d, uptr value, uptr by) {
    Text v;
    put(v.out, {d->left, value});
    print(v.out, " by ");
    put(v.out, {d->right, by});
    REPORT(d->at, "shift of {} in type {}", v.out.text(), d->left->name);
}
void __ubsan_handle_out_of_bounds(const BoundsData* d, uptr index) {
    Text v;
    put(v.out, {d->index, index});
    REPORT(d->at, "index {} is out of bounds of {}", v.out.text(), d->array->name);
}
void __ubsan_handle_builtin_unreachable(const Location* at) { REPORT(*at, "unreachable code reached"); }
void __ubsan_handle_missing_return(const Location* at) { REPORT(*at, "end of a function without a value"); }
void __ubsan_handle_vla_bound_not_positive(const Data* d, uptr) { REPORT(d->at, "array size is not positive"); }
void __ubsan_handle_load_invalid_value(const Data* d, uptr value) {
    REPORT(d->at, "{} is no valid value of {}", value, d->type->name);
}
void __ubsan_handle_float_cast_overflow(const CastData* d, uptr) { REPORT(d->at, "floating-point value does not fit"); }
void __ubsan_handle_implicit_conversion(const CastData* d, uptr, uptr) {
    REPORT(d->at, "conversion from {} to {} changes the value", d->from->name, d->to->name);
}
void __ubsan_handle_invalid_builtin(const Location* at) { REPORT(*at, "zero given to a count-zeros builtin"); }
void __ubsan_handle_nonnull_return_v1(const Location*, const Location* at) {
    REPORT(*at, "null returned where that is ruled out");
}
void __ubsan_handle_nullability_return_v1(const Location*, const Location* at) {
    REPORT(*at, "null returned where that is ruled out");
}
void __ubsan_handle_nonnull_arg(const Location* at) { REPORT(*at, "null argument where that is ruled out"); }
void __ubsan_handle_nullability_arg(const Location* at) { REPORT(*at, "null argument where that is ruled out"); }
void __ubsan_handle_pointer_overflow(const Location* at, uptr base, uptr result) {
    REPORT(*at, "pointer arithmetic from {:#x} to {:#x}", base, result);
}
void __ubsan_handle_alignment_assumption(const Data* d, uptr p, uptr alignment, uptr) {
    REPORT(d->at, "{:#x} was assumed to be aligned to {}", p, alignment);
}
}
#endif

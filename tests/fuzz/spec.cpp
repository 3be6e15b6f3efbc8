// libFuzzer: whatever config.json holds, it is read, or refused with a complaint.
#include "container/spec.h"
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    Vector<char> text;
    if (!text.reserve(size + 4) || !text.resize(size)) return 0;
    if (size) std::memcpy(text.data(), data, size);
    json::Complaint why;
    auto spec = container::parse_spec(std::move(text), why);
    if (!spec && spec.error() != Errno::nomem && why.text().empty()) __builtin_trap();
    if (spec && (spec->root_path.empty() || spec->process.args.empty())) __builtin_trap();
    return 0;
}

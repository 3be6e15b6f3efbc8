#include "kernel/process/abi.h"

namespace {
constinit std::span<const Abi* const> all;
} // namespace

void set_abis(std::span<const Abi* const> list) { all = list; }
std::span<const Abi* const> abis() { return all; }

// ChaCha20 (RFC 8439), the block function and its bare permutation.
#pragma once
#include "lib/types.h"
#include <array>

namespace chacha {
using Block = std::array<u32, 16>;
using Key = std::array<u32, 8>;

/// Twenty rounds in place, without adding the input: a permutation, for mixing.
void permute(Block&);
/// One block of key stream.
Block block(const Key& key, u32 counter, const std::array<u32, 3>& nonce);
} // namespace chacha

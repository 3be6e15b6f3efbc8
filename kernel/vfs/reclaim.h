// Clean pages of file caches are memory that can be had back.
#pragma once
#include "core/alloc/account.h"

namespace vfs {
class BackedCache;

/// Drops clean pages of caches that `payer` pays for (null: anybody), `n` at most; returns how many. Those that were
/// used since it last came by stay. The caller holds no lock that stands at or below Rank::inode.
usize reclaim_pages(const MemoryAccount* payer, usize n);
/// Before a cache of `payer` takes up to `n` pages more: where its limit or the machine's memory is near, cached pages
/// make room, so that the cache does not take what others need.
void keep_room(const MemoryAccount& payer, usize n);

/// Every BackedCache, by account.
namespace cache_lists {
void add(BackedCache&);
void remove(BackedCache&);
} // namespace cache_lists
} // namespace vfs

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

/// Who reclaims. A thread that is nobody's task does so from the low watermark of an account, or the machine, on until
/// there is enough again (core/alloc/account.h).
namespace reclaim {
/// Gives back a part of what caches hold: the pages that `payer` pays for; for the kernel's account, which stands for
/// the machine, anybody's, and names that nobody uses. Those are not asked of a container: names of several share their
/// slabs, so that its own seldom make one free. Returns how many went. As reclaim_pages().
usize some(const MemoryAccount& payer);
/// The same until the account has enough; false: it does not come to that.
bool enough(const MemoryAccount& payer);
/// Some account asks: wakes the thread, and clears arch::work_reclaim.
void wake();
/// The same where the caller may do a part of the work itself, for it may come to need memory before the thread has
/// run: without locks.
void help(const MemoryAccount& payer);
} // namespace reclaim

/// Every BackedCache, by account.
namespace cache_lists {
void add(BackedCache&);
void remove(BackedCache&);
} // namespace cache_lists
} // namespace vfs

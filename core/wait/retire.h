// Freeing what readers without locks may still see (core/sync/epoch.h).
#pragma once

namespace epoch {
/// `operator delete` once no reader can see the memory: at once if nobody reads on any CPU. Nothing may lead to it any
/// more. May sleep: no spinlock is held. Its destructor has run, so readers look only at members that a destructor
/// leaves alone.
void retire(void* memory);
} // namespace epoch

#include "kernel/credentials/limits.h"
#include <algorithm>
#include <linux/resource.h>

Limits::Limits() {
    for (Limit& l : values_) l = {RLIM64_INFINITY, RLIM64_INFINITY};
    values_[RLIMIT_STACK] = {8 * MiB, RLIM64_INFINITY};
    values_[RLIMIT_CORE] = {0, RLIM64_INFINITY};
    values_[RLIMIT_NOFILE] = {1024, 4096};
    values_[RLIMIT_MEMLOCK] = {8 * MiB, 8 * MiB};
    values_[RLIMIT_MSGQUEUE] = {819'200, 819'200};
    values_[RLIMIT_NICE] = values_[RLIMIT_RTPRIO] = {0, 0};
    values_[RLIMIT_SIGPENDING] = {4096, 4096};
}
Limit Limits::get(unsigned resource) {
    Holding hold{lock_};
    return values_[resource];
}
void Limits::set(unsigned resource, Limit limit) {
    Holding hold{lock_};
    values_[resource] = limit;
}
void Limits::copy(Limits& from) {
    // `this` is the caller's alone.
    Holding hold{from.lock_};
    std::copy(std::begin(from.values_), std::end(from.values_), values_);
}

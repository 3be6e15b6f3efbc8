#include "core/sched/fair_queue.h"
#include <array>

namespace {
/// How much a thread may be owed, or owe, across a sleep: virtual nanoseconds.
constexpr i64 max_lag = 10'000'000;
constexpr i64 rebase_distance = i64{1} << 40;

constexpr std::array<u32, 40> weights = [] {
    std::array<u32, 40> made{};
    // Fixed point with 20 fraction bits: 1.25 = 5/4 per step of nice, from nice 0 outwards.
    u64 up = u64{1024} << 20, down = up;
    made[20] = 1024;
    for (int i = 19; i >= 0; i--) {
        up = up * 5 / 4;
        made[i] = static_cast<u32>((up + (1 << 19)) >> 20);
    }
    for (int i = 21; i < 40; i++) {
        down = down * 4 / 5;
        made[i] = static_cast<u32>((down + (1 << 19)) >> 20);
    }
    return made;
}();

i64 scaled(u64 ns, u32 weight) { return static_cast<i64>(ns * 1024 / weight); }
i64 least(i64 a, i64 b) { return a < b ? a : b; }

void refresh(FairEntity& e) {
    e.least_vruntime = e.vruntime;
    if (e.left) e.least_vruntime = least(e.least_vruntime, e.left->least_vruntime);
    if (e.right) e.least_vruntime = least(e.least_vruntime, e.right->least_vruntime);
}

/// Equal deadlines are ordered by address, so that erase() finds its way.
bool before(const FairEntity& a, const FairEntity& b) {
    return a.deadline != b.deadline ? a.deadline < b.deadline : &a < &b;
}

FairEntity* merge(FairEntity* low, FairEntity* high) {
    if (!low) return high;
    if (!high) return low;
    if (low->heap_key > high->heap_key) {
        low->right = merge(low->right, high);
        refresh(*low);
        return low;
    }
    high->left = merge(low, high->left);
    refresh(*high);
    return high;
}

void split(FairEntity* tree, const FairEntity& at, FairEntity*& low, FairEntity*& high) {
    if (!tree) {
        low = high = nullptr;
    } else if (before(*tree, at)) {
        split(tree->right, at, tree->right, high);
        refresh(*tree);
        low = tree;
    } else {
        split(tree->left, at, low, tree->left);
        refresh(*tree);
        high = tree;
    }
}

FairEntity* insert_below(FairEntity* tree, FairEntity& e) {
    if (!tree || tree->heap_key < e.heap_key) {
        split(tree, e, e.left, e.right);
        refresh(e);
        return &e;
    }
    FairEntity*& side = before(e, *tree) ? tree->left : tree->right;
    side = insert_below(side, e);
    refresh(*tree);
    return tree;
}

FairEntity* erase_below(FairEntity* tree, FairEntity& e) {
    if (tree == &e) return merge(e.left, e.right);
    FairEntity*& side = before(e, *tree) ? tree->left : tree->right;
    side = erase_below(side, e);
    refresh(*tree);
    return tree;
}

FairEntity* find_below(FairEntity* tree, bool (*accept)(FairEntity&, void*), void* argument) {
    if (!tree) return nullptr;
    if (auto* found = find_below(tree->right, accept, argument)) return found;
    if (accept(*tree, argument)) return tree;
    return find_below(tree->left, accept, argument);
}
} // namespace

u32 FairQueue::weight_of_nice(int nice) { return weights[static_cast<unsigned>(nice + 20)]; }

void FairQueue::insert(FairEntity& e) {
    seed_ ^= seed_ << 13, seed_ ^= seed_ >> 17, seed_ ^= seed_ << 5; // xorshift32 (Marsaglia, 2003)
    e.heap_key = seed_;
    e.left = e.right = nullptr;
    root_ = insert_below(root_, e);
}

void FairQueue::erase(FairEntity& e) {
    root_ = erase_below(root_, e);
    e.left = e.right = nullptr;
}

void FairQueue::add_to_sums(const FairEntity& e) {
    sum_ += (e.vruntime - base_) * e.weight;
    weights_ += e.weight;
}

void FairQueue::take_from_sums(const FairEntity& e) {
    sum_ -= (e.vruntime - base_) * e.weight;
    weights_ -= e.weight;
}

i64 FairQueue::average() const {
    if (!weights_) return base_;
    i64 w = static_cast<i64>(weights_);
    return base_ + (sum_ >= 0 ? sum_ / w : -((-sum_ + w - 1) / w)); // rounded down
}

void FairQueue::rebase() {
    i64 moved = average() - base_;
    base_ += moved;
    sum_ -= moved * static_cast<i64>(weights_);
}

bool FairQueue::eligible(i64 vruntime) const {
    return static_cast<__int128>(vruntime - base_) * static_cast<__int128>(weights_) <= sum_;
}

void FairQueue::enqueue(FairEntity& e) {
    rebase();
    i64 lag = e.lag;
    // Adding e moves the average away from it: scale its lag so that what it is owed afterwards is `lag`.
    if (weights_)
        lag = static_cast<i64>(static_cast<u64>(lag < 0 ? -lag : lag) * (weights_ + e.weight) / weights_) *
              (lag < 0 ? -1 : 1);
    lag = lag > 4 * max_lag ? 4 * max_lag : lag < -4 * max_lag ? -4 * max_lag : lag;
    e.vruntime = base_ - lag;
    e.deadline = e.vruntime + scaled(e.slice_ns, e.weight);
    add_to_sums(e);
    insert(e);
    count_++;
}

void FairQueue::dequeue(FairEntity& e) {
    i64 lag = average() - e.vruntime;
    e.lag = lag > max_lag ? max_lag : lag < -max_lag ? -max_lag : lag;
    if (current_ == &e)
        current_ = nullptr;
    else
        erase(e);
    take_from_sums(e);
    count_--;
}

FairEntity* FairQueue::pick() const {
    FairEntity* best = current_ && eligible(current_->vruntime) ? current_ : nullptr;
    FairEntity* found = nullptr;
    for (FairEntity* at = root_; at;) {
        if (at->left && eligible(at->left->least_vruntime)) {
            at = at->left;
            continue;
        }
        if (eligible(at->vruntime)) {
            found = at;
            break;
        }
        at = at->right;
    }
    if (!found) return best ? best : current_ ? current_ : root_;
    return best && best->deadline <= found->deadline ? best : found;
}

void FairQueue::set_current(FairEntity* e) {
    if (e == current_) return;
    if (current_) insert(*current_);
    current_ = e;
    if (e) erase(*e);
}

bool FairQueue::charge(u64 ns) {
    if (!current_) return false;
    FairEntity& e = *current_;
    i64 advance = scaled(ns, e.weight);
    e.vruntime += advance;
    sum_ += advance * e.weight;
    if (e.vruntime - base_ > rebase_distance) rebase();
    if (e.vruntime < e.deadline) return false;
    e.deadline = e.vruntime + scaled(e.slice_ns, e.weight);
    return true;
}

u64 FairQueue::slice_left_ns() const {
    if (!current_) return ~u64{0};
    i64 left = current_->deadline - current_->vruntime;
    return left > 0 ? static_cast<u64>(left) * current_->weight / 1024 : 0;
}

void FairQueue::yield_current() {
    if (current_) current_->deadline += scaled(current_->slice_ns, current_->weight);
}

bool FairQueue::preempts(const FairEntity& e) const {
    return !current_ || (eligible(e.vruntime) && (e.deadline < current_->deadline || !eligible(current_->vruntime)));
}

FairEntity* FairQueue::find(bool (*accept)(FairEntity&, void*), void* argument) const {
    return find_below(root_, accept, argument);
}

// What the fuzzer calls with: the system calls of the kernel's own table, and an argument of each kind.
#pragma once
#include <stddef.h>

enum class Kind { none, path, in, out, fd, dirfd, number, size, bytes, elements, address };
struct Row {
    const char* name;
    long number;
    bool counts; // its result is a count: of no use here
    Kind arguments[6];
};
extern const Row rows[];
extern const size_t row_count;

/// A generator that gives the same numbers for the same seed on both processors.
class Random {
public:
    explicit Random(unsigned long seed) : state_{seed * 0x9e3779b97f4a7c15ul + 1} {}
    unsigned long next();
    /// 0 .. n - 1.
    unsigned below(unsigned n) { return static_cast<unsigned>((next() >> 32) % n); }
    bool one_in(unsigned n) { return below(n) == 0; }

private:
    unsigned long state_;
};

/// What a process of the fuzzer works with: memory with holes, descriptors of every sort, children of its own.
class World {
public:
    explicit World(Random& random) : random_{random} {}
    /// A thread's own view of the same world.
    World(Random& random, const World& other)
        : random_{random}, arena_{other.arena_}, ground_{other.ground_}, count_{other.count_} {
        for (int i = 0; i < count_; i++) descriptors_[i] = other.descriptors_[i];
        for (int i = 0; i < 4; i++) children_[i] = other.children_[i];
    }
    /// Makes files, folders, descriptors and children below the working directory.
    void make();
    /// Registers for a call of this row.
    void arguments(const Row&, long (&registers)[6]);
    /// A call made a descriptor, or a process.
    void learn(const Row&, long result);

private:
    void open_all();
    long any_number();
    long any_size();
    long any_descriptor();
    long any_process();
    long any_pointer(const Row&);
    long any_path();
    long hinted(const Row&, int at, bool& known);
    void spare(const Row&, long (&registers)[6]);
    char* room();
    void fill(char* to, const Row&);

    Random& random_;
    char *arena_ = nullptr, *ground_ = nullptr; // what pointers lead to; what is mapped, protected and moved
    int descriptors_[64];
    int count_ = 0;
    int children_[4] = {};
};

/// True for calls that would end the round, the machine or the fuzzer's own control over it.
bool left_out(const Row&);
/// True for calls that mostly end the process that makes them: tried now and then.
bool ends_the_round(const Row&);

// In place of Boost's: its hashes of strings, complex numbers and system errors need a hosted library. The kernel's
// hash tables always name their own hash; for integers and pointers this one gives boost::hash an overload to find.
#pragma once
#include <concepts>
#include <cstddef>

namespace boost {
template <class T>
struct hash {
    std::size_t operator()(const T& value) const { return hash_value(value); }
};
template <std::integral T>
struct hash<T> {
    std::size_t operator()(T value) const { return static_cast<std::size_t>(value) * 0x9e3779b97f4a7c15; }
};
} // namespace boost

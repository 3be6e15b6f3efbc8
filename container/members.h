// Every member that the OCI runtime specification (1.0 to 1.2, and what 1.3 adds) gives a config.json for Linux, and
// what becomes of it: the one list of what is read and what is refused.
#pragma once
#include "container/json.h"
#include <span>

namespace container {
enum class Treatment : u8 {
    read,     // by the parser, which enforces it or refuses its value; an object: its members stand below it
    unneeded, // means nothing here, whatever it says: accepted. The note says why
    refused,  // is not done: only a value that asks for nothing is accepted
    within,   // a part of something that is refused as a whole
};
struct Member {
    std::string_view path; // "mounts[].options[]"; {} stands for the members of an object with names of its own
    json::Kind kind;
    Treatment treatment;
    /// Besides absent, null, 0, false, "", [] and {}: what a refused member may say, since it asks for nothing.
    std::string_view nothing = {};
    std::string_view note = {};
};
std::span<const Member> specified_members();

/// The types of all members below `root`, and that nothing is asked for that is not done; the complaint names the
/// member. Members that the specification does not know are skipped, as it demands. `prefix`: what `root` is itself, ""
/// for the whole config.json, or "process.".
Result<> check_members(const json::Field& root, std::string_view prefix);
} // namespace container

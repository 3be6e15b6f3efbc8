#include "container/members.h"
#include "container/spec_parts.h"
#include <charconv>

namespace container {
using json::Field;

Result<String> text_of(const Field& field) {
    auto text = TRY(field.string());
    if (text.size() >= 128 * KiB) return field.refuse("is longer than 128 KiB"); // MAX_ARG_STRLEN's size
    return String::create(text);
}
Result<String> path_in_container(const Field& field) {
    auto path = TRY(field.string());
    if (path.size() >= 4095) return field.refuse("is longer than 4,094 bytes");
    if (path.empty()) return field.refuse("is empty");
    auto made = TRY(String::create(path.starts_with('/') ? "" : "/"));
    TRY(made.append(path));
    return made;
}
Result<String> absolute_path(const Field& field) {
    if (!TRY(field.string()).starts_with('/')) return field.refuse("is not an absolute path");
    return path_in_container(field);
}

namespace {
/// Versions are "1.minor.patch", perhaps with a suffix; minor versions only add fields.
Result<String> parse_version(const Field& field) {
    auto version = TRY(field.string());
    unsigned numbers[3];
    const char* at = version.data();
    const char* end = at + version.size();
    for (int i = 0; i < 3; i++) {
        auto [after, problem] = std::from_chars(at, end, numbers[i]);
        if (at != end && *at == '0' && after != at + 1) problem = std::errc::invalid_argument; // "01": semver.org
        if (problem != std::errc{} || (i < 2 && (after == end || *after != '.')))
            return field.refuse("is not a version like \"1.2.0\"");
        at = after + (i < 2);
    }
    if (at != end && *at != '-' && *at != '+') return field.refuse("is not a version like \"1.2.0\"");
    if (numbers[0] != 1) return field.refuse("is not supported: Rundlet reads version 1");
    return String::create(version);
}

/// Lexically inside the bundle, or absolute; that it lies in the bundle all the same is checked when it is opened.
Result<> parse_root(const Field& root, Spec& to) {
    if (!root.present()) return root.refuse("is missing: the container has no file tree");
    Field path = root["path"];
    to.root_path = TRY(text_of(path));
    std::string_view rest = to.root_path;
    if (rest.empty()) return path.refuse("is empty");
    bool absolute = rest.starts_with('/');
    while (!absolute && !rest.empty()) {
        auto slash = std::min(rest.find('/'), rest.size());
        if (rest.substr(0, slash) == "..") return path.refuse("leaves the bundle");
        rest.remove_prefix(std::min(slash + 1, rest.size()));
    }
    to.root_readonly = TRY(root["readonly"].boolean_or(false));
    return {};
}

Result<> parse_annotations(const Field& object, Spec& to) {
    return object.for_each_member([&](const Field& member) -> Result<> {
        auto value = TRY(text_of(member));
        return to.annotations.push({TRY(String::create(member.name())), std::move(value)});
    });
}

Result<String> host_name(const Field& field) {
    auto name = TRY(field.string_or(""));
    if (name.size() > 64) return field.refuse("is longer than 64 bytes");
    return String::create(name);
}
} // namespace

Result<Spec> parse_spec(Vector<char> text, json::Complaint& why) {
    auto document = TRY(json::Document::parse(std::move(text), why));
    Field config{document, why};
    if (config.kind() != json::Kind::object) return config.refuse("is not an object");
    TRY(check_members(config, ""));
    Spec to;
    to.oci_version = TRY(parse_version(config["ociVersion"]));
    TRY(parse_root(config["root"], to));
    to.hostname = TRY(host_name(config["hostname"]));
    to.domainname = TRY(host_name(config["domainname"]));
    if (!config["process"].present()) return config["process"].refuse("is missing: the container has nothing to run");
    to.process = TRY(parse_process(config["process"], nullptr));
    TRY(parse_mounts(config["mounts"], to));
    TRY(parse_linux(config["linux"], to));
    TRY(parse_annotations(config["annotations"], to));
    return to;
}
} // namespace container

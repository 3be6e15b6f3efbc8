#include "container/spec.h"
#include <cstring>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <string>
#include <vector>

namespace {
using container::parse_spec;
using container::Spec;

Vector<char> bytes(const std::string& s) {
    Vector<char> v;
    EXPECT_TRUE(v.resize(s.size()));
    if (!s.empty()) std::memcpy(v.data(), s.data(), s.size());
    return v;
}
/// The complaint about a config that must be refused.
std::string complaint(const std::string& text) {
    json::Complaint why;
    auto spec = parse_spec(bytes(text), why);
    EXPECT_FALSE(spec) << text;
    if (!spec) EXPECT_EQ(spec.error(), Errno::inval);
    return std::string{why.text()};
}
/// The smallest config, with `process` members, and further top-level members.
std::string config(const std::string& process = "", const std::string& more = "") {
    return R"({"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"cwd":"/","args":["sh"])" + process + "}" +
           more + "}";
}
Spec good(const std::string& text) {
    json::Complaint why;
    auto spec = parse_spec(bytes(text), why);
    EXPECT_TRUE(spec) << why.text();
    return spec ? std::move(*spec) : Spec{};
}

TEST(Spec, Smallest) {
    Spec s = good(config());
    EXPECT_EQ(s.root_path.view(), "rootfs");
    EXPECT_EQ(s.process.args.size(), 1u);
    EXPECT_EQ(s.process.effective, 0u);
    EXPECT_EQ(s.memory_limit, ~u64{0});
}

TEST(Spec, Process) {
    Spec s = good(config(R"(,"terminal":true,"env":["A=b","TERM=xterm"],"user":{"uid":7,"gid":8,"umask":63,
        "additionalGids":[3,4]},"noNewPrivileges":true,"capabilities":{"bounding":["CAP_KILL","CAP_MKNOD"],
        "permitted":["CAP_KILL"],"effective":["CAP_KILL"]},
        "rlimits":[{"type":"RLIMIT_NOFILE","soft":10,"hard":20},{"type":"RLIMIT_AS","soft":-1,"hard":-1}])"));
    EXPECT_TRUE(s.process.terminal && s.process.no_new_privileges);
    EXPECT_EQ(s.process.env[1].view(), "TERM=xterm");
    EXPECT_EQ(s.process.uid, 7u);
    EXPECT_EQ(s.process.umask, 077u);
    EXPECT_EQ(s.process.groups.size(), 2u);
    EXPECT_EQ(s.process.bounding, CapabilitySet{1} << CAP_KILL | CapabilitySet{1} << CAP_MKNOD);
    EXPECT_EQ(s.process.effective, CapabilitySet{1} << CAP_KILL);
    EXPECT_EQ(s.process.rlimits[0].limit.hard, 20u);
    EXPECT_EQ(s.process.rlimits[1].limit.soft, ~u64{0});
}

TEST(Spec, Mounts) {
    Spec s = good(config("", R"(,"mounts":[
        {"destination":"/proc","type":"proc","source":"proc"},
        {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755","size=64k"]},
        {"destination":"/data","source":"data","options":["rbind","ro"]}])"));
    ASSERT_EQ(s.mounts.size(), 3u);
    EXPECT_EQ(s.mounts[1].flags, unsigned{MS_NOSUID | MS_STRICTATIME});
    EXPECT_EQ(s.mounts[1].options.view(), "mode=755,size=64k");
    EXPECT_EQ(s.mounts[2].flags, unsigned{MS_BIND | MS_REC | MS_RDONLY});
}

TEST(Spec, Limits) {
    Spec s = good(config("", R"(,"linux":{"resources":{"memory":{"limit":33554432,"swap":33554432},"pids":{"limit":50},
        "devices":[{"allow":false,"access":"rwm"}]},"maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],
        "namespaces":[{"type":"pid"},{"type":"network"}]})"));
    EXPECT_EQ(s.memory_limit, 32 * MiB);
    EXPECT_EQ(s.pids_limit, 50u);
    EXPECT_EQ(s.masked_paths[0].view(), "/proc/kcore");
}

TEST(Spec, UnknownFieldsAreSkipped) {
    good(config("", R"(,"windows":{"layerFolders":["x"]},"somethingNew":[1,{"a":null}])"));
}

TEST(Spec, Versions) {
    auto with = [](const std::string& version) {
        return R"({"ociVersion":)" + version + R"(,"root":{"path":"r"},"process":{"cwd":"/","args":["a"]}})";
    };
    good(with("\"1.0.0\""));
    good(with("\"1.2.1-rc.1\""));
    EXPECT_EQ(complaint(with("\"2.0.0\"")), "ociVersion: \"2.0.0\" is not supported: Rundlet reads version 1");
    EXPECT_EQ(complaint(with("\"one\"")), "ociVersion: \"one\" is not a version like \"1.2.0\"");
    EXPECT_EQ(complaint(with("1")), "ociVersion: 1 is not a string");
}

TEST(Spec, RootStaysInTheBundle) {
    auto with = [](const std::string& root) {
        return R"({"ociVersion":"1.0.0","root":)" + root + R"(,"process":{"cwd":"/","args":["a"]}})";
    };
    EXPECT_EQ(complaint(with(R"({"path":"/etc"})")), "root.path: \"/etc\" is absolute: it must lie in the bundle");
    EXPECT_EQ(complaint(with(R"({"path":"a/../../b"})")), "root.path: \"a/../../b\" leaves the bundle");
    EXPECT_EQ(complaint(with(R"({"path":""})")), "root.path: \"\" is empty");
    EXPECT_EQ(complaint(with("null")), "root: is missing: the container has no file tree");
}

TEST(Spec, ComplaintsNameTheFieldAndTheValue) {
    EXPECT_EQ(complaint(config(R"(,"env":[1])")), "process.env[0]: 1 is not a string");
    EXPECT_EQ(complaint(config(R"(,"user":{"uid":-1})")), "process.user.uid: -1 is not in 0..4294967294");
    EXPECT_EQ(complaint(config(R"(,"user":[])")), "process.user: [...] is not an object");
    EXPECT_EQ(complaint(config(R"(,"capabilities":{"bounding":["CAP_FLY"]})")),
              "process.capabilities.bounding[0]: \"CAP_FLY\" is not a capability");
    EXPECT_EQ(complaint(config(R"(,"rlimits":[{"type":"RLIMIT_NOFILE","soft":5,"hard":1}])")),
              "process.rlimits[0].soft: 5 is above the hard limit");
    EXPECT_EQ(complaint(config("", R"(,"linux":{"resources":{"memory":{"limit":"lots"}}})")),
              "linux.resources.memory.limit: \"lots\" is not a number");
    EXPECT_EQ(complaint(config("", R"(,"mounts":[{"destination":"tmp","type":"tmpfs"}])")),
              "mounts[0].destination: \"tmp\" is not an absolute path");
    EXPECT_EQ(complaint(config(R"(,"env":["a\u0000b"])")), "process.env[0]: \"a\\u0000b\" has a null byte");
}

TEST(Spec, UnenforcedProtectionIsRefused) {
    const std::string tail = " is not supported: Rundlet would not enforce it";
    EXPECT_EQ(complaint(config("", R"(,"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO"}})")),
              "linux.seccomp: {...}" + tail);
    EXPECT_EQ(complaint(config("", R"(,"linux":{"resources":{"cpu":{"quota":5}}})")),
              "linux.resources.cpu: {...}" + tail);
    EXPECT_EQ(complaint(config(R"(,"apparmorProfile":"strict")")), "process.apparmorProfile: \"strict\"" + tail);
    EXPECT_EQ(complaint(config("", R"(,"hooks":{"prestart":[{"path":"/x"}]})")), "hooks.prestart: [...]" + tail);
    EXPECT_EQ(complaint(config("", R"(,"linux":{"namespaces":[{"type":"user"}]})")),
              "linux.namespaces[0].type: \"user\" is not supported");
    EXPECT_EQ(complaint(config(
                  "", R"(,"linux":{"resources":{"devices":[{"allow":true,"type":"c","major":10,"minor":229}]}})")),
              "linux.resources.devices[0]: {...} is not supported: only the default devices can be used");
}

TEST(Spec, HostileText) {
    EXPECT_EQ(complaint(""), "config.json: line 1: The document is empty.");
    EXPECT_EQ(complaint("[]"), "config.json: [...] is not an object");
    EXPECT_EQ(complaint("{\n\"a\":}"), "config.json: line 2: Invalid value.");
    EXPECT_EQ(complaint(std::string(100'000, '[')), "config.json: line 1 is nested deeper than 64");
    EXPECT_EQ(complaint("{\"a\":1.5}"), "config.json: line 1 has a number that is not whole");
    EXPECT_EQ(complaint("{\"a\":1e400}"), "config.json: line 1 has a number that is not whole");
    EXPECT_EQ(complaint("{\"a\":1234567890123456789}"), "config.json: line 1 has a number of more than 18 digits");
    EXPECT_EQ(complaint("{\"a\":1,\"a\":2}"), "config.json: \"a\" stands twice in one object");
    EXPECT_EQ(complaint(std::string("{\"a\0\":1}", 8)), "config.json: line 1 has a null byte");
    EXPECT_EQ(complaint("{\"a\":\"\xff\"}"), "config.json: line 1: Invalid encoding in string.");
    for (const char* cut : {"\"\xee", "\"\xf1", "\"\xf1\x80", "{\"\xc3"})
        EXPECT_EQ(complaint(cut), "config.json: line 1: Invalid encoding in string.");
    std::string many = "[";
    for (int i = 0; i < 200'000; i++) many += "0,";
    EXPECT_EQ(complaint(many + "0]"), "config.json: more than 100000 values");
}

/// Each value of a well-formed text: its path as a complaint names it, and where it stands.
struct Value {
    std::string path, parent;
    usize begin, end;
};
class Values {
public:
    explicit Values(const std::string& text) : text_{text} { value("", ""); }
    std::vector<Value> all;

private:
    void space() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) at_++;
    }
    std::string string() {
        usize begin = ++at_;
        while (text_[at_] != '"') at_++;
        return text_.substr(begin, at_++ - begin);
    }
    void value(const std::string& path, const std::string& parent) {
        space();
        usize begin = at_, slot = all.size();
        all.push_back({path, parent, begin, 0});
        if (text_[at_] == '{' || text_[at_] == '[') {
            bool object = text_[at_++] == '{';
            for (int i = 0; space(), text_[at_] != '}' && text_[at_] != ']'; i++) {
                if (text_[at_] == ',') at_++, space();
                std::string name = object ? string() : "";
                if (object) space(), at_++; // the colon
                value(object ? path + (path.empty() ? "" : ".") + name : path + "[" + std::to_string(i) + "]", path);
                space();
            }
            at_++;
        } else if (text_[at_] == '"') {
            string();
        } else {
            while (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '-') at_++;
        }
        all[slot].end = at_;
    }
    const std::string& text_;
    usize at_ = 0;
};

/// Every field with a value of every other type: taken, or refused with its own name, or the name of what it stands in.
TEST(Spec, WrongTypesOfEveryField) {
    const std::string whole = R"({"ociVersion":"1.0.2","root":{"path":"rootfs","readonly":true},"hostname":"h",
        "domainname":"d","process":{"terminal":true,"consoleSize":{"height":1,"width":1},"cwd":"/","args":["sh"],
        "env":["A=b"],"user":{"uid":1,"gid":2,"umask":3,"additionalGids":[4]},"noNewPrivileges":true,
        "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"],
        "inheritable":["CAP_KILL"],"ambient":["CAP_KILL"]},"rlimits":[{"type":"RLIMIT_NOFILE","soft":5,"hard":5}],
        "oomScoreAdj":0},"mounts":[{"destination":"/a","type":"tmpfs","source":"s","options":["ro","size=1m"]}],
        "annotations":{"a":"b"},"hooks":{},"linux":{"namespaces":[{"type":"pid","path":""}],"maskedPaths":["/a"],
        "readonlyPaths":["/b"],"rootfsPropagation":"private","cgroupsPath":"/c","devices":[{"path":"/dev/null",
        "type":"c","major":1,"minor":3,"fileMode":438,"uid":0,"gid":0}],"resources":{"devices":[{"allow":false,
        "access":"rwm"}],"memory":{"limit":33554432,"swap":33554432},"pids":{"limit":50}}}})";
    good(whole);
    Values values{whole};
    ASSERT_GT(values.all.size(), 80u);
    usize refused = 0;
    for (const Value& v : values.all)
        for (const char* wrong : {"null", "true", "-7", "99999999999999999", "\"x\"", "\"\"", "[]", "[{}]", "[[]]",
                                  "{}", "{\"x\":1}", "[1]", "[\"\"]"}) {
            json::Complaint why;
            auto spec = parse_spec(bytes(whole.substr(0, v.begin) + wrong + whole.substr(v.end)), why);
            if (spec) continue;
            refused++;
            std::string said{why.text()};
            EXPECT_EQ(spec.error(), Errno::inval) << v.path << " = " << wrong;
            EXPECT_TRUE(said.contains(": ") && (said.starts_with(v.path) || said.starts_with(v.parent)))
                << v.path << " = " << wrong << ": " << said;
        }
    EXPECT_GT(refused, 500u);
}

/// Every prefix of a good config is refused and leaks nothing (the sanitizers watch).
TEST(Spec, Truncated) {
    std::string whole =
        config(R"(,"env":["A=\u00e9"],"user":{"uid":1})", R"(,"mounts":[{"destination":"/a","type":"tmpfs"}])");
    for (usize n = 0; n < whole.size(); n++) complaint(whole.substr(0, n));
}
} // namespace

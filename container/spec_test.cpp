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
        "rlimits":[{"type":"RLIMIT_NOFILE","soft":10,"hard":20},{"type":"RLIMIT_AS","soft":1e3,"hard":18446744073709551615}],"oomScoreAdj":-1000)"));
    EXPECT_TRUE(s.process.terminal && s.process.no_new_privileges);
    EXPECT_EQ(s.process.env[1].view(), "TERM=xterm");
    EXPECT_EQ(s.process.uid, 7u);
    EXPECT_EQ(s.process.umask, 077u);
    EXPECT_EQ(s.process.groups.size(), 2u);
    EXPECT_EQ(s.process.bounding, CapabilitySet{1} << CAP_KILL | CapabilitySet{1} << CAP_MKNOD);
    EXPECT_EQ(s.process.effective, CapabilitySet{1} << CAP_KILL);
    EXPECT_EQ(s.process.rlimits[0].limit.hard, 20u);
    EXPECT_EQ(s.process.rlimits[1].limit.soft, 1000u);
    EXPECT_EQ(s.process.rlimits[1].limit.hard, ~u64{0});
    EXPECT_EQ(s.process.oom_score_adjustment, -1000);
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
    s = good(config("", R"(,"mounts":[
        {"destination":"a/b","type":"tmpfs","options":["rro","rnosuid,nosymfollow,size=1m","rsuid","tmpcopyup",
         "lazytime","nomand","noiversion","rshared"]}],"linux":{"maskedPaths":["proc/x"],"readonlyPaths":["y"]})"));
    EXPECT_EQ(s.mounts[0].destination.view(), "/a/b");
    EXPECT_EQ(s.mounts[0].flags, unsigned{MS_NOSYMFOLLOW});
    EXPECT_EQ(s.mounts[0].set_below, unsigned{MS_RDONLY});
    EXPECT_EQ(s.mounts[0].clear_below, unsigned{MS_NOSUID});
    EXPECT_EQ(s.mounts[0].options.view(), "size=1m");
    EXPECT_TRUE(s.mounts[0].copy_up);
    EXPECT_EQ(s.masked_paths[0].view(), "/proc/x");
    EXPECT_EQ(s.readonly_paths[0].view(), "/y");
}

TEST(Spec, Environment) {
    Spec s = good(config(R"(,"env":["A=1","PATH=/nowhere","B=","A=2","PATH=/bin","A=3"])"));
    std::string all;
    for (const String& variable : s.process.env) all += std::string{variable.view()} + " ";
    EXPECT_EQ(all, "A=3 PATH=/bin B= ");
    EXPECT_EQ(complaint(config(R"(,"env":["A=1","NAME"])")), "process.env[1]: \"NAME\" has no \"=\"");
    EXPECT_EQ(complaint(config(R"(,"env":["=1"])")), "process.env[0]: \"=1\" has no name");
    std::string many = R"(,"env":["A=b")";
    for (int i = 0; i < 90'000; i++) many += R"(,"A=")";
    EXPECT_EQ(complaint(config(many + "]")), "process.env: [...] has more than 4,096 elements");
    many = R"(,"user":{"additionalGids":[0)";
    for (int i = 1; i < 70'000; i++) many += "," + std::to_string(i);
    EXPECT_EQ(complaint(config(many + "]}")),
              "process.user.additionalGids[65536]: 65536 is beyond the limit of 65,536 groups");
}

TEST(Spec, Numbers) {
    auto limit = [](const std::string& n) {
        return config("", R"(,"linux":{"resources":{"memory":{"limit":)" + n + "}}}");
    };
    for (const char* n : {"33554432", "33554432.000", "3355443.2e1", "3.3554432E+07", "335544320e-1", "33554432e0"})
        EXPECT_EQ(good(limit(n)).memory_limit, 32 * MiB) << n;
    // No limit, as runc has it.
    for (const char* n : {"0", "-0", "0.0e9", "-1", "9223372036854771712", "9223372036854775807"})
        EXPECT_EQ(good(limit(n)).memory_limit, ~u64{0}) << n;
    EXPECT_EQ(good(limit("9223372036854767616")).memory_limit, 9223372036854767616u);
    const std::string name = "linux.resources.memory.limit: ", range = " is not in -1..9223372036854775807";
    for (std::string n : {"9223372036854775808", "18446744073709551616", "1e40", "1e999999999999", "-2", "-1e30"})
        EXPECT_EQ(complaint(limit(n)), name + n + range);
    EXPECT_EQ(complaint(limit(std::string(100, '9'))), name + std::string(60, '9') + "..." + range);
    for (std::string n : {"1.5", "33554432.01", "1e-1", "123e-4"})
        EXPECT_EQ(complaint(limit(n)), name + n + " is not a whole number");
    for (const char* n : {"01", "-", "1.", ".5", "1e", "1e+", "+1", "0x10", "NaN", "1.e1", "--1"})
        EXPECT_TRUE(complaint(limit(n)).starts_with("config.json: line 1: ")) << n << ": " << complaint(limit(n));
    auto pids = [](const std::string& n) {
        return config("", R"(,"linux":{"resources":{"pids":{"limit":)" + n + "}}}");
    };
    for (const char* n : {"0", "-1", "-9223372036854775808"}) EXPECT_EQ(good(pids(n)).pids_limit, ~u32{0}) << n;
    EXPECT_EQ(complaint(pids("9223372036854775807")), "linux.resources.pids.limit: 9223372036854775807 is not in "
                                                      "-9223372036854775808..4194304");
}

TEST(Spec, DeviceRules) {
    auto rules = [](const std::string& list) {
        return config("", R"(,"linux":{"resources":{"devices":[)" + list + "]}}");
    };
    // As engines write them.
    good(rules(R"({"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":-1,"minor":-1,"access":"m"},
        {"allow":true,"type":"b","major":-1,"minor":-1,"access":"m"},{"allow":true,"type":"c","major":1,"minor":3,
        "access":"rwm"},{"allow":true,"type":"c","major":136,"minor":-1,"access":"rwm"},
        {"allow":false,"type":"c","major":10,"minor":229,"access":"rwm"},{"allow":false,"type":"b","access":"rwm"})"));
    const std::string only = "linux.resources.devices[0]: {...} is not supported: only the default devices can be used";
    for (const char* rule :
         {R"({"allow":true,"type":"c","major":10,"minor":229})", R"({"allow":true})",
          R"({"allow":true,"type":"c","major":1})", R"({"allow":true,"type":"b","major":8,"minor":0})",
          R"({"allow":true,"type":"c","major":4294967295,"minor":4294967295,"access":"r"})"})
        EXPECT_EQ(complaint(rules(rule)), only) << rule;
    const std::string stay =
        "linux.resources.devices[0]: {...} is not supported: the default devices can only be denied "
        "with all others, and stay";
    for (const char* rule : {R"({"allow":false,"type":"c","major":1,"minor":3})", R"({"allow":false,"type":"c"})",
                             R"({"allow":false,"type":"c","major":5,"access":"w"})"})
        EXPECT_EQ(complaint(rules(rule)), stay) << rule;
    EXPECT_EQ(complaint(rules(R"({"allow":true,"type":"c","major":1,"minor":3,"access":"rx"})")),
              "linux.resources.devices[0].access: \"rx\" is not made of r, w and m");
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
    EXPECT_EQ(complaint(with("\"01.0.0\"")), "ociVersion: \"01.0.0\" is not a version like \"1.2.0\"");
    EXPECT_EQ(complaint(with("\"one\"")), "ociVersion: \"one\" is not a version like \"1.2.0\"");
    EXPECT_EQ(complaint(with("1")), "ociVersion: 1 is not a string");
}

TEST(Spec, RootStaysInTheBundle) {
    auto with = [](const std::string& root) {
        return R"({"ociVersion":"1.0.0","root":)" + root + R"(,"process":{"cwd":"/","args":["a"]}})";
    };
    good(with(R"({"path":"/where/the/bundle/is/rootfs"})")); // whether it is so is seen when it is opened
    EXPECT_EQ(complaint(with(R"({"path":"a/../../b"})")), "root.path: \"a/../../b\" leaves the bundle");
    EXPECT_EQ(complaint(with(R"({"path":""})")), "root.path: \"\" is empty");
    EXPECT_EQ(complaint(with("null")), "root: is missing: the container has no file tree");
}

TEST(Spec, ComplaintsNameTheFieldAndTheValue) {
    EXPECT_EQ(complaint(config(R"(,"env":[1])")), "process.env[0]: 1 is not a string");
    EXPECT_EQ(complaint(config(R"(,"user":{"uid":-1})")), "process.user.uid: -1 is not in 0..4294967294");
    EXPECT_EQ(complaint(config(R"(,"user":[])")), "process.user: [...] is not an object");
    EXPECT_EQ(good(config(R"(,"capabilities":{"bounding":["CAP_FLY","cap_kill"]})")).process.bounding, 0u);
    EXPECT_EQ(complaint(config(R"(,"rlimits":[{"type":"RLIMIT_NOFILE","soft":5,"hard":1}])")),
              "process.rlimits[0].soft: 5 is above the hard limit");
    EXPECT_EQ(complaint(config("", R"(,"linux":{"resources":{"memory":{"limit":"lots"}}})")),
              "linux.resources.memory.limit: \"lots\" is not a number");
    EXPECT_EQ(complaint(config("", R"(,"linux":{"namespaces":[{"type":"pid"},{"type":"uts"},{"type":"pid"}]})")),
              "linux.namespaces[2].type: \"pid\" stands twice");
    EXPECT_EQ(complaint(config("", R"(,"linux":{"rootfsPropagation":"sideways"})")),
              "linux.rootfsPropagation: \"sideways\" is not a propagation");
    EXPECT_EQ(complaint(config("", R"(,"mounts":[{"destination":"/a","type":"tmpfs","options":["ro,,rw"]}])")),
              "mounts[0].options[0]: \"ro,,rw\" is not supported");
    EXPECT_EQ(complaint(config(R"(,"env":["a\u0000b"])")), "process.env[0]: \"a\\u0000b\" has a null byte");
}

TEST(Spec, NamespacesOfOthers) {
    auto spec = [](const std::string& type, const std::string& path) {
        return config("", R"(,"linux":{"namespaces":[{"type":")" + type + R"(","path":")" + path + "\"}]}");
    };
    Spec s = good(spec("uts", "/proc/17/ns/uts"));
    ASSERT_EQ(s.joins.size(), 1u);
    EXPECT_EQ(s.joins[0].kind, container::JoinSpec::Kind::uts);
    EXPECT_EQ(s.joins[0].process, 17);
    EXPECT_EQ(good(spec("network", "/proc/1/ns/net")).joins[0].kind, container::JoinSpec::Kind::network);
    for (const char* path : {"/proc/0/ns/uts", "/proc//ns/uts", "/proc/ns/uts", "/proc/-1/ns/uts", "/proc/1/ns/ipc",
                             "/proc/1x/ns/uts", "/proc/99999999999/ns/uts", "/run/uts", "/proc/1/ns/uts/"})
        EXPECT_EQ(complaint(spec("uts", path)), "linux.namespaces[0].path: \"" + std::string{path} +
                                                    "\" is not supported: it is not /proc/PID/ns/TYPE");
    EXPECT_EQ(good(spec("time", "/proc/1/ns/time")).joins[0].kind, container::JoinSpec::Kind::time);
    EXPECT_EQ(complaint(spec("pid", "/proc/1/ns/pid")),
              "linux.namespaces[0].path: \"/proc/1/ns/pid\" is not supported: "
              "a container has its own of this type");
}

TEST(Spec, TimeOffsets) {
    auto spec = [](const std::string& offsets, const std::string& path = "") {
        return config("", R"(,"linux":{"namespaces":[{"type":"time","path":")" + path + R"("}],"timeOffsets":)" +
                              offsets + "}");
    };
    Spec s = good(spec(R"({"monotonic":{"secs":-3,"nanosecs":999999999},"boottime":{"secs":4611686018}})"));
    EXPECT_EQ(s.time_offsets.monotonic, -2'000'000'001);
    EXPECT_EQ(s.time_offsets.boottime, 4'611'686'018'000'000'000);
    EXPECT_EQ(good(spec(R"({"boottime":{"nanosecs":5}})")).time_offsets.boottime, 5);
    EXPECT_EQ(good(spec("{}", "/proc/1/ns/time")).joins.size(), 1u);
    EXPECT_EQ(complaint(spec(R"({"boottime":{"secs":1}})", "/proc/1/ns/time")),
              "linux.timeOffsets: {...} is not supported: the clocks are those of another's namespace");
    EXPECT_EQ(complaint(spec(R"({"realtime":{"secs":1}})")),
              "linux.timeOffsets.realtime: {...} is not an offset of a clock that can have one");
    EXPECT_EQ(complaint(spec(R"({"boottime":{"nanosecs":-1}})")),
              "linux.timeOffsets.boottime.nanosecs: -1 is not in 0..999999999");
    EXPECT_EQ(complaint(config("", R"(,"linux":{"timeOffsets":{"boottime":{"secs":1}}})")),
              "linux.namespaces: has none of type \"time\", whose clocks linux.timeOffsets sets");
}

TEST(Spec, UserMaps) {
    auto extent = [](long inside, long outside, long size) {
        return R"({"containerID":)" + std::to_string(inside) + R"(,"hostID":)" + std::to_string(outside) +
               R"(,"size":)" + std::to_string(size) + "}";
    };
    auto spec = [&](const std::string& uids, const std::string& path = "") {
        return config("", R"(,"linux":{"namespaces":[{"type":"user","path":")" + path + R"("}],"uidMappings":[)" +
                              uids + R"(],"gidMappings":[)" + (uids.empty() ? "" : extent(0, 7, 1)) + "]}");
    };
    Spec s = good(spec(extent(5, 100, 2) + "," + extent(0, 200, 5)));
    EXPECT_EQ(s.uid_map.to_kernel(6), 101u);
    EXPECT_EQ(s.uid_map.to_user(204), 4u);
    EXPECT_EQ(s.gid_map.to_kernel(0), 7u);
    EXPECT_EQ(good(spec("", "/proc/17/ns/user")).joins[0].kind, container::JoinSpec::Kind::user);
    EXPECT_EQ(complaint(spec(extent(0, 1, 1), "/proc/17/ns/user")),
              "linux.uidMappings: [...] is not supported: the IDs are those of another's namespace");
    EXPECT_EQ(complaint(spec(extent(1, 1, 1))),
              "linux.uidMappings: [...] does not map 0, who owns what a container gets");
    const std::string bad = "linux.uidMappings: [...] has elements that overlap, or goes beyond the last ID";
    EXPECT_EQ(complaint(spec(extent(0, 1, 2) + "," + extent(1, 50, 1))), bad);
    EXPECT_EQ(complaint(spec(extent(0, 1, 2) + "," + extent(5, 2, 1))), bad);
    EXPECT_EQ(complaint(spec(extent(0, 4294967290, 6))), bad);
    good(spec(extent(0, 4294967290, 5)));
    std::string many = extent(0, 0, 1);
    for (long i = 1; i < 340; i++) many += "," + extent(2 * i, 3 * i, 1);
    good(spec(many));
    EXPECT_EQ(complaint(spec(many + "," + extent(9999, 9999, 1))),
              "linux.uidMappings: [...] has more than 340 elements");
    EXPECT_EQ(complaint(config("", R"(,"linux":{"gidMappings":[)" + extent(0, 1, 1) + "]}")),
              "linux.namespaces: has none of type \"user\", which linux.uidMappings is for");
}

TEST(Spec, UnenforcedProtectionIsRefused) {
    const std::string tail = " is not supported: Rundlet would not enforce it";
    EXPECT_EQ(complaint(config("", R"(,"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO"}})")),
              "linux.seccomp.defaultAction: \"SCMP_ACT_ERRNO\"" + tail);
    EXPECT_EQ(complaint(config("", R"(,"linux":{"resources":{"cpu":{"quota":5}}})")),
              "linux.resources.cpu.quota: 5" + tail);
    EXPECT_EQ(complaint(config(R"(,"apparmorProfile":"strict")")),
              "process.apparmorProfile: \"strict\" is not supported: there is no AppArmor");
    EXPECT_EQ(complaint(config("", R"(,"hooks":{"prestart":[{"path":"/x"}]})")),
              "hooks.prestart: [...] is not supported: hooks are not run");
    EXPECT_EQ(complaint(config("", R"(,"linux":{"namespaces":[{"type":"user"}]})")),
              "linux.uidMappings: is missing: a user namespace without a path has maps");
}

TEST(Spec, HostileText) {
    auto line = [](int n, const std::string& what) { return "config.json: line " + std::to_string(n) + ": " + what; };
    EXPECT_EQ(complaint(""), line(1, "is empty: a value is expected"));
    EXPECT_EQ(complaint("[]"), "config.json: [...] is not an object");
    EXPECT_EQ(complaint("{\n\"a\":}"), line(2, "a value is expected"));
    EXPECT_EQ(complaint("{\n'a':1}"), line(2, "the name of a member is expected"));
    EXPECT_EQ(complaint("{\"a\"\n\n1}"), line(3, "a colon is expected"));
    EXPECT_EQ(complaint("{\"a\":1 \"b\":2}"), line(1, "a comma or } is expected"));
    EXPECT_EQ(complaint("[1,]"), line(1, "a value is expected"));
    EXPECT_EQ(complaint("[1}"), line(1, "a comma or ] is expected"));
    EXPECT_EQ(complaint("{} {}"), line(1, "something stands behind the end"));
    EXPECT_EQ(complaint("[truely]"), line(1, "a comma or ] is expected"));
    EXPECT_EQ(complaint(std::string(100'000, '[')), "config.json: line 1 is nested deeper than 64");
    EXPECT_EQ(complaint("{\"a\":1,\"a\":2}"), "config.json: \"a\" stands twice in one object");
    EXPECT_EQ(complaint(std::string("{\"a\0\":1}", 8)), line(1, "a null byte"));
    EXPECT_EQ(complaint("[\"\n\"]"), line(1, "a control character in a string"));
    EXPECT_EQ(complaint("[\"a"), line(1, "a string has no end"));
    EXPECT_EQ(complaint("[\"\\x\"]"), line(1, "an unknown escape in a string"));
    EXPECT_EQ(complaint("[\"\\u12g4\"]"), line(1, "four hexadecimal digits are expected"));
    for (const char* half : {"\\ud800", "\\udc00", "\\ud800\\u0041", "\\ud800\\n"})
        EXPECT_EQ(complaint("[\"" + std::string{half} + "\"]"), line(1, "half a character in a string"));
    // Beyond ASCII: too long, surrogates, above U+10FFFF, cut off.
    for (const char* bad : {"\"\xff\"", "\"\x80\"", "\"\xc0\x80\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"",
                            "\"\xf4\x90\x80\x80\"", "\"\xee", "\"\xf1", "\"\xf1\x80", "{\"\xc3"})
        EXPECT_EQ(complaint(bad), line(1, "a string that is not UTF-8"));
    EXPECT_EQ(good(config(R"(,"env":["A=\u00e9\ud83d\ude00\t\/"])")).process.env[0].view(),
              "A=\xc3\xa9\xf0\x9f\x98\x80\t/");
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
        "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_NEW"],"permitted":["CAP_KILL"],
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

"""Debian's own tools see the network of a container as it is: ip, ss, netstat, ifconfig, lsof. They ask by netlink, /proc/net
and /sys/class/net; what they say is read by parts that are the same everywhere."""
import pathlib
import re
import shutil

from harness import cases_on_rundlet
from programs_test import shared_libraries

FOLDERS = [pathlib.Path(p) for p in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64")]
LISTENER = "busybox nc -l -p 7777 & sleep 1; "

# Name, command, what its output has, as regular expressions.
CASES = [
    ("ip-addr", "ip addr show dev lo", [r"^1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN",
                                        r"link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00",
                                        r"inet 127\.0\.0\.1/8 scope host lo\n +valid_lft forever preferred_lft forever",
                                        r"inet6 ::1/128 scope host"]),
    ("ip-address-added", "ip addr add 10.9.8.7/24 dev lo; ip -4 -o addr; ip addr del 10.9.8.7/24 dev lo;"
     "echo left: $(ip -4 -o addr | grep -c 10.9)", [r"inet 10\.9\.8\.7/24 scope global lo", r"^left: 0"]),
    ("ip-route", "ip route add unreachable 198.51.100.0/24; ip route; ip route get 198.51.100.1;"
     "ip route del unreachable 198.51.100.0/24; ip route get 127.0.0.1",
     [r"^unreachable 198\.51\.100\.0/24", r"No route to host", r"^local 127\.0\.0\.1 dev lo .*src 127\.0\.0\.1"]),
    ("ip-rule", "ip rule", [r"^0:\tfrom all lookup local ?\n32766:\tfrom all lookup main ?\n32767:\tfrom all lookup default"]),
    ("ip-unknown", "ip link show nosuch; ip link add d0 type nosuchkind",
     [r'Device "nosuch" does not exist', r"Unknown device type|not supported"]),
    ("ss", LISTENER + "ss -tlnp; kill $!", [r"LISTEN +0 +\d+ +(0\.0\.0\.0|\*|\[::\]):7777 .*busybox"]),
    ("netstat", LISTENER + "netstat -tlnp; kill $!", [r"^tcp6? +0 +0 \S+:7777 +\S+ +LISTEN +\d+/busybox"]),
    ("lsof", LISTENER + "lsof -nP -iTCP:7777; kill $!", [r"^busybox .*TCP \*:7777 \(LISTEN\)"]),
]


def test_network_tools(lab):
    tools = {name: shutil.which(name) for name in ("ip", "ss", "netstat", "lsof")}
    if lab.arch != "x86_64" or not all(tools.values()):
        return lab.report.skip(f"network_tools/{lab.arch}", "this machine does not have all tools for it")
    files = {}
    for name, file in tools.items():
        file = pathlib.Path(file).resolve()
        files[f"tools/{name}"] = (file, 0o755)
        for path, library in shared_libraries(file, FOLDERS).items():
            files[path] = (library, 0o755)
    got = cases_on_rundlet(lab, [(name, f"PATH=/tools:$PATH; {command}") for name, command, _ in CASES], None, files, label="network-tools",
                           cpus=2, memory="384M", capabilities=True)
    for name, _, patterns in CASES:
        said = got[name][1] if isinstance(got[name], tuple) else got[name]
        missing = [p for p in patterns if not re.search(p, said, re.MULTILINE)]
        lab.report.check(f"network_tools/{lab.arch}/{name}", not missing, f"no {missing} in:\n{said}")

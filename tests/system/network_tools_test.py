"""Debian's iproute2 sees a network as on Linux: the same commands say the same in a network namespace of this machine and in a
container without a network. What they ask goes by netlink, /proc/net and /sys/class/net."""
import pathlib
import shutil
import subprocess

from harness import cases_on_rundlet, compare
from programs_test import shared_libraries

ARCHES = ("x86_64",)  # the programs are this machine's
FOLDERS = [pathlib.Path(p) for p in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64")]
TOOLS = {"ip": "/usr/sbin/ip", "ss": "/usr/bin/ss"}
LISTEN = "busybox nc -l -p 7777 & sleep 1; "

CASES = [
    ("link", "ip link; ip -o link show dev lo; ip -br link"),
    ("address", "ip -4 addr; ip -6 -br addr; ip addr add 10.9.8.7/24 dev lo; ip -4 -o addr; ip addr add 10.9.8.7/24 dev lo;"
     "ip addr del 10.9.8.7/24 dev lo; ip -4 -o addr; ip addr del 10.9.8.7/24 dev lo"),
    ("address-6-twice", "ip addr add ::1/128 dev lo; ip addr del fd00::9/64 dev lo"),
    ("address-6", "ip addr add fd00::7/64 dev lo nodad; ip -6 -o addr show scope global; ip -6 addr flush dev lo scope global; ip -6 -o addr show"
     " scope global"),
    ("route", "ip route add unreachable 198.51.100.0/24; ip route add 203.0.113.0/24 dev lo; ip route; ip route get 198.51.100.1;"
     "ip route del unreachable 198.51.100.0/24; ip route; ip route del 192.0.2.0/24"),
    ("route-local", "ip -4 route show table local; ip route get 127.0.0.1; ip route get 127.0.0.1 from 127.0.0.2"),
    ("neighbour", "ip neigh; ip neigh show dev lo; ip neigh del 10.0.0.1 dev lo"),
    ("rule", "ip rule; ip -6 rule"),
    ("up-and-down", "ip link set lo down; ip -4 addr; ip link set lo up; ip -4 -o addr; ip link set lo mtu 1400 name lo7;"
     "ip link; ip link set lo7 mtu 65536 name lo; ip -o link"),
    ("unknown", "ip link show nosuch; ip link add d0 type nosuchkind; ip addr add 1.2.3.4 dev nosuch; ip route add 10.0.0.0/8 via 9.9.9.9"),
    ("ss", LISTEN + "ss -tln; ss -tan state listening; ss -uln; ss -xl | head -1; ss -tln sport = :7777; kill $!"),
]


def test_network_tools(lab):
    if not all(pathlib.Path(p).exists() for p in TOOLS.values()) or not shutil.which("unshare"):
        return lab.report.skip(f"network_tools/{lab.arch}", "no iproute2")
    files, expected = {}, {}
    for name, file in TOOLS.items():
        files[f"tools/{name}"] = (pathlib.Path(file).resolve(), 0o755)
        for path, library in shared_libraries(pathlib.Path(file).resolve(), FOLDERS).items():
            files[path] = (library, 0o755)
    # By functions: busybox's shell prefers its own applets to what the PATH leads to.
    here = "".join(f'{name}() {{ {file} "$@"; }}; ' for name, file in TOOLS.items()) + "ip link set lo up; "
    there = "".join(f'{name}() {{ /tools/{name} "$@"; }}; ' for name in TOOLS) + "ip link set lo up; "
    for name, command in CASES:
        done = subprocess.run(["unshare", "--net", "/bin/busybox", "sh", "-c", here + command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        expected[name] = (done.returncode, done.stdout.decode(errors="replace"))
    got = cases_on_rundlet(lab, [(name, there + command) for name, command in CASES], None, files, label="network-tools", cpus=2,
                           memory="384M", capabilities=True)
    compare(lab.report, f"network_tools/{lab.arch}", expected, got)

"""The network of the host world beside a peer on its link: frames of Ethernet in datagrams of a Unix socket, both ways."""
import pathlib
import re
import socket
import struct
import tempfile
import time

MODERN = ["-global", "virtio-mmio.force-legacy=false"]
LINKS = {
    "x86_64": [("q35", "virtio-net-pci"), ("q35", "virtio-net-pci,vectors=0"), ("microvm", "virtio-net-device"),
               ("microvm-noacpi", "virtio-net-device")],
    "riscv64": [("virt", "virtio-net-pci"), ("virt", "virtio-net-device")],
}
OURS, GUESTS = b"\x02\0\0\0\0\x01", b"\x52\x54\0\x12\x34\x56"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Link:
    """The other end of the machine's link."""

    def __init__(self, device):
        self.scratch = tempfile.TemporaryDirectory(prefix="rundlet-")
        folder = pathlib.Path(self.scratch.name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "peer"))
        self.machine = str(folder / "machine")
        self.extra = [*MODERN, "-netdev", f"dgram,id=n,local.type=unix,local.path={self.machine},remote.type=unix,"
                      f"remote.path={folder / 'peer'}", "-device", f"{device},netdev=n,mac=52:54:00:12:34:56"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.scratch.cleanup()

    def send(self, kind, payload, to=GUESTS):
        self.socket.sendto(to + OURS + struct.pack("!H", kind) + payload, self.machine)

    def expect(self, wanted, seconds=10):
        """The first frame for which wanted(kind, payload) says something; what it says. Who asks for us is answered."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame = self.socket.recv(65536)
            except TimeoutError:
                break
            kind, payload = struct.unpack_from("!H", frame, 12)[0], frame[14:]
            if kind == 0x806 and payload[6:8] == b"\0\1" and payload[24:28] == socket.inet_aton("10.9.9.1"):
                self.send(0x806, payload[:6] + b"\0\2" + OURS + payload[24:28] + payload[8:18])
            elif found := wanted(kind, payload):
                return found
        raise AssertionError("the frame did not come")

    def who_has(self, address):
        """Asks by ARP; the link address that answers."""
        us = socket.inet_aton("10.9.9.1")
        self.send(0x806, struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, OURS, us, b"\0" * 6, socket.inet_aton(address)),
                  b"\xff" * 6)
        reply = lambda kind, p: kind == 0x806 and p[6:8] == b"\0\2" and p[14:18] == socket.inet_aton(address) and p[8:14]
        return self.expect(reply)

    def ping(self, address, number, size):
        """Whether the echo comes back as it was sent."""
        data = bytes((number + i) % 251 for i in range(size))
        icmp = struct.pack("!BBHHH", 8, 0, 0, 77, number) + data
        icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
        ends = socket.inet_aton("10.9.9.1") + socket.inet_aton(address)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), number, 0, 64, 1, 0) + ends
        self.send(0x800, ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + icmp)

        def answer(kind, p):
            echo = p[20:struct.unpack_from("!H", p, 2)[0]] if kind == 0x800 else b""
            return echo[:1] == b"\0" and echo[4:] == icmp[4:] and checksum(echo) == 0
        return self.expect(answer)


def machine(lab, link, label, words, **options):
    tree = lab.tree()
    lab.bundle(tree, "devices", ["sh", "-c", "echo up; read x; exit 17"])
    return lab.boot(tree, append=f"loglevel=6 {words} -- bundle /bundles/devices", label=label, memory="128M", cpus=2,
                    extra=link.extra, **options)


def test_every_transport(lab):
    """ARP and ICMP of a machine whose address the command line says."""
    for kind, device in LINKS[lab.arch]:
        with Link(device) as link, machine(lab, link, f"network-{kind}", "ip=10.9.9.2::10.9.9.1:255.255.255.0:box:eth0:off",
                                           machine=kind) as vm:
            vm.expect(r"eth0: virtio_net, 52:54:00:12:34:56, MTU 1500.*\nup", 60)
            assert link.who_has("10.9.9.2") == GUESTS
            for number in range(300):  # more than a queue has entries
                assert link.ping("10.9.9.2", number, number * 5 % 1472)
            vm.send("\n")
            assert vm.wait(60) == 17


class Server:
    """What a DHCP server says."""

    def __init__(self, link):
        self.link = link

    def hear(self, seconds=30):
        """The next message of a client: its fixed part and its options."""
        def message(kind, p):
            if kind != 0x800 or p[9] != 17 or struct.unpack_from("!HH", p, 20) != (68, 67):
                return None
            options, at = {}, 240 + 28
            while p[at] != 255:
                options[p[at]] = p[at + 2:at + 2 + p[at + 1]]
                at += 2 + p[at + 1]
            return p[28:268], options
        return self.link.expect(message, seconds)

    def say(self, question, kind, seconds=3600):
        message = b"\2\1\6\0" + question[4:12] + b"\0" * 4 + socket.inet_aton("10.9.9.77") + b"\0" * 8 + question[28:44]
        message += b"\0" * 192 + question[236:240] + bytes([53, 1, kind, 54, 4]) + socket.inet_aton("10.9.9.1")
        message += b"\1\4\xff\xff\xff\0\3\4" + socket.inet_aton("10.9.9.1") + b"\x33\4" + struct.pack("!I", seconds) + b"\xff"
        udp = struct.pack("!HHHH", 67, 68, 8 + len(message), 0) + message
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + socket.inet_aton("10.9.9.1") + b"\xff" * 4
        self.link.send(0x800, ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + udp, b"\xff" * 6)


def test_dhcp(lab):
    """With ip=dhcp programs start when there is an address; without the word it comes by itself. Then it is renewed."""
    for words in ("ip=dhcp", ""):
        kind, device = LINKS[lab.arch][0]
        with Link(device) as link, machine(lab, link, f"network-dhcp{words[3:]}", words, machine=kind) as vm:
            server = Server(link)
            question, options = server.hear(60)
            assert options[53] == b"\1" and question[28:34] == GUESTS, options
            server.say(question, 2, seconds=60)
            question, options = server.hear()
            assert options[53] == b"\3" and options[50] == socket.inet_aton("10.9.9.77"), options
            if words:
                assert not re.search(r"^up", vm.text, re.MULTILINE), vm.tail()
            server.say(question, 5, seconds=60)
            vm.expect(r"eth0: DHCP: 10\.9\.9\.77/24 for 60 seconds", 30)
            assert link.who_has("10.9.9.77") == GUESTS and link.ping("10.9.9.77", 1, 100)
            if not words:
                question, options = server.hear(60)  # after half of the time
                assert question[12:16] == socket.inet_aton("10.9.9.77") and not {50, 54} & set(options), options
                assert question[10:12] == b"\0\0", "it is not the server alone that was asked"
                server.say(question, 5)
                assert link.ping("10.9.9.77", 2, 100)
            vm.send("\n")
            assert vm.wait(60) == 17


def test_off(lab):
    kind, device = LINKS[lab.arch][0]
    for words, says in (("ip=off", None), ("ip=10.0.0.300::", "ip=10.0.0.300::: "), ("ip=10.9.9.2:::::eth7", "no interface eth7")):
        with Link(device) as link, machine(lab, link, "network-off", words, machine=kind) as vm:
            vm.expect(r"\nup", 60)
            assert says is None or says in vm.text, vm.tail()
            vm.send("\n")
            assert vm.wait(60) == 17


def icmp6(source, destination, message):
    """An IPv6 packet of Neighbor Discovery."""
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
    total = checksum(ends + struct.pack("!II", len(message), 58) + message)
    return struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + ends + message[:2] + struct.pack("!H", total) + message[4:]


def heard6(link, kind, source, target=None, seconds=30):
    """Waits for a message of Neighbor Discovery from an address, about a target."""
    def wanted(frame, p):
        if frame != 0x86dd or p[6] != 58 or p[40] != kind or p[8:24] != socket.inet_pton(socket.AF_INET6, source):
            return None
        pseudo = p[8:40] + struct.pack("!II", len(p) - 40, 58)
        assert checksum(pseudo + p[40:]) == 0 and (p[7] == 255 or kind < 133)
        return p if target is None or p[48:64] == socket.inet_pton(socket.AF_INET6, target) else None
    return link.expect(wanted, seconds)


OWN, ROUTER, GLOBAL = "fe80::5054:ff:fe12:3456", "fe80::1", "2001:db8:7:0:5054:ff:fe12:3456"
MULTICAST = b"\x33\x33\0\0\0\1"


def host_shell(lab, link, label):
    def host(config):
        config["process"]["terminal"] = False
        config["annotations"] = {"io.rundlet.network": "host"}
    tree = lab.tree()
    lab.bundle(tree, "look", ["sh", "-c", "cd /proc/net; while read x; do cat if_inet6 ipv6_route pnp; echo told; done; exit 17"], edit=host)
    return lab.boot(tree, append="loglevel=6 ip=10.9.9.2::::box:eth0:off -- bundle /bundles/look", label=label, memory="128M", cpus=2, extra=link.extra)


def look(vm):
    vm.send("\n")
    return vm.expect(r"(?s)(.*?)told", 30)[1].decode()


def test_slaac(lab):
    """A link-local address after a look whether it is free, then what a router says: prefix, route, MTU, servers of names."""
    with Link(LINKS[lab.arch][0][1]) as link, host_shell(lab, link, "network-slaac") as vm:
        heard6(link, 135, "::", OWN, 60)
        solicitation = heard6(link, 133, OWN)
        assert solicitation[48:56] == b"\1\1" + GUESTS
        prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 86400, 14400, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:7::")
        servers = struct.pack("!BBHI", 25, 3, 0, 600) + socket.inet_pton(socket.AF_INET6, "2001:db8::53")
        message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + b"\1\1" + OURS + struct.pack("!BBHI", 5, 1, 0, 1400)
        link.send(0x86dd, icmp6(ROUTER, "ff02::1", message + prefix + servers), MULTICAST)
        heard6(link, 135, "::", GLOBAL)
        for _ in range(50):
            told = look(vm)
            if re.search(r"20010db800070000505400fffe123456 \d\d 40 00 00 +eth0", told):
                break
            time.sleep(0.2)
        else:
            raise AssertionError(told)
        assert re.search(r"fe80000000000000505400fffe123456 \d\d 40 20 80 +eth0", told), told
        assert re.search(r"^0{32} 00 0{32} 00 fe80" + "0" * 27 + r"1 .* +eth0", told, re.MULTILINE), told
        assert "nameserver 2001:db8::53" in told, told
        # It answers for both addresses, and to who is beyond the router.
        for address in (OWN, GLOBAL):
            ask = struct.pack("!BBHI", 135, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, address) + b"\1\1" + OURS
            link.send(0x86dd, icmp6(ROUTER, address, ask))
            assert heard6(link, 136, address, address)[64:72] == b"\2\1" + GUESTS
        link.send(0x86dd, icmp6("2001:db8:99::9", GLOBAL, struct.pack("!BBHHH", 128, 0, 0, 7, 1) + b"beyond"))
        assert heard6(link, 129, GLOBAL)[44:54] == b"\0\7\0\1beyond"
        # The router goes.
        link.send(0x86dd, icmp6(ROUTER, "ff02::1", struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0)), MULTICAST)
        for _ in range(50):
            told = look(vm)
            if not re.search(r"^0{32} 00 0{32} 00 fe80.* +eth0", told, re.MULTILINE):
                break
            time.sleep(0.2)
        else:
            raise AssertionError(told)


ALL_SERVERS = "ff02::1:2"


def udp6(source, destination, ports, data):
    """A datagram over IPv6."""
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
    header = struct.pack("!HHH", *ports, 8 + len(data))
    total = checksum(ends + struct.pack("!II", 8 + len(data), 17) + header + b"\0\0" + data)
    return struct.pack("!IHBB", 6 << 28, 8 + len(data), 17, 64) + ends + header + struct.pack("!H", total) + data


def test_dhcp6(lab):
    """A router leaves servers of names to a server: it is asked, again where nothing has come, and what it says is there."""
    def question(frame, p):
        if frame != 0x86dd or p[6] != 17 or p[40:44] != struct.pack("!HH", 546, 547):
            return None
        ends = socket.inet_pton(socket.AF_INET6, OWN) + socket.inet_pton(socket.AF_INET6, ALL_SERVERS)
        assert p[8:40] == ends and checksum(ends + struct.pack("!II", len(p) - 40, 17) + p[40:]) == 0
        return p[48:]
    with Link(LINKS[lab.arch][0][1]) as link, host_shell(lab, link, "network-dhcp6") as vm:
        heard6(link, 133, OWN, None, 60)
        link.send(0x86dd, icmp6(ROUTER, "ff02::1", struct.pack("!BBHBBHII", 134, 0, 0, 64, 0x40, 1800, 0, 0)), MULTICAST)
        first, again = link.expect(question, 30), link.expect(question, 30)
        assert first[0] == 11 and again[:4] == first[:4]
        assert first[4:18] == struct.pack("!HHHH", 1, 10, 3, 1) + GUESTS, first
        dns = struct.pack("!HH", 23, 16) + socket.inet_pton(socket.AF_INET6, "2001:db8::54")
        domains = struct.pack("!HH", 24, 13) + b"\7example\3net\0"
        answer = b"\7" + first[1:18] + struct.pack("!HH", 2, 4) + b"duid" + dns + domains
        link.send(0x86dd, udp6(ROUTER, OWN, (547, 546), answer))
        for _ in range(50):
            told = look(vm)
            if "nameserver 2001:db8::54" in told:
                break
            time.sleep(0.2)
        assert re.search("^search example.net\r?$", told, re.MULTILINE) and "nameserver 2001:db8::54" in told, told


def test_duplicate_address(lab):
    """Somebody has the address already: it is not used."""
    with Link(LINKS[lab.arch][0][1]) as link, host_shell(lab, link, "network-duplicate") as vm:
        heard6(link, 135, "::", OWN, 60)
        claim = struct.pack("!BBHI", 136, 0, 0, 1 << 29) + socket.inet_pton(socket.AF_INET6, OWN) + b"\2\1" + OURS
        link.send(0x86dd, icmp6(OWN, "ff02::1", claim), MULTICAST)
        vm.expect("somebody else has an IPv6 address of ours", 30)
        assert re.search(r"fe80000000000000505400fffe123456 \d\d 40 20 c8 +eth0", look(vm)), vm.tail()
        ask = struct.pack("!BBHI", 135, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, OWN) + b"\1\1" + OURS
        link.send(0x86dd, icmp6(ROUTER, OWN, ask))
        try:
            heard6(link, 136, OWN, OWN, 2)
        except AssertionError:
            return
        raise AssertionError("it has answered")

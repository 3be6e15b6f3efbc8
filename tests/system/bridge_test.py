"""Containers' networks: out to the host by QEMU's user network, in by published ports, and beside each other."""
import contextlib
import hashlib
import http.server
import ipaddress
import re
import socket
import threading
import time

from host_test import run

MODERN = ["-global", "virtio-mmio.force-legacy=false"]
DEVICES = {"x86_64": "virtio-net-pci", "riscv64": "virtio-net-device"}
BIG = bytes((i * 7 + (i >> 9)) % 256 for i in range(1 << 20))


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = BIG if self.path == "/big" else b"served outside\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def outside():
    """A web server on this machine, and a port that QEMU passes on to the guest's 8080: (web port, passed port)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    try:
        yield server.server_address[1], free
    finally:
        server.shutdown()


@contextlib.contextmanager
def machine(lab, label, passed, tree):
    extra = [*MODERN, "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{passed}-:8080", "-device",
             f"{DEVICES[lab.arch]},netdev=n"]
    with lab.boot(tree, append="ip=dhcp -- run /bin/sesh", label=label, cpus=2, extra=extra) as vm:
        vm.expect("sesh> ", 60)
        yield vm
        vm.send("exit 0\n")
        assert vm.wait(60) == 0, vm.tail(40)


def shell(script):
    return ["sh", "-c", script]


def plain(config):
    config["process"].update(terminal=False)


def with_raw(config, *others):
    plain(config)
    config["process"]["capabilities"] = {kind: ["CAP_NET_RAW", *others] for kind in ("bounding", "effective", "permitted")}


def test_out_and_in(lab):
    """Pages from outside byte for byte; a published port from outside; then the port is free again."""
    tree = lab.tree()
    with outside() as (web, passed):
        fetch = f"wget -q -O - http://10.0.2.2:{web}/; wget -q -O big http://10.0.2.2:{web}/big; md5sum big"
        lab.bundle(tree, "fetch", shell(f"cd /tmp; {fetch}"), edit=plain)
        lab.bundle(tree, "echo", ["/tcp-echo", "80"], {"tcp-echo": (lab.target.out / "bin/tcp-echo", 0o755)}, plain)
        with machine(lab, "bridge-out", passed, tree) as vm:
            text = run(vm, "ctr run -b /bundles/fetch f", 120)
            assert "served outside" in text and hashlib.md5(BIG).hexdigest() in text, vm.tail(40)
            for _ in range(2):
                run(vm, "ctr create -p 8080:80 -b /bundles/echo e", 60)
                run(vm, "ctr start e", 60)
                assert echoes(passed, BIG[:300_000]) and echoes(passed, b"again"), vm.tail(40)
                assert "address already in use" in run(vm, "ctr create -p 8080:81 -b /bundles/echo other", 60)
                run(vm, "ctr delete -f e", 60)


def echoes(port, data):
    """Whether what listens there sends the bytes back. It may take a moment to listen."""
    for _ in range(50):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as s:
            s.settimeout(20)
            threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)), daemon=True).start()
            got = b""
            while part := s.recv(65536):
                got += part
            if got:
                return got == data
        time.sleep(0.2)
    return False


def test_neighbours(lab):
    """Two on the bridge reach each other by address; without a network, or beside it, nobody hears them."""
    tree = lab.tree()
    lab.bundle(tree, "serve", shell("ip=$(ifconfig eth0 | sed -n 's/.*addr:\\([0-9.]*\\) .*/\\1/p'); echo at $ip; exec /tcp-echo 80"),
               {"tcp-echo": (lab.target.out / "bin/tcp-echo", 0o755)}, plain)
    lab.bundle(tree, "ask", ["sh"], edit=plain)
    with machine(lab, "bridge-neighbours", 0, tree) as vm:
        run(vm, "ctr create -b /bundles/serve s", 60)
        run(vm, "ctr start s", 60)
        at = until_said(vm, r"at (10\.88\.\d+\.\d+)\r?\n(?:.*\n)*?.*listening")
        ask = f"echo over the bridge | nc -w 5 {at[1]} 80"
        for options, heard in (("", True), ("--network host", True), ("--network container:s", True), ("--network none", False)):
            text = run(vm, f"ctr run {options} -b /bundles/ask a sh -c '{ask}'", 60)
            assert bool(re.search("^over the bridge", text, re.MULTILINE)) == heard, vm.tail(40)
        # Who shares the network shares its loopback; who does not has one of its own.
        ask = "-b /bundles/ask a sh -c 'echo here | nc -w 5 127.0.0.1 80'"
        assert re.search("^here", run(vm, f"ctr run --network container:s {ask}", 60), re.MULTILINE), vm.tail(40)
        assert "refused" in run(vm, f"ctr run {ask}", 60), vm.tail(40)
        for wrong in ("--network pod", "--network container:nobody", "--network none -p 1:1", "-p 80", "-p 0:80", "-p 80:80/sctp"):
            assert "ctr: a: " in run(vm, f"ctr create {wrong} -b /bundles/ask a", 60), wrong
        run(vm, "ctr delete -f s", 60)


def until_said(vm, pattern):
    """The match, once the machine says it."""
    for _ in range(200):
        if said := re.search(pattern, vm.text):
            return said
        run(vm, "ctr state s", 60)
    raise AssertionError(f"{pattern} was not said\n{vm.tail(40)}")


def test_published_from_within(lab):
    """A published port from the machine itself, from another container and from its own, by each address of the machine; and errors
    about packets that went out, from the machine and from outside."""
    tree = lab.tree()
    lab.bundle(tree, "serve", ["/tcp-echo", "80"], {"tcp-echo": (lab.target.out / "bin/tcp-echo", 0o755)}, plain)
    lab.bundle(tree, "ask", ["sh"], edit=plain)
    lab.bundle(tree, "trace", ["traceroute", "-n", "-q", "1", "-w", "3", "-m", "4", "10.0.2.2"], edit=with_raw)
    with machine(lab, "bridge-within", 0, tree) as vm:
        run(vm, "ctr create -p 8080:80 -b /bundles/serve s", 60)
        run(vm, "ctr start s", 60)
        until_said(vm, "listening")
        for network, address in (("bridge", "10.0.2.15"), ("bridge", "10.88.0.1"), ("container:s", "10.0.2.15"), ("host", "10.0.2.15"),
                                 ("host", "127.0.0.1"), ("host", "10.88.0.1")):
            ask = f"for i in 1 2 3; do echo hairpin $i | nc -w 5 {address} 8080; done"
            text = run(vm, f"ctr run --network {network} -b /bundles/ask a sh -c '{ask}'", 60)
            assert re.search("^hairpin 1\r?\nhairpin 2\r?\nhairpin 3", text, re.MULTILINE), (network, address, vm.tail(40))
        assert "refused" in run(vm, "ctr run -b /bundles/ask a sh -c 'nc -w 5 10.0.2.15 8081 </dev/null'", 60), vm.tail(40)
        text = run(vm, "ctr run -b /bundles/trace t", 60)
        assert re.search(r"1  10\.88\.0\.1 .*\n 2  10\.0\.2\.2 ", text), vm.tail(40)
        run(vm, "ctr delete -f s", 60)


class PagesOverV6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def test_ipv6(lab):
    """Unique local addresses: out by translation, to each other, and to published ports from the machine and a container."""
    tree = lab.tree()
    server = PagesOverV6(("::1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    web = server.server_address[1]
    tries = f"for i in $(seq 60); do wget -q -O - http://[fec0::2]:{web}/ 2>&1 && break; sleep 1; done"  # a router must have spoken
    fetch = f"cd /tmp; cat /proc/net/ipv6_route; {tries}; wget -q -O big http://[fec0::2]:{web}/big; md5sum big; ping6 -c 2 fec0::2"
    lab.bundle(tree, "fetch", shell(fetch), edit=with_raw)
    lab.bundle(tree, "serve", shell("sed -n 's/^\\(fd.*\\) 0. 40 00 .* eth0$/has \\1/p' /proc/net/if_inet6; cd /tmp; echo over IPv6 >index.html;"
                                    "exec httpd -f -p 80"), edit=plain)
    lab.bundle(tree, "ask", ["sh"], edit=plain)
    lab.bundle(tree, "admin", ["sh"], edit=lambda config: with_raw(config, "CAP_NET_ADMIN"))
    lab.bundle(tree, "trace", ["traceroute6", "-n", "-q", "1", "-w", "3", "-m", "1", "fec0::2"], edit=with_raw)
    with contextlib.closing(server.socket), machine(lab, "bridge-v6", 0, tree) as vm:
        text = run(vm, "ctr run -b /bundles/fetch f", 180)
        server.shutdown()
        assert "served outside" in text and hashlib.md5(BIG).hexdigest() in text and "2 packets received" in text, vm.tail(40)
        assert re.search(r"^0{32} 00 0{32} 00 fd" + "[0-9a-f]{10}0{19}1 00000400 .* eth0", text, re.MULTILINE), vm.tail(40)
        run(vm, "ctr create -p 8080:80 -b /bundles/serve s", 60)
        run(vm, "ctr start s", 60)
        has = until_said(vm, r"has ([0-9a-f]{32})")
        at = ipaddress.IPv6Address(bytes.fromhex(has[1]))
        assert has[1][12:28] == "0" * 16, has[1]
        prefix = str(ipaddress.IPv6Network((at, 64), strict=False).network_address)[:-1]
        for network, address, port in (("bridge", at, 80), ("host", at, 80), ("bridge", f"{prefix}:1", 8080), ("container:s", f"{prefix}:1", 8080), ("host", f"{prefix}:1", 8080),
                                       ("host", "::1", 8080), ("container:s", "::1", 80)):
            ask = f"for i in 1 2 3; do wget -q -O - http://[{address}]:{port}/ || sleep 1; done"
            text = run(vm, f"ctr run --network {network} -b /bundles/ask a sh -c '{ask}'", 60)
            assert re.search("^over IPv6", text, re.MULTILINE), (network, address, vm.tail(40))
        assert "refused" in run(vm, f"ctr run -b /bundles/ask a sh -c 'wget -O - http://[{prefix}:1]:8081/'", 60), vm.tail(40)
        assert re.search(rf"1  {prefix}:1 ", run(vm, "ctr run -b /bundles/trace t", 60)), vm.tail(40)
        # An address that is another's, or nobody's, is of no use to a container that takes it.
        for stolen in (at, f"{prefix}:99"):
            ask = f"ip addr add {stolen}/64 dev eth0; ping6 -c 2 -W 2 {prefix}:1; ping6 -c 2 -W 2 -I {stolen} {prefix}:1"
            text = run(vm, f"ctr run -b /bundles/admin a sh -c '{ask}'", 60)
            assert "2 packets received" in text and "0 packets received" in text, vm.tail(40)
        run(vm, "ctr delete -f s", 60)
        # One family alone.
        run(vm, "ctr create -p 0.0.0.0:8080:80,[::]:8081:80 -b /bundles/serve s", 60)
        run(vm, "ctr start s", 60)
        for address, port, heard in (("127.0.0.1", 8080, True), ("[::1]", 8080, False), ("[::1]", 8081, True), ("127.0.0.1", 8081, False)):
            ask = f"for i in 1 2 3; do wget -q -O - http://{address}:{port}/ && break; sleep 1; done"
            text = run(vm, f"ctr run --network host -b /bundles/ask a sh -c '{ask}'", 60)
            assert bool(re.search("^over IPv6", text, re.MULTILINE)) == heard, (address, port, vm.tail(40))
        run(vm, "ctr delete -f s", 60)


def test_name_servers(lab):
    """A root without /etc/resolv.conf, or with an empty one, has the machine's servers; one with a file of its own keeps that."""
    tree = lab.tree()
    for name, files in (("none", {}), ("empty", {"etc/resolv.conf": ("", 0o644)}), ("own", {"etc/resolv.conf": ("nameserver 192.0.2.1\n", 0o644)})):
        lab.bundle(tree, name, shell("cat /etc/resolv.conf"), files, plain)
    with machine(lab, "bridge-names", 0, tree) as vm:
        for name in ("none", "empty"):
            for network in ("bridge", "host"):
                text = run(vm, f"ctr run --network {network} -b /bundles/{name} a", 60)
                assert "#PROTO: DHCP" in text and re.search(r"^nameserver 10\.0\.2\.3", text, re.MULTILINE), vm.tail()
        assert "nameserver" not in run(vm, "ctr run --network none -b /bundles/none a", 60), vm.tail()
        text = run(vm, "ctr run -b /bundles/own a", 60)
        assert "192.0.2.1" in text and "10.0.2.3" not in text, vm.tail()

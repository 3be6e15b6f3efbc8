"""Who answers a measured machine on its network: a thread of the bench, on the other end of QEMU's `-netdev dgram`.

10.0.2.2 echoes UDP and TCP at port 7, takes mebibytes at port 9 (a byte is the answer to each), and sends one at port 19 for
each byte that it is sent. The link loses nothing, so nothing is sent again.
"""
import pathlib
import select
import socket
import struct
import threading
import time

ADDRESS, LINK = bytes([10, 0, 2, 2]), bytes.fromhex("525400000002")
MACHINE, MACHINE_LINK = bytes([10, 0, 2, 15]), "52:54:00:00:00:0f"
SEGMENT = 1448      # bytes of data beside the time stamps
WINDOW = 65535      # of what it may be sent, scaled by SHIFT
SHIFT = 5
ON_WAY = 64 * 1024  # bytes that it sends before it waits for an acknowledgement
MEBIBYTE = 1 << 20
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
PATIENCE = 0.002    # seconds without a packet before an odd segment is acknowledged
PAUSE = 0.001       # before an echo: so the machine is idle by then, each time, whatever else this one does


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Connection:
    """A TCP connection that the machine has opened."""

    def __init__(self, peer, port, their_port, sequence, stamp, shift):
        self.peer, self.port, self.their_port = peer, port, their_port
        self.expected = sequence + 1 & 0xFFFFFFFF
        self.next = self.acknowledged = 1000  # of what is sent
        self.window, self.shift, self.stamp = 0, shift, stamp
        self.owed = 0  # segments that are not acknowledged yet
        self.taken = self.waits = 0  # bytes: of a mebibyte that comes; that are to be sent
        self.send(SYN | ACK, options=struct.pack("!BBHBBB", 2, 4, SEGMENT + 12, 3, 3, SHIFT) + b"\1")
        self.next += 1

    def send(self, flags, size=0, options=b""):
        """A segment with `size` bytes, all zero: so they add nothing to the checksum."""
        self.peer.ticks += 1
        options += struct.pack("!BBBBII", 1, 1, 8, 10, self.peer.ticks, self.stamp)
        length = 20 + len(options) + size
        head = struct.pack("!HHIIBBHHH", self.port, self.their_port, self.next, self.expected, (20 + len(options)) // 4 << 4,
                           flags, WINDOW, 0, 0) + options
        total = checksum(ADDRESS + MACHINE + struct.pack("!HH", 6, length) + head)
        self.peer.send_ip(6, head[:16] + struct.pack("!H", total) + head[18:] + bytes(size))
        self.next = self.next + size & 0xFFFFFFFF
        self.owed = 0

    def received(self, sequence, acknowledged, flags, window, data, stamp):
        self.stamp = stamp or self.stamp
        self.acknowledged, self.window = acknowledged, window << self.shift
        if flags & RST or (flags & FIN and sequence == self.expected and not data):
            self.expected += 1
            return self.send(FIN | ACK) if flags & FIN else None
        if sequence == self.expected and data:
            self.expected = self.expected + len(data) & 0xFFFFFFFF
            self.owed += 1
            self.serve(len(data))
        elif data:
            self.owed = 2  # again: it has not heard
        self.push()
        if self.owed > 1:
            self.send(ACK)
        return None

    def serve(self, size):
        if self.port == 7:
            time.sleep(PAUSE)
            self.waits += size
        elif self.port == 19:
            self.waits += size * MEBIBYTE
        else:
            self.taken += size
            self.waits += self.taken // MEBIBYTE
            self.taken %= MEBIBYTE

    def push(self):
        while self.waits:
            on_way = self.next - self.acknowledged & 0xFFFFFFFF
            size = min(self.waits, SEGMENT)
            if on_way + size > min(self.window, ON_WAY):
                break
            self.waits -= size
            self.send(ACK if self.waits else ACK | PSH, size)


class Peer:
    """with Peer(folder) as p: a machine with the words p.qemu() has it on its network."""

    def __init__(self, folder):
        self.own, self.machine = (str(pathlib.Path(folder) / name) for name in ("peer", "machine"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.own)
        self.stop, self.stopped = socket.socketpair()
        self.connections, self.link, self.ticks, self.identity = {}, None, 0, 0
        self.thread = threading.Thread(target=self.run, daemon=True)

    def qemu(self):
        return ["-netdev", f"dgram,id=peer,local.type=unix,local.path={self.machine},remote.type=unix,remote.path={self.own}",
                "-device", f"virtio-net-pci,netdev=peer,mac={MACHINE_LINK},romfile="]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.close()
        self.thread.join(10)
        self.socket.close()

    def run(self):
        try:
            while True:
                ready, _, _ = select.select([self.socket, self.stopped], [], [], PATIENCE)
                if self.stopped in ready:
                    return
                if not ready:
                    for c in self.connections.values():
                        if c.owed:
                            c.send(ACK)
                    continue
                self.frame(self.socket.recv(65536))
        except (ConnectionError, FileNotFoundError):
            pass  # the machine has gone

    def send(self, kind, payload):
        frame = self.link + LINK + kind + payload
        self.socket.sendto(frame.ljust(60, b"\0"), self.machine)

    def send_ip(self, protocol, payload):
        self.identity = self.identity + 1 & 0xFFFF
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), self.identity, 0x4000, 64, protocol, 0) + ADDRESS + MACHINE
        self.send(b"\x08\0", head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload)

    def frame(self, f):
        self.link = f[6:12]
        if f[12:14] == b"\x08\x06" and f[20:22] == b"\0\1" and f[38:42] == ADDRESS:
            self.send(b"\x08\x06", f[14:20] + b"\0\2" + LINK + ADDRESS + f[22:32])
        elif f[12:14] == b"\x08\0" and f[30:34] == ADDRESS:
            head, length = (f[14] & 15) * 4, struct.unpack("!H", f[16:18])[0]
            segment = f[14 + head:14 + length]
            if f[23] == 17 and segment[2:4] == b"\0\7":
                time.sleep(PAUSE)
                self.send_ip(17, segment[2:4] + segment[:2] + segment[4:])  # the checksum stays what it was
            elif f[23] == 6:
                self.segment(segment)

    def segment(self, s):
        from_port, port, sequence, acknowledged, offset, flags, window = struct.unpack("!HHIIBBH", s[:16])
        head = offset // 16 * 4
        options, at, key = {}, 20, (from_port, port)
        while at < head and s[at]:
            if s[at] == 1:
                at += 1
                continue
            options[s[at]] = s[at + 2:at + s[at + 1]]
            at += s[at + 1]
        stamp = struct.unpack("!I", options[8][:4])[0] if 8 in options else 0
        if flags & SYN:
            self.connections[key] = Connection(self, port, from_port, sequence, stamp, options.get(3, b"\0")[0])
        elif key in self.connections:
            self.connections[key].received(sequence, acknowledged, flags, window, s[head:], stamp)
            if flags & (RST | FIN):
                del self.connections[key]

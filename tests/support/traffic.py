"""What the programs in VMs say to each other: echo servers, probes that tell whether an answer comes, and streams.

    traffic.py serve  '{"tcp": [22], "udp": [53], "sctp": [22]}'    says "ready", and echoes what comes to these ports
    traffic.py probe  '[{"protocol": "tcp", "address": "10.0.0.1", "port": 22}, ...]' SECONDS
                                                                    prints a list: "answer", "refused" or "silence" of each
    traffic.py stream PROTOCOL ADDRESS PORT echo|push               a line every 10 ms: messages sent, messages received

Where the kernel has no SCTP, packets of it are made by hand: INIT, and INIT ACK for an answer (RFC 9260 section 3.3).
"""
import errno
import json
import os
import select
import socket
import struct
import sys
import time

SCTP = 132
TICK = 0.01
AGAIN = 0.25
TIMESTAMP = 13
ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
NOBODY = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def kernel_has_sctp():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, SCTP).close()
        return True
    except OSError as error:
        if error.errno not in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT):
            raise
        return False


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sctp_packet(source, destination, tag, kind, own_tag, parameters=b""):
    chunk = struct.pack("!BBHIIHHI", kind, 0, 20 + len(parameters), own_tag, 65536, 1, 1, 1) + parameters
    head = struct.pack("!HHI", source, destination, tag)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


def sctp_payload(family, packet):
    """Of a raw socket of IPv4, which shows the header."""
    return packet[(packet[0] & 15) * 4 :] if family == socket.AF_INET else packet


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


# --- serve


def serve(ports):
    handlers = {}
    streams = {}
    datagrams = {}

    def accept(listener):
        connection, _ = listener.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handlers[connection] = converse

    def converse(connection):
        try:
            message = connection.recv(65536)
        except OSError as error:
            if error.errno not in NOBODY and error.errno != errno.ETIMEDOUT:
                raise
            message = b""
        if not message:
            handlers.pop(connection)
            streams.pop(connection, None)
            connection.close()
        elif message.startswith(b"push"):
            streams[connection] = 0
        else:
            say(connection.send, message)

    def reply(server):
        try:
            message, peer = server.recvfrom(65536)
        except OSError as error:
            # An earlier answer came back: nobody there.
            if error.errno not in NOBODY:
                raise
            return
        if message.startswith(b"push"):
            datagrams[(server, peer)] = 0
        else:
            say(server.sendto, message, peer)

    def acknowledge(server):
        packet, peer = server.recvfrom(65536)
        packet = sctp_payload(server.family, packet)
        source, destination, _, _, kind = struct.unpack("!HHIIB", packet[:13])
        if kind != 1 or destination not in ports.get("sctp", []):
            return
        (tag,) = struct.unpack("!I", packet[16:20])
        cookie = struct.pack("!HHI", 7, 8, 1)
        say(server.sendto, sctp_packet(destination, source, tag, 2, 1, cookie), peer[:1] + (0,) + peer[2:])

    def listen(kind, protocol, port, handler):
        server = socket.socket(socket.AF_INET6, kind, protocol)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            server.listen(64)
        server.setblocking(False)
        handlers[server] = handler

    for port in ports.get("tcp", []):
        listen(socket.SOCK_STREAM, socket.IPPROTO_TCP, port, accept)
    for port in ports.get("udp", []):
        listen(socket.SOCK_DGRAM, socket.IPPROTO_UDP, port, reply)
    if kernel_has_sctp():
        for port in ports.get("sctp", []):
            listen(socket.SOCK_STREAM, SCTP, port, accept)
    else:
        for family in (socket.AF_INET, socket.AF_INET6):
            handlers[socket.socket(family, socket.SOCK_RAW, SCTP)] = acknowledge
    print("ready", flush=True)
    due = time.monotonic()
    while True:
        pushing = bool(streams or datagrams)
        ready, _, _ = select.select(list(handlers), [], [], max(0, due - time.monotonic()) if pushing else None)
        for one in ready:
            if one in handlers:
                handlers[one](one)
        if time.monotonic() < due:
            continue
        due = time.monotonic() + TICK
        for connection in list(streams):
            say(connection.send, b"pushed")
        for server, peer in list(datagrams):
            say(server.sendto, b"pushed", peer)


def say(send, *what):
    """What cannot be said now, or to nobody, is lost."""
    try:
        send(*what)
        return True
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NOBODY and error.errno != errno.ETIMEDOUT:
            raise
        return False


# --- probe


class Probe:
    """A question that is asked again until an answer comes."""

    def __init__(self, asked):
        self.protocol = asked["protocol"]
        self.family = family_of(asked["address"])
        self.peer = (asked["address"], asked.get("port", 0))
        self.size = asked.get("size", 64)
        self.type = asked.get("type", ECHO[self.family][0])
        self.code = asked.get("code", 0)
        self.mark = os.urandom(2)
        self.result = None
        self.sent = False
        self.raw = self.protocol == "icmp" or (self.protocol == "sctp" and not kernel_has_sctp())
        self.connects = self.protocol == "tcp" or (self.protocol == "sctp" and not self.raw)
        kind = socket.SOCK_RAW if self.raw else socket.SOCK_STREAM if self.connects else socket.SOCK_DGRAM
        icmp = socket.IPPROTO_ICMP if self.family == socket.AF_INET else socket.IPPROTO_ICMPV6
        number = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": SCTP, "icmp": icmp}[self.protocol]
        self.socket = socket.socket(self.family, kind, number)
        self.socket.setblocking(False)
        if self.connects:
            self.socket.connect_ex(self.peer)
        else:
            self.socket.connect((self.peer[0], 0) if self.raw else self.peer)

    def fileno(self):
        return self.socket.fileno()

    def message(self):
        if self.protocol == "icmp":
            body = self.mark + b"\0\1" + (bytes(12) if self.type == TIMESTAMP else bytes(self.size))
            head = struct.pack("!BBH", self.type, self.code, 0)
            if self.family == socket.AF_INET6:
                return head + body
            return struct.pack("!BBH", self.type, self.code, checksum(head + body)) + body
        if self.protocol == "sctp" and self.raw:
            return sctp_packet(40000 + self.mark[0], self.peer[1], 0, 1, 1)
        return self.mark + bytes(self.size - 2)

    def ask(self):
        if not (self.connects and self.sent):
            self.guard(lambda: self.socket.send(self.message()))

    def hear(self):
        self.guard(self.take)

    def take(self):
        packet = self.socket.recv(65536)
        if not self.raw:
            self.result = "answer" if packet[:2] == self.mark else "refused"
            return
        packet = sctp_payload(self.family, packet)
        if self.protocol == "sctp":
            source, destination, _, _, kind = struct.unpack("!HHIIB", packet[:13])
            if (source, destination, kind) == (self.peer[1], 40000 + self.mark[0], 2):
                self.result = "answer"
            return
        answer = TIMESTAMP + 1 if self.type == TIMESTAMP else ECHO[self.family][1]
        if packet[0] == answer and packet[4:6] == self.mark:
            self.result = "answer"

    def guard(self, action):
        try:
            action()
            self.sent = True
        except BlockingIOError:
            pass
        except OSError as error:
            # Not connected: the connection is still being made.
            if error.errno in (errno.ENOTCONN, errno.EPIPE):
                return
            if error.errno == errno.ECONNREFUSED:
                self.result = "refused"
            elif error.errno not in NOBODY and error.errno != errno.EPERM:
                raise


def probe(asked, seconds):
    probes = [Probe(one) for one in asked]
    end = time.monotonic() + seconds
    due = 0
    while time.monotonic() < end and any(one.result is None for one in probes):
        open_ones = [one for one in probes if one.result is None]
        if time.monotonic() >= due:
            due = time.monotonic() + AGAIN
            for one in open_ones:
                one.ask()
        pending = [one for one in open_ones if one.connects and not one.sent]
        wait = max(0, min(due, end) - time.monotonic())
        readable, writable, _ = select.select(open_ones, pending, [], wait)
        for one in writable:
            one.ask()
        for one in readable:
            if one.result is None:
                one.hear()
    print(json.dumps([one.result or "silence" for one in probes]))


# --- stream


def stream(protocol, address, port, mode):
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    peer = socket.socket(family_of(address), kind)
    peer.connect((address, port))
    if protocol == "tcp":
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setblocking(False)
    sent = received = 0
    if mode == "push":
        sent += say(peer.send, b"push")
    while True:
        if mode == "echo":
            sent += say(peer.send, b"hello")
        end = time.monotonic() + TICK
        while (left := end - time.monotonic()) > 0:
            if not select.select([peer], [], [], left)[0]:
                continue
            try:
                if not peer.recv(65536):
                    return
                received += 1
            except OSError as error:
                if error.errno not in NOBODY:
                    raise
        print(sent, received, flush=True)


command, *arguments = sys.argv[1:]
if command == "serve":
    serve(json.loads(arguments[0]))
elif command == "probe":
    probe(json.loads(arguments[0]), float(arguments[1]))
elif command == "stream":
    stream(arguments[0], arguments[1], int(arguments[2]), arguments[3])
else:
    sys.exit(f"traffic.py: {command}?")

"""stations.py DEVICE: sends the Ethernet frames that it reads, one a line in hexadecimal, and prints those that come in.

Says "ready" once frames are being received. Frames that the kernel took a VLAN tag from get it back.
"""
import os
import select
import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA = 263, 8
VLAN_VALID, VLAN_TPID_VALID = 1 << 4, 1 << 6
ETH_P_ALL = 3

device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
device.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
device.bind((sys.argv[1], ETH_P_ALL))
print("ready", flush=True)


def received():
    frame, ancillary, _, sender = device.recvmsg(65536, 256)
    if sender[2] == socket.PACKET_OUTGOING:
        return
    for level, kind, data in ancillary:
        if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
            continue
        status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data[:20])
        if status & VLAN_VALID:
            tag = struct.pack("!HH", tpid if status & VLAN_TPID_VALID else 0x8100, tci)
            frame = frame[:12] + tag + frame[12:]
    print(frame.hex(), flush=True)


pending = b""
while True:
    ready, _, _ = select.select([device, sys.stdin], [], [])
    if device in ready:
        received()
    if sys.stdin in ready:
        chunk = os.read(sys.stdin.fileno(), 65536)
        if not chunk:
            break
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            device.send(bytes.fromhex(line.decode()))

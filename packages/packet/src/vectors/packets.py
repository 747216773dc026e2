"""The packets of scapy.txt: what does not turn up on a wire by itself."""

from scapy.all import (
    ARP,
    BOOTP,
    DHCP,
    ICMP,
    IP,
    TCP,
    UDP,
    Dot1AD,
    Dot1Q,
    Ether,
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6NDOptDNSSL,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptRDNSS,
    ICMPv6NDOptRedirectedHdr,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
    Raw,
    RouterAlert,
)
from scapy.layers.dhcp6 import (
    DHCP6_Advertise,
    DHCP6_RelayForward,
    DHCP6_Reply,
    DHCP6_Solicit,
    DHCP6OptClientId,
    DHCP6OptDNSDomains,
    DHCP6OptDNSServers,
    DHCP6OptElapsedTime,
    DHCP6OptIA_NA,
    DHCP6OptIA_PD,
    DHCP6OptIAAddress,
    DHCP6OptIAPrefix,
    DHCP6OptIfaceId,
    DHCP6OptOptReq,
    DHCP6OptPref,
    DHCP6OptRapidCommit,
    DHCP6OptRelayMsg,
    DHCP6OptServerId,
    DHCP6OptStatusCode,
    DUID_LL,
)
from scapy.layers.inet import (
    IPOption_LSRR,
    IPOption_NOP,
    IPOption_RR,
    IPOption_Router_Alert,
    IPOption_SSRR,
    IPOption_Timestamp,
)

VM, GATEWAY = "fa:16:3e:00:00:0a", "fa:16:3e:00:00:01"
E = Ether(src=VM, dst=GATEWAY)
V4 = IP(src="10.0.0.2", dst="10.0.1.3")
V6 = IPv6(src="2001:db8::2", dst="2001:db8:1::3")
LL = IPv6(src="fe80::f816:3eff:fe00:1", dst="ff02::1", hlim=255)
ALL_NODES = Ether(src=GATEWAY, dst="33:33:00:00:00:01")
MAC = bytes.fromhex("fa163e00000a")


def dhcp(options, **header):
    """A BOOTP reply to the VM."""
    fields = {"op": 2, "xid": 0x12345678, "chaddr": MAC + bytes(10), "yiaddr": "10.0.0.2", **header}
    return (
        Ether(src=GATEWAY, dst=VM)
        / IP(src="10.0.0.1", dst="10.0.0.2")
        / UDP(sport=67, dport=68)
        / BOOTP(**fields)
        / DHCP(options=options)
    )


def search(name):
    return b"".join(bytes([len(label)]) + label for label in name.split(b".")) + b"\0"


LONG = b"".join(search(b"host%02d.department.example.com" % i) for i in range(12))

PACKETS = {
    "vlan-arp": E / Dot1Q(vlan=42, prio=5) / ARP(op=1, hwsrc=VM, psrc="10.0.0.2", pdst="10.0.0.1"),
    "qinq-udp": E
    / Dot1AD(vlan=100, prio=1)
    / Dot1Q(vlan=4094, prio=7, id=1)
    / V4
    / UDP(sport=4000, dport=53)
    / Raw(b"query"),
    "rarp-operation": E / ARP(op=3, hwsrc=VM, psrc="0.0.0.0", hwdst=VM, pdst="0.0.0.0"),
    "lldp": Ether(src=VM, dst="01:80:c2:00:00:0e", type=0x88CC)
    / Raw(bytes.fromhex("0207046c0000000a040703fa163e00000a060200780000")),
    "stp-802.3": Ether(src=VM, dst="01:80:c2:00:00:00", type=38)
    / Raw(
        bytes.fromhex("424203000000000080000000000000010000000080000000000000018001000014000200 0f00".replace(" ", ""))
    ),
    "igmp-router-alert": Ether(src=VM, dst="01:00:5e:00:00:16")
    / IP(src="10.0.0.2", dst="224.0.0.22", ttl=1, tos=0xC0, options=[IPOption_Router_Alert()], proto=2)
    / Raw(bytes.fromhex("2200f9fd0000000104000000e00000fb")),
    "loose-source-route": E
    / IP(src="10.0.0.2", dst="10.0.1.3", options=[IPOption_NOP(), IPOption_LSRR(routers=["10.9.0.1", "10.9.0.2"])])
    / ICMP(id=1, seq=2),
    "strict-source-route": E
    / IP(src="10.0.0.2", dst="10.0.1.3", options=[IPOption_SSRR(routers=["10.9.0.1"]), IPOption_NOP()])
    / UDP(sport=1, dport=2),
    "ip-timestamp-option": E
    / IP(src="10.0.0.2", dst="10.0.1.3", options=[IPOption_Timestamp(flg=0, timestamp=12345)])
    / ICMP(id=1, seq=3),
    "dscp-ecn-df": E
    / IP(src="10.0.0.2", dst="10.0.1.3", tos=0xB9, flags="DF", id=0xBEEF, ttl=7)
    / UDP(sport=5060, dport=5060)
    / Raw(b"x" * 33),
    "udp-no-checksum": E / V4 / UDP(sport=4789, dport=4789, chksum=0) / Raw(bytes(8)),
    "experimental-protocol": E / IP(src="10.0.0.2", dst="10.0.1.3", proto=253) / Raw(b"payload"),
    "icmp-redirect": E
    / V4
    / ICMP(type=5, code=1, gw="10.0.0.9")
    / IP(src="10.0.1.3", dst="10.9.9.9")
    / UDP(sport=1, dport=2),
    "icmp-parameter-problem": E / V4 / ICMP(type=12, code=0, ptr=20) / IP(src="10.0.1.3", dst="10.0.0.2") / ICMP(id=7),
    "icmp-timestamp-request": E / V4 / ICMP(type=13, id=7, seq=1, ts_ori=1000, ts_rx=0, ts_tx=0),
    "icmp-timestamp-reply": E / V4 / ICMP(type=14, id=7, seq=1, ts_ori=1000, ts_rx=2000, ts_tx=3000),
    "icmp-unknown-type": E / V4 / ICMP(type=42, code=1) / Raw(b"extended"),
    "tcp-sack": E
    / V4
    / TCP(
        sport=40000,
        dport=80,
        seq=0xFFFFFFF0,
        ack=5,
        flags="A",
        window=500,
        options=[("NOP", None), ("NOP", None), ("SAck", (100, 200, 300, 400))],
    ),
    "tcp-all-flags": E / V4 / TCP(sport=1, dport=2, flags="FSRPAUECN", urgptr=77, window=0),
    "tcp-unknown-option": E / V4 / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1360), (254, b"\xf9\x89abc")]),
    "hop-by-hop-mld": Ether(src=VM, dst="33:33:00:00:00:fb")
    / IPv6(src="fe80::f816:3eff:fe00:a", dst="ff02::fb", hlim=1)
    / IPv6ExtHdrHopByHop(options=[RouterAlert()])
    / ICMPv6MLReport(mladdr="ff02::fb"),
    "routing-destination-udp": E
    / V6
    / IPv6ExtHdrRouting(type=0, addresses=["2001:db8::9"], segleft=0)
    / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])
    / UDP(sport=5, dport=6)
    / Raw(b"v6"),
    "fragment6-first": E
    / V6
    / IPv6ExtHdrFragment(offset=0, m=1, id=0xCAFE, nh=17)
    / Raw(b"\x00\x05\x00\x06" + b"f" * 20),
    "fragment6-later": E / V6 / IPv6ExtHdrFragment(offset=181, m=0, id=0xCAFE, nh=17) / Raw(b"tail"),
    "fragment6-atomic": E / V6 / IPv6ExtHdrFragment(offset=0, m=0, id=1) / UDP(sport=5, dport=6) / Raw(b"whole"),
    "tclass-flow": E
    / IPv6(src="2001:db8::2", dst="2001:db8:1::3", tc=0xB9, fl=0xABCDE, hlim=9)
    / TCP(sport=1, dport=2, flags="S"),
    "nd-ra-full": ALL_NODES
    / LL
    / ICMPv6ND_RA(chlim=64, M=1, O=1, prf=1, routerlifetime=1800, reachabletime=30000, retranstimer=1000)
    / ICMPv6NDOptSrcLLAddr(lladdr=GATEWAY)
    / ICMPv6NDOptMTU(mtu=1442)
    / ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64, L=1, A=1, validlifetime=86400, preferredlifetime=14400)
    / ICMPv6NDOptPrefixInfo(
        prefix="2001:db8:1::", prefixlen=56, L=0, A=0, validlifetime=0xFFFFFFFF, preferredlifetime=0
    )
    / ICMPv6NDOptRDNSS(dns=["2001:db8::53", "2001:db8::54"], lifetime=600)
    / ICMPv6NDOptDNSSL(searchlist=["example.com.", "lab.example.com."], lifetime=601),
    "nd-na-unsolicited": ALL_NODES
    / IPv6(src="2001:db8::1", dst="ff02::1", hlim=255)
    / ICMPv6ND_NA(R=1, S=0, O=1, tgt="2001:db8::1")
    / ICMPv6NDOptDstLLAddr(lladdr=GATEWAY),
    "nd-ns-unicast": E
    / IPv6(src="2001:db8::2", dst="2001:db8::1", hlim=255)
    / ICMPv6ND_NS(tgt="2001:db8::1")
    / ICMPv6NDOptSrcLLAddr(lladdr=VM),
    "nd-redirect": Ether(src=GATEWAY, dst=VM)
    / IPv6(src="fe80::f816:3eff:fe00:1", dst="2001:db8::2", hlim=255)
    / ICMPv6ND_Redirect(tgt="fe80::9", dst="2001:db8:1::3")
    / ICMPv6NDOptDstLLAddr(lladdr="fa:16:3e:00:00:09")
    / ICMPv6NDOptRedirectedHdr(pkt=V6 / UDP(sport=5, dport=6) / Raw(b"abcdefgh")),
    "icmp6-parameter-problem": E / V6 / ICMPv6ParamProblem(code=1, ptr=6) / V6,
    "icmp6-prohibited": E / V6 / ICMPv6DestUnreach(code=1) / V6 / TCP(sport=1, dport=2),
    "icmp6-reassembly": E / V6 / ICMPv6TimeExceeded(code=1) / V6 / ICMPv6EchoReply(id=1, seq=2),
    "echo6-empty": E / V6 / ICMPv6EchoRequest(id=0xFFFF, seq=0xFFFF),
    "dhcp-nak": dhcp(
        [("message-type", "nak"), ("server_id", "10.0.0.1"), ("error_message", b"wrong network"), "end"],
        yiaddr="0.0.0.0",
        flags=0x8000,
    ),
    "dhcp-relayed-inform": E
    / V4
    / UDP(sport=67, dport=67)
    / BOOTP(op=1, xid=1, hops=3, secs=12, ciaddr="10.0.0.2", giaddr="10.0.0.254", chaddr=MAC + bytes(10))
    / DHCP(options=[("message-type", "inform"), ("relay_agent_information", b"\x01\x04port\x02\x06" + MAC), "end"]),
    "dhcp-long-option": dhcp(
        [("message-type", "ack"), (119, LONG[:255]), (119, LONG[255:]), ("lease_time", 7200), "end"]
    ),
    "dhcp-compressed-search": dhcp(
        [
            ("message-type", "ack"),
            (119, search(b"eng.example.com")[:-1] + b"\x00" + b"\x03lab\xc0\x04" + b"\x03dev\xc0\x11"),
            "end",
        ]
    ),
    "dhcp-overload": dhcp(
        [("message-type", "ack"), ("dhcp-option-overload", 3), ("subnet_mask", "255.255.255.0"), "end"],
        file=(b"\x0f\x0bexample.com\xff").ljust(128, b"\0"),
        sname=(b"\x03\x04\x0a\x00\x00\x01\xff").ljust(64, b"\0"),
    ),
    "dhcp-routes": dhcp(
        [
            ("message-type", "offer"),
            (
                121,
                bytes.fromhex("00 0a000001 18c0a801 0a000002 20a9fea9fe 00000000 110a8000 0a000003".replace(" ", "")),
            ),
            "end",
        ]
    ),
    "dhcp6-solicit-pd": Ether(src=VM, dst="33:33:00:01:00:02")
    / IPv6(src="fe80::f816:3eff:fe00:a", dst="ff02::1:2", hlim=1)
    / UDP(sport=546, dport=547)
    / DHCP6_Solicit(trid=0xABCDEF)
    / DHCP6OptClientId(duid=DUID_LL(lladdr=VM))
    / DHCP6OptElapsedTime(elapsedtime=150)
    / DHCP6OptOptReq(reqopts=[23, 24, 82])
    / DHCP6OptRapidCommit()
    / DHCP6OptIA_PD(
        iaid=7, T1=0, T2=0, iapdopt=[DHCP6OptIAPrefix(prefix="2001:db8:f000::", plen=48, preflft=100, validlft=200)]
    ),
    "dhcp6-advertise": Ether(src=GATEWAY, dst=VM)
    / IPv6(src="fe80::1", dst="fe80::2")
    / UDP(sport=547, dport=546)
    / DHCP6_Advertise(trid=1)
    / DHCP6OptServerId(duid=DUID_LL(lladdr=GATEWAY))
    / DHCP6OptPref(prefval=255)
    / DHCP6OptIA_NA(
        iaid=1,
        T1=10,
        T2=20,
        ianaopts=[
            DHCP6OptIAAddress(
                addr="2001:db8::5",
                preflft=30,
                validlft=40,
                iaaddropts=[DHCP6OptStatusCode(statuscode=0, statusmsg=b"ok")],
            )
        ],
    )
    / DHCP6OptDNSServers(dnsservers=["2001:db8::53"])
    / DHCP6OptDNSDomains(dnsdomains=["example.com", "lab.example.com"]),
    "dhcp6-no-addresses": Ether(src=GATEWAY, dst=VM)
    / IPv6(src="fe80::1", dst="fe80::2")
    / UDP(sport=547, dport=546)
    / DHCP6_Reply(trid=2)
    / DHCP6OptStatusCode(statuscode=2, statusmsg=b"none left"),
    "dhcp6-relay-forward": Ether(src=GATEWAY, dst=VM)
    / IPv6(src="2001:db8::1", dst="ff05::1:3")
    / UDP(sport=547, dport=547)
    / DHCP6_RelayForward(hopcount=1, linkaddr="2001:db8::1", peeraddr="fe80::2")
    / DHCP6OptIfaceId(ifaceid=b"eth7")
    / DHCP6OptRelayMsg(message=DHCP6_Solicit(trid=3)),
}

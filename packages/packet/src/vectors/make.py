"""Makes the vectors beside this file: real bytes, with what Wireshark reads in them.

    python3 make.py scapy > scapy.txt                          packets built by Scapy 2.8
    python3 make.py capture FILE.pcap N=name ... > linux.txt   frames N of a capture of other people's stacks

Both need Scapy and tshark 4.0. One block per packet: `== name`, then `field value` lines as tshark prints them
(several values with commas between), then `hex` and the bytes. linux.txt was captured on a veth pair between a
Linux 6 router running dnsmasq 2.90 and a client running udhcpc 1.35, ISC dhclient 4.4, ping, arping and nc.
"""

import subprocess
import sys
import tempfile
import textwrap

# Fields of the outermost header only, and fields of which every occurrence counts.
FIRST = """eth.dst eth.src eth.type arp.opcode arp.src.hw_mac arp.src.proto_ipv4 arp.dst.hw_mac
arp.dst.proto_ipv4 ip.src ip.dst ip.ttl ip.proto ip.dsfield.dscp ip.dsfield.ecn ip.id ip.flags.df
ip.flags.mf ip.frag_offset ipv6.src ipv6.dst ipv6.hlim ipv6.tclass.dscp ipv6.tclass.ecn ipv6.flow
ipv6.fraghdr.offset ipv6.fraghdr.more ipv6.fraghdr.ident ipv6.routing.type ipv6.routing.segleft
ipv6.opt.router_alert icmp.type icmp.code icmp.mtu icmp.redir_gw icmp.pointer icmpv6.type
icmpv6.code icmpv6.mtu icmpv6.pointer""".split()
ALL = """ieee8021ad.id ieee8021ad.priority ieee8021ad.dei vlan.id vlan.priority vlan.dei ip.opt.type
ip.rec_rt ip.opt.ra icmpv6.nd.ra.cur_hop_limit icmpv6.nd.ra.flag.m icmpv6.nd.ra.flag.o
icmpv6.nd.ra.flag.prf icmpv6.nd.ra.router_lifetime icmpv6.nd.ra.reachable_time
icmpv6.nd.ra.retrans_timer icmpv6.nd.ns.target_address icmpv6.nd.na.target_address
icmpv6.nd.na.flag.r icmpv6.nd.na.flag.s icmpv6.nd.na.flag.o icmpv6.nd.rd.target_address
icmpv6.rd.na.destination_address icmpv6.opt.type icmpv6.opt.linkaddr icmpv6.opt.prefix
icmpv6.opt.prefix.length icmpv6.opt.prefix.flag.l icmpv6.opt.prefix.flag.a
icmpv6.opt.prefix.valid_lifetime icmpv6.opt.prefix.preferred_lifetime icmpv6.opt.mtu
icmpv6.opt.rdnss icmpv6.opt.rdnss.lifetime icmpv6.opt.dnssl""".split()
TRANSPORT = """icmp.ident icmp.seq icmpv6.echo.identifier icmpv6.echo.sequence_number udp.srcport udp.dstport
udp.length tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.flags tcp.window_size_value
tcp.urgent_pointer tcp.options.mss_val tcp.options.wscale.shift tcp.options.timestamp.tsval
tcp.options.timestamp.tsecr tcp.options.sack_le tcp.options.sack_re dhcp.type dhcp.hops dhcp.id
dhcp.secs dhcp.flags.bc dhcp.ip.client dhcp.ip.your dhcp.ip.server dhcp.ip.relay dhcp.hw.mac_addr
dhcp.server dhcp.file dhcp.option.type dhcp.option.dhcp dhcp.option.requested_ip_address
dhcp.option.ip_address_lease_time dhcp.option.subnet_mask dhcp.option.router
dhcp.option.domain_name_server dhcp.option.domain_name dhcp.option.hostname
dhcp.option.interface_mtu dhcp.option.ntp_server dhcp.option.broadcast_address
dhcp.option.dhcp_server_id dhcp.option.renewal_time_value dhcp.option.rebinding_time_value
dhcp.option.request_list_item dhcp.option.vendor_class_id dhcp.option.dhcp_max_message_size
dhcp.option.message dhcp.option.tftp_server_name dhcp.option.bootfile_name
dhcp.option.tftp_server_address dhcp.option.dhcp_dns_domain_search_list_fqdn
dhcp.option.classless_static_route dhcp.option.agent_information_option.agent_circuit_id
dhcp.option.agent_information_option.agent_remote_id dhcpv6.msgtype dhcpv6.xid dhcpv6.hopcount
dhcpv6.linkaddr dhcpv6.peeraddr dhcpv6.option.type dhcpv6.iaid dhcpv6.iaid.t1 dhcpv6.iaid.t2
dhcpv6.iaaddr.ip dhcpv6.iaaddr.pref_lifetime dhcpv6.iaaddr.valid_lifetime dhcpv6.iaprefix.pref_addr
dhcpv6.iaprefix.pref_len dhcpv6.elapsed_time dhcpv6.status_code dhcpv6.dns_server
dhcpv6.search_list_entry""".split()
# What an ICMP error quotes, and what stands in a fragment, is not the packet's own transport.
PARTS = ("icmp:ip", "icmpv6:ipv6")
FRAGMENTS = ("ip.flags.mf", "ipv6.fraghdr.more")


def fields(pcap, names, occurrence):
    command = ["tshark", "-r", pcap, "-T", "fields", "-E", "separator=|", "-E", f"occurrence={occurrence}"]
    for option in ("ip.defragment", "ipv6.defragment", "tcp.relative_sequence_numbers"):
        command += ["-o", f"{option}:FALSE"]
    for name in names:
        command += ["-e", name]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("|") for line in out.splitlines()]


def emit(pcap, frames, by):
    first = fields(pcap, FIRST, "f")
    every = fields(pcap, ["frame.protocols", *ALL, *TRANSPORT], "a")
    print(f"# {by}; field values by tshark 4.0. Made by make.py.\n")
    for number, name, data in frames:
        protocols, *values = every[number - 1]
        header = dict(zip(FIRST, first[number - 1]))
        fragment = any(header[field] == "1" for field in FRAGMENTS)
        partial = fragment or any(part in protocols for part in PARTS)
        print(f"== {name}")
        for field, value in [*header.items(), *zip([*ALL, *TRANSPORT], values)]:
            skipped = (partial and field in TRANSPORT) or (fragment and field.startswith("icmp"))
            if value and not skipped:
                print(field, value)
        print("hex")
        print(textwrap.fill(data.hex(), 120))
        print()


def scapy():
    from scapy.all import wrpcap
    import packets

    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        data = [(name, bytes(packet)) for name, packet in packets.PACKETS.items()]
        wrpcap(f.name, [packet for _, packet in data], linktype=1)
        emit(f.name, [(i + 1, name, packet) for i, (name, packet) in enumerate(data)], "Built by Scapy 2.8")


def capture(pcap, chosen):
    from scapy.all import rdpcap

    data = [bytes(packet) for packet in rdpcap(pcap)]
    frames = [choice.split("=") for choice in chosen]
    emit(
        pcap,
        [(int(n), name, data[int(n) - 1]) for n, name in frames],
        "Captured from Linux, dnsmasq, udhcpc and dhclient",
    )


if __name__ == "__main__":
    if sys.argv[1] == "scapy":
        scapy()
    else:
        capture(sys.argv[2], sys.argv[3:])

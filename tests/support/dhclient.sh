#!/bin/sh
# What dhclient(8) calls with each event, in place of its own dhclient-script, which would write the machine's
# resolv.conf. DHCLIENT_SEEN names the file for what it was told.
env | grep -E '^(reason|new_)' | sort >>"$DHCLIENT_SEEN"
case "$reason" in
  PREINIT) ip link set dev "$interface" up ;;
  BOUND | REBOOT | RENEW | REBIND)
    ip link set dev "$interface" mtu "$new_interface_mtu"
    ip -4 addr replace "$new_ip_address/$new_subnet_mask" broadcast + dev "$interface"
    ip -4 route replace default via "$new_routers" dev "$interface"
    ;;
esac

#!/bin/sh
# Applies what a DHCPv4 server offered inside a VM's namespace. udhcpc calls it with the event; the options are in the
# environment. LAB_RESOLV_CONF, LAB_LEASE and LAB_ROUTES name the VM's own files: the machine's /etc is never written.
set -u

# Addresses that are not from a lease stay as they are.
drop_lease() {
  [ -e "$LAB_LEASE" ] || return
  ip -4 route flush dev "$interface" proto dhcp
  ip -4 addr del "$(cat "$LAB_LEASE")" dev "$interface"
  rm -f "$LAB_LEASE" "$LAB_ROUTES"
}

# RFC 3442: a server that sends classless static routes (option 121) means them instead of its router option, not as
# well.
wanted_routes() {
  if [ -n "${staticroutes:-}" ]; then
    set -- $staticroutes
    while [ $# -ge 2 ]; do
      if [ "$2" = 0.0.0.0 ]; then echo "$1"; else echo "$1 via $2"; fi
      shift 2
    done
  elif [ -n "${router:-}" ]; then
    echo "default via ${router%% *}"
  fi
}

apply_routes() {
  wanted=$(wanted_routes)
  # A renewal that changes nothing touches no route: not one packet is lost to it.
  [ "$wanted" = "$(cat "$LAB_ROUTES" 2>/dev/null)" ] && return
  ip -4 route flush dev "$interface" proto dhcp
  echo "$wanted" | while read -r route; do
    [ -z "$route" ] || ip -4 route replace $route dev "$interface" proto dhcp
  done
  echo "$wanted" >"$LAB_ROUTES"
}

case "$1" in
  deconfig)
    ip link set dev "$interface" up
    drop_lease
    ;;
  bound | renew)
    [ -z "${mtu:-}" ] || ip link set dev "$interface" mtu "$mtu"
    leased=$ip/${mask:-32}
    # Another address than before is the server's change of mind: the old one must go.
    [ "$leased" = "$(cat "$LAB_LEASE" 2>/dev/null)" ] || drop_lease
    ip -4 addr replace "$leased" broadcast + dev "$interface"
    apply_routes
    {
      [ -z "${search:-${domain:-}}" ] || echo "search ${search:-$domain}"
      for server in ${dns:-}; do echo "nameserver $server"; done
    } >"$LAB_RESOLV_CONF"
    # Whoever waits for the lease finds it whole, and everything above done.
    echo "$leased" >"$LAB_LEASE.new" && mv "$LAB_LEASE.new" "$LAB_LEASE"
    echo "$1: $leased from ${serverid:-?}, lease ${lease:-?} s"
    ;;
  leasefail | nak)
    echo "$1: ${message:-no answer}"
    ;;
esac

/** What busybox's `udhcpc` runs at each event. Source: busybox, examples/udhcp/simple.script. */

/** Where Debian's busybox looks for it. */
export const DHCP_SCRIPT_FILE = "/etc/udhcpc/default.script";

/** Addresses, routes and name servers as they were leased; `udhcpc` sets these variables. */
export const DHCP_SCRIPT = String.raw`#!/bin/sh
case "$1" in
deconfig)
  ip addr flush dev "$interface"
  ip link set "$interface" up
  ;;
bound | renew)
  [ "$mtu" ] && ip link set "$interface" mtu "$mtu"
  ip addr flush dev "$interface"
  ip addr add "$ip/$mask" dev "$interface"
  for address in $router; do
    ip route replace default via "$address" dev "$interface"
  done
  for address in $dns; do
    echo "nameserver $address"
  done > /etc/resolv.conf
  ;;
esac
`;

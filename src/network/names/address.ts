/**
 * Where dnsmasq answers IPv6. The gateway of IPv6 is at every link, a socket at one only; and the kernel lets nothing from a link
 * to ::1. So this one is on `lo` beside the gateway of IPv4, and servers' queries to their gateway are led to it.
 */
export const NAMES6 = 'fd76:7073:6e61:6d65::53'

/*
 * How many connections are tracked for a server, and how many packets per second it may send and receive. A number that several
 * servers have is one chain for all of them; each has a count of its own, kept by the link's name.
 */

/** What a definition that says nothing about it has, so that most servers need no element for it. */
export const DEFAULT_CONNECTIONS = 16_384

type Direction = 'in' | 'out'
const END = {in: 'oifname', out: 'iifname'} as const

/** The chain that counts connections of servers with this limit. */
export function connectionsChain(limit: number, direction: Direction): string {
  return `connections-${limit}-${direction}`
}

/** The chain that holds servers to so many packets per second. */
export function packetsChain(rate: number, direction: Direction): string {
  return `packets-${rate}-${direction}`
}

/**
 * The limit of those that have no other. A connection counts for the server that opens it and for the one that it is opened to.
 * The kernel forgets counts that are 0.
 */
export function connections(): string {
  return `
  set connections { type ifname; size 65535; flags dynamic; }
  chain count_out {
    iifname vmap @connections_out
    iifname @connections_own return
    ${counted('connections', DEFAULT_CONNECTIONS, 'out')}
  }
  chain count_in {
    oifname vmap @connections_in
    oifname @connections_own return
    ${counted('connections', DEFAULT_CONNECTIONS, 'in')}
  }`
}

/** Packets to a server are counted where they leave the host, whoever sent them. */
export function packets(): string {
  return `
  chain to_link {
    type filter hook postrouting priority mangle; policy accept;
    oifname vmap @packets_in
  }`
}

/** Commands for nft that make the chains for a limit of connections, if they are not there. */
export function connectionsText(table: string, limit: number): string {
  const set = `connections-${limit}`
  return `add set inet ${table} ${set} { type ifname; size 65535; flags dynamic; }
${filled(table, connectionsChain(limit, 'in'), counted(set, limit, 'in'))}
${filled(table, connectionsChain(limit, 'out'), counted(set, limit, 'out'))}
`
}

/** Commands for nft that make the chains for a ceiling of packets, if they are not there. */
export function packetsText(table: string, rate: number): string {
  return (['in', 'out'] as const)
    .map(direction => {
      const chain = packetsChain(rate, direction)
      const over = `limit rate over ${rate}/second burst ${Math.max(5, Math.ceil(rate / 20))} packets`
      return `add set inet ${table} ${chain} { type ifname; size 65535; flags dynamic,timeout; timeout 1m; }
${filled(table, chain, `update @${chain} { ${END[direction]} ${over} } counter drop`)}
`
    })
    .join('')
}

function counted(set: string, limit: number, direction: Direction): string {
  return `add @${set} { ${END[direction]} ct count over ${limit} } counter drop`
}

/** A chain with this one rule, whether it was there or not. */
function filled(table: string, chain: string, rule: string): string {
  return `add chain inet ${table} ${chain}
flush chain inet ${table} ${chain}
add rule inet ${table} ${chain} ${rule}`
}

/*
 * Rules of others that keep servers from the world: in a chain at the forward hook, what is not spoken of is dropped. Docker does so,
 * and many firewalls.
 */
import {run, runJson} from './run.ts'

interface Listed {
  readonly nftables: readonly {
    readonly chain?: {
      readonly family: string
      readonly table: string
      readonly name: string
      readonly hook?: string
      readonly policy?: string
    }
  }[]
}

export interface ForeignDrop {
  /** `table ip filter, chain FORWARD` */
  readonly where: string
  /** Commands that let servers through. */
  readonly fix: string
}

/** @param prefix that the host's ends of links begin with */
export async function foreignDrops(prefix: string, ownTable: string): Promise<ForeignDrop[]> {
  const {nftables} = await runJson<Listed>(['nft', '-j', 'list', 'chains'])
  const drops = nftables.flatMap(({chain}) =>
    chain?.hook === 'forward' &&
    chain.policy === 'drop' &&
    chain.table !== ownTable &&
    ['ip', 'ip6', 'inet'].includes(chain.family)
      ? [chain]
      : [],
  )
  const found: ForeignDrop[] = []
  for (const {family, table, name} of drops) {
    const text = await run(['nft', 'list', 'table', family, table])
    if (text.includes(`"${prefix}*"`)) continue // somebody has seen to it
    found.push({
      where: `table ${family} ${table}, chain ${name}`,
      fix: fixFor(prefix, family, table, name, text),
    })
  }
  return found
}

/** By the tool that the chain is of: iptables calls its own in capitals, and Docker has one for its neighbours. */
function fixFor(prefix: string, family: string, table: string, chain: string, text: string): string {
  const all = `${prefix}+`
  if (table === 'filter' && chain === 'FORWARD') {
    const tool = family === 'ip6' ? 'ip6tables' : 'iptables'
    const own = text.includes('chain DOCKER-USER') ? 'DOCKER-USER' : 'FORWARD'
    return `${tool} -I ${own} -i ${all} -j ACCEPT; ${tool} -I ${own} -o ${all} -j ACCEPT`
  }
  const insert = (side: string) => `nft insert rule ${family} ${table} ${chain} ${side} '"${prefix}*"' accept`
  return `${insert('iifname')}; ${insert('oifname')}`
}

/*
 * VLANs of bridges: what the host's bridges do about them, and which ones ports are in, as `ip` and `bridge` tell. /sys would show the
 * network namespace of whoever mounted it.
 */
import {run, runJson} from './check/run.ts'

interface BridgeRow {
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: {readonly vlan_filtering?: number; readonly vlan_protocol?: string}
  }
}

interface PortRow {
  readonly ifname: string
  readonly vlans: readonly {
    readonly vlan: number
    readonly vlanEnd?: number
    readonly flags?: readonly string[]
  }[]
}

/** `off`: the bridge heeds no VLANs. `unknown`: its kernel can't. `none`: there is no such bridge. */
export type VlanFiltering = 'on' | 'off' | 'unknown' | 'none'

/** A kernel takes a port's VLAN also where the bridge does not heed it: the port would be in everybody's network. */
export async function vlanFiltering(bridge: string): Promise<VlanFiltering> {
  const rows = await runJson<BridgeRow[]>([
    'ip',
    '-j',
    '-d',
    'link',
    'show',
    'type',
    'bridge',
    'dev',
    bridge,
  ]).catch(() => [])
  const data = rows[0]?.linkinfo?.info_data
  if (data === undefined) return 'none'
  // Without CONFIG_BRIDGE_VLAN_FILTERING there is no protocol of tags, though a switch that is off.
  if (data.vlan_protocol === undefined) return 'unknown'
  return data.vlan_filtering === 1 ? 'on' : 'off'
}

/** The VLANs of each port, by its name: `20 pvid untagged`, sorted. */
export async function portVlans(): Promise<Map<string, readonly string[]>> {
  const rows = await runJson<PortRow[]>(['bridge', '-j', 'vlan', 'show'])
  return new Map(rows.map(({ifname, vlans}) => [ifname, vlans.map(vlanText).sort()]))
}

function vlanText({vlan, vlanEnd, flags = []}: PortRow['vlans'][number]): string {
  const range = vlanEnd === undefined ? `${vlan}` : `${vlan}-${vlanEnd}`
  return [
    range,
    ...(flags.includes('PVID') ? ['pvid'] : []),
    ...(flags.includes('Egress Untagged') ? ['untagged'] : []),
  ].join(' ')
}

/** What a server's port in a VLAN is in: that one alone, with no tag on either way. */
export function ownVlan(vlan: string): string {
  return `${vlan} pvid untagged`
}

/** Has a port be in one VLAN and no other. */
export async function setPortVlan(port: string, vlan: string): Promise<void> {
  for (const text of (await portVlans()).get(port) ?? [])
    await run(['bridge', 'vlan', 'del', 'dev', port, 'vid', text.split(' ')[0] ?? ''])
  await run(['bridge', 'vlan', 'add', 'dev', port, 'vid', vlan, 'pvid', 'untagged'])
}

/*
 * Bridges that do not heed the VLANs that a definition asks for.
 */
import type {Loaded} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import {originText} from '../../launch/index.ts'
import {vlanFiltering} from '../../network/index.ts'

/** @throws VpsError HOST_CANNOT (exit 5) naming the bridge */
export async function refuseUnheededVlans({definition, origin}: Loaded): Promise<void> {
  for (const [index, {bridge, vlan}] of definition.network.links.entries()) {
    if (bridge === null || vlan === null) continue
    const filtering = await vlanFiltering(bridge)
    if (filtering === 'on' || filtering === 'none') continue // that there is none is said when the port is made
    const place = originText(origin(['network', 'links', index, 'vlan']))
    if (filtering === 'off')
      throw hostCannot(
        `${place}: the bridge ${bridge} does not filter VLANs: all its ports are in one network`,
        [`ip link set ${bridge} type bridge vlan_filtering 1`, 'or leave vlan out'],
      )
    throw hostCannot(
      `${place}: this kernel has no VLANs on bridges (it was built without CONFIG_BRIDGE_VLAN_FILTERING)`,
      [`make a bridge for VLAN ${vlan} alone, and name that without vlan`, 'or boot a kernel that has it'],
    )
  }
}

function hostCannot(message: string, suggestions: readonly string[]): VpsError {
  return new VpsError('HOST_CANNOT', message, {suggestions: [...suggestions], exitCode: ExitCode.hostCannot})
}

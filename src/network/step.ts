import type {Origin} from '../definition/index.ts'

/** One step of a launch plan that is about the network; `LaunchStep` of the launch room, which is beside this one, has this shape. */
export interface NetworkStep {
  readonly op: string
  readonly arguments: readonly string[]
  readonly origin: Origin | null
}

/** A step that vps takes by itself. */
export function own(op: string, ...args: string[]): NetworkStep {
  return {op, arguments: args, origin: null}
}

/** Whether a step of a plan is about the network: the operations of role NETWORK in native/common/plan.c. */
export function isNetworkStep({op}: Pick<NetworkStep, 'op'>): boolean {
  return /^(link|host)-|^(bridge-port|shape|nft-element|nft-chain)$/.test(op)
}

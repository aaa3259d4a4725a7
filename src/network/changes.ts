/*
 * From the steps of one plan to those of another, while the server runs. Pure.
 */
import type {NetworkStep} from './step.ts'

/** What a link is made with stays as it is until the next start, also where the host has changed meanwhile (its uplink's MTU). */
const OF_THE_LINK = new Set([
  'link-veth',
  'link-macvlan',
  'link-physical',
  'bridge-port',
  'link-neighbour',
  'host-address',
])

export interface StepChange {
  /** The plan from now on. */
  readonly steps: readonly NetworkStep[]
  /** What leads there: steps whose operations begin with `+` or `-`, in this order. */
  readonly signed: readonly NetworkStep[]
}

/** In which order: new addresses before the routes that have them as their source, old ones after. */
const ADDED = ['host-setting', 'host-localhost', 'link-address', 'host-neighbour', 'host-route']
const REMOVED = ['host-route', 'host-neighbour', 'link-address', 'host-localhost']

export function changeSteps(before: readonly NetworkStep[], after: readonly NetworkStep[]): StepChange {
  const kept = before.filter(({op}) => OF_THE_LINK.has(op))
  const wanted = after.filter(({op}) => !OF_THE_LINK.has(op))
  const old = new Map(before.filter(({op}) => !OF_THE_LINK.has(op)).map(step => [keyOf(step), step]))
  const fresh = new Map(wanted.map(step => [keyOf(step), step]))
  const added = [...fresh].filter(([key]) => !old.has(key)).map(([, step]) => step)
  const removed = [...old].filter(([key]) => !fresh.has(key)).map(([, step]) => step)
  const of = (steps: readonly NetworkStep[], ...ops: readonly string[]) =>
    ops.flatMap(op => steps.filter(step => step.op === op))
  const isReplaced = ({op, arguments: [, to]}: NetworkStep) =>
    added.some(other => other.op === op && other.arguments[1] === to)
  return {
    steps: [...kept, ...wanted],
    signed: [
      // Two routes to one place cannot be.
      ...of(removed, 'host-route').filter(isReplaced).map(minus),
      ...of(added, ...ADDED).map(plus),
      ...of(removed, 'link-rule', 'link-route').map(minus),
      ...of(added, 'link-route', 'link-rule').map(plus),
      ...of(removed, ...REMOVED)
        .filter(step => step.op !== 'host-route' || !isReplaced(step))
        .map(minus),
      ...of(removed, 'host-setting')
        .filter(step => !added.some(other => isSameSetting(other, step)))
        .flatMap(switchedOff),
      ...of(removed, 'shape').map(minus),
      ...of(added, 'shape').map(plus),
      ...of(removed, 'nft-element', 'nft-chain').map(minus),
      ...of(added, 'nft-element', 'nft-chain').map(plus),
    ],
  }
}

/** What takes signed steps back. */
export function reversed(signed: readonly NetworkStep[]): NetworkStep[] {
  return signed
    .toReversed()
    .map(step => ({...step, op: (step.op.startsWith('+') ? '-' : '+') + step.op.slice(1)}))
}

/** A setting goes with its link; to be without it before that, it is switched off. */
function switchedOff({arguments: [family = '', host = '', name = ''], ...step}: NetworkStep): NetworkStep[] {
  return [{...step, op: '+host-setting', arguments: [family, host, name, '0']}]
}

function isSameSetting(one: NetworkStep, other: NetworkStep): boolean {
  return one.op === other.op && one.arguments.slice(0, 3).join(' ') === other.arguments.slice(0, 3).join(' ')
}

function plus(step: NetworkStep): NetworkStep {
  return {...step, op: `+${step.op}`}
}

function minus(step: NetworkStep): NetworkStep {
  return {...step, op: `-${step.op}`}
}

function keyOf({op, arguments: args}: NetworkStep): string {
  return [op, ...args].join('\0')
}

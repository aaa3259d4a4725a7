import {elementStep} from '../nft/element.ts'
import type {NetworkStep} from '../step.ts'
import {type Classes, trafficSetNamed, trafficSets} from './sets.ts'

/** The elements that count the traffic of a link. @param link its end on the host */
export function trafficSteps(table: string, link: string, classes: Classes): NetworkStep[] {
  return trafficSets(classes).map(set => elementStep(table, set, {key: [link]}))
}

/** Whether a change takes elements away, and what they have counted with them. */
export function removesCounters(signed: readonly Pick<NetworkStep, 'op' | 'arguments'>[]): boolean {
  return signed.some(
    ({op, arguments: [, , set = '']}) => op === '-nft-element' && trafficSetNamed(set) !== undefined,
  )
}

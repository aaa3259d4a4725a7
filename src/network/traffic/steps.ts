import {elementStep} from '../nft/element.ts'
import type {NetworkStep} from '../step.ts'
import {type Classes, trafficSets} from './sets.ts'

/** The elements that count the traffic of a link. @param link its end on the host */
export function trafficSteps(table: string, link: string, classes: Classes): NetworkStep[] {
  return trafficSets(classes).map(set => elementStep(table, set, {key: [link]}))
}

/*
 * What a server sends and receives is counted by class: the host's classes of prefixes, `local` (other servers and the host itself),
 * and `world` for all else. Each class has a set for a direction and a family, in which the link's element counts bytes and packets;
 * the supervisor finds its own by the names of the sets (native/supervisor/traffic.h).
 */
import type {NetworkConfig} from '../../host/index.ts'
import type {SetShape} from '../rules/sets.ts'

export type Classes = NetworkConfig['classes']
/** As the server sees it. */
export type Direction = 'in' | 'out'
type Family = 4 | 6

/** Nothing that an admin names has these names, see `src/host/config-network.ts`. */
export const LOCAL = 'local'
export const WORLD = 'world'

export const DIRECTIONS: readonly Direction[] = ['in', 'out']
export const FAMILIES: readonly Family[] = [4, 6]

const NAME = /^traffic_(in|out)[46]_./

export function trafficSet(direction: Direction, family: Family, name: string): SetShape {
  return shapeNamed(`traffic_${direction}${family}_${name}`)
}

/** The sets of all classes. */
export function trafficSets(classes: Classes): SetShape[] {
  return [LOCAL, ...Object.keys(classes), WORLD].flatMap(name =>
    DIRECTIONS.flatMap(direction => FAMILIES.map(family => trafficSet(direction, family, name))),
  )
}

/** A set by its name, also of a class that there is no more: servers that ran before still have elements in it. */
export function trafficSetNamed(name: string): SetShape | undefined {
  return NAME.test(name) ? shapeNamed(name) : undefined
}

function shapeNamed(name: string): SetShape {
  return {name, key: ['ifname'], counter: true}
}

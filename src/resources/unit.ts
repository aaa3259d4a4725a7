import {basename} from 'node:path'
import type {Limit} from './limit.ts'

/** A property of a unit as busctl(1) takes it: name, D-Bus signature, value words. */
export type UnitProperty = readonly [name: string, signature: string, ...value: string[]]

/** The kernel's unlimited in systemd's unsigned 64 bits. */
const INFINITY = '18446744073709551615'
/** CGROUP_WEIGHT_IDLE in systemd's cgroup-util.h: `CPUWeight=idle`. */
const IDLE = '0'

type Write = Pick<Limit, 'file' | 'value'>

/** The property that makes systemd write a file of a unit's cgroup; see systemd.resource-control(5). */
export function unitProperty({file, value}: Write): UnitProperty {
  const number = value.split(' ').at(-1) ?? ''
  switch (file) {
    case 'cpu.weight':
      return ['CPUWeight', 't', number]
    case 'cpu.idle':
      return ['CPUWeight', 't', value === '1' ? IDLE : '100']
    case 'io.weight':
      return ['IOWeight', 't', number]
    case 'io.bfq.weight':
      return ['IOWeight', 't', String(weightForBfq(Number(number)))]
    case 'io.latency':
      return latencyProperty(value)
    case 'memory.min':
      return ['MemoryMin', 't', amount(number)]
    case 'memory.low':
      return ['MemoryLow', 't', amount(number)]
    default:
      throw new RangeError(`no property of units writes ${basename(file)}`)
  }
}

/**
 * systemd maps its 1..10000 to the 1..1000 of bfq, 100 being 100 in both (BFQ_WEIGHT in cgroup.c); this is the way back, exact
 * for every weight of bfq.
 */
export function weightForBfq(weight: number): number {
  return weight <= 100 ? weight : 100 + (weight - 100) * 11
}

/** `MAJOR:MINOR target=MICROSECONDS`; a target of 0 is none. */
function latencyProperty(value: string): UnitProperty {
  const [device = '', target = ''] = value.split(' ')
  const microseconds = target.slice('target='.length)
  return [
    'IODeviceLatencyTargetUSec',
    'a(st)',
    '1',
    `/dev/block/${device}`,
    microseconds === '0' ? INFINITY : microseconds,
  ]
}

function amount(text: string): string {
  return text === 'max' ? INFINITY : text
}

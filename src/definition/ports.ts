/*
 * Ports of TCP and UDP: one, a range, a list of both.
 */
import type {Read} from './kinds.ts'
import {quote} from './words.ts'

export const MAX_PORT = 65_535

export interface PortRange {
  readonly first: number
  readonly last: number
}

/** Reads `80` or `1000-2000`. A complaint reads on after the key. */
export function readPorts(text: string, what = 'port'): Read<PortRange> {
  const [, from = '', to = from] = /^([0-9]+)(?:-([0-9]+))?$/.exec(text) ?? []
  if (from === '')
    return {says: `must have a number from 1 to ${MAX_PORT} as ${what}, or a range, not ${quote(text)}`}
  const [first, last] = [Number(from), Number(to)]
  for (const port of [first, last]) {
    if (port < 1 || port > MAX_PORT) return {says: `must have a ${what} from 1 to ${MAX_PORT}, not ${port}`}
  }
  if (first > last)
    return {
      says: `must have a range of ports that counts upwards, not ${text}`,
      suggestion: `write ${last}-${first}`,
    }
  return {value: {first, last}}
}

export function formatPorts({first, last}: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`
}

/** Reads `80,443,1000-2000`: in order, what overlaps or touches in one. */
export function readPortList(text: string): Read<PortRange[]> {
  const ranges: PortRange[] = []
  for (const part of text.split(',')) {
    const read = readPorts(part.trim())
    if ('says' in read) return read
    ranges.push(read.value)
  }
  return {value: merged(ranges)}
}

function merged(ranges: readonly PortRange[]): PortRange[] {
  const all: PortRange[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = all.at(-1)
    if (before && range.first <= before.last + 1)
      all[all.length - 1] = {first: before.first, last: Math.max(before.last, range.last)}
    else all.push(range)
  }
  return all
}

/** The ranges of the `ports` of a rule. */
export function parsePortList(text: string): PortRange[] {
  const read = readPortList(text)
  return 'value' in read ? read.value : []
}

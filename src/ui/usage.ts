import type {Pressure, Pressures, ResourceUse} from '../resources/index.ts'
import type {ServerMonth, ServerRefusal, ServerUsage} from '../server/index.ts'
import type {Paint} from './color.ts'
import {bound, bytes, duration, percent} from './format.ts'
import {paintState} from './state.ts'
import {table} from './table.ts'

/** How the rows are called for people; JSON and `--raw` have the names themselves. */
const LABELS: Readonly<Record<string, string>> = {
  cpuThrottled: 'cpu throttled',
  ioReadBytes: 'io read',
  ioWriteBytes: 'io written',
  ioReads: 'io reads',
  ioWrites: 'io writes',
  oomKills: 'oom kills',
}

type Row = readonly [name: string, use: ResourceUse]

/** For each server a heading, its resources, and its pressure. */
export function usagePage(servers: readonly ServerUsage[], paint: Paint): string {
  return servers.map(server => serverPage(server, paint)).join('\n\n')
}

function serverPage(server: ServerUsage, paint: Paint): string {
  const {name, state, since, pressure} = server
  const counted = since === null ? 'nothing counted yet' : `counted since ${since}`
  const parts = [
    `${paint('strong', name)}  ${paintState(state, paint)}  ${counted}`,
    resourceTable(Object.entries(server.resources), paint),
    pressure === null ? '' : pressureTable(pressure, paint),
  ]
  return parts.filter(part => part !== '').join('\n')
}

function resourceTable(rows: readonly Row[], paint: Paint): string {
  const known = rows.filter(([, use]) => isKnown(use))
  if (known.length === 0) return ''
  return table(
    known,
    [
      {title: 'RESOURCE', value: ([name]) => label(name)},
      {title: 'HELD', value: ([, use]) => bound(use.held, quantity(use)), right: true},
      {title: 'MAXHELD', value: ([, use]) => peak(use, quantity(use)), right: true},
      {title: 'GUARANTEE', value: ([name, use]) => bound(use.guarantee, limitOf(name, use)), right: true},
      {title: 'HIGH', value: ([name, use]) => bound(use.high, limitOf(name, use)), right: true},
      {title: 'LIMIT', value: ([name, use]) => bound(use.limit, limitOf(name, use)), right: true},
      {title: 'FAILCNT', value: ([, use]) => failures(use, paint), right: true},
    ],
    paint,
  )
}

function label(name: string): string {
  return LABELS[name] ?? name.replace(/^hugepages/, 'hugepages ')
}

/** A resource of which this host can tell nothing would only be a row of dashes. */
function isKnown({held, maxheld, limit, failcnt}: ResourceUse): boolean {
  return [held, maxheld, limit, failcnt].some(value => value !== null)
}

function quantity({unit}: ResourceUse): (value: number) => string {
  if (unit === 'bytes') return bytes
  return unit === 'microseconds' ? value => duration(value / 1000) : String
}

/** What only grows is limited by the second. */
function limitOf(name: string, use: ResourceUse): (value: number) => string {
  if (name === 'cpu') return cpus
  const text = quantity(use)
  return name.startsWith('io') ? value => `${text(value)}/s` : text
}

function peak({maxheld, exact}: ResourceUse, text: (value: number) => string): string {
  return bound(maxheld, value => `${exact ? '' : '~'}${text(value)}`)
}

function failures({failcnt}: ResourceUse, paint: Paint): string {
  return failcnt !== null && failcnt > 0 ? paint('bad', `${failcnt}`) : bound(failcnt)
}

function pressureTable(pressures: Pressures, paint: Paint): string {
  const rows = Object.entries(pressures).filter((row): row is [string, Pressure] => row[1] !== null)
  return table(
    rows,
    [
      {title: 'PRESSURE', value: ([name]) => name},
      {title: 'SOME 10S', value: ([, {some}]) => percent(some.avg10), right: true},
      {title: 'SOME 60S', value: ([, {some}]) => percent(some.avg60), right: true},
      {title: 'FULL 10S', value: ([, {full}]) => percent(full?.avg10), right: true},
      {title: 'FULL 60S', value: ([, {full}]) => percent(full?.avg60), right: true},
    ],
    paint,
  )
}

/** One table of all servers with exact numbers, whose columns `awk` finds. */
export function beancounterTable(servers: readonly ServerUsage[], paint: Paint): string {
  const rows = servers.flatMap(({name, resources}) =>
    Object.entries(resources).map(([resource, use]) => ({name, resource, use})),
  )
  return table(
    rows,
    [
      {title: 'NAME', value: row => row.name},
      {title: 'RESOURCE', value: row => row.resource},
      {title: 'HELD', value: row => bound(row.use.held), right: true},
      {title: 'MAXHELD', value: row => bound(row.use.maxheld), right: true},
      {title: 'GUARANTEE', value: row => bound(row.use.guarantee), right: true},
      {title: 'HIGH', value: row => bound(row.use.high), right: true},
      {title: 'LIMIT', value: row => bound(row.use.limit), right: true},
      {title: 'FAILCNT', value: row => bound(row.use.failcnt), right: true},
    ],
    paint,
  )
}

export function refusalTable(refusals: readonly ServerRefusal[], paint: Paint): string {
  return table(
    refusals,
    [
      {title: 'TIME', value: row => row.time},
      {title: 'NAME', value: row => row.name},
      {title: 'RESOURCE', value: row => row.resource},
      {title: 'KIND', value: row => row.kind},
      {title: 'COUNT', value: row => `${row.count}`, right: true},
      {title: 'HELD', value: row => bound(row.held, refusedAmount(row.resource)), right: true},
      {title: 'LIMIT', value: row => bound(row.limit, refusedLimit(row.resource)), right: true},
      {title: 'PID', value: row => bound(row.pid), right: true},
      {title: 'COMMAND', value: row => row.command ?? ''},
    ],
    paint,
  )
}

/** Of cpu: for how long it was held back. */
function refusedAmount(resource: string): (value: number) => string {
  if (resource === 'cpu') return microseconds => duration(microseconds / 1000)
  return /^(memory|swap|hugetlb)/.test(resource) ? bytes : String
}

/** Of cpu: microseconds a second. */
function refusedLimit(resource: string): (value: number) => string {
  return resource === 'cpu' ? value => cpus(value / 1e6) : refusedAmount(resource)
}

function cpus(count: number): string {
  return `${Number(count.toFixed(2))} CPUs`
}

export function monthTable(months: readonly ServerMonth[], paint: Paint): string {
  return table(
    months,
    [
      {title: 'NAME', value: row => row.name},
      {title: 'MONTH', value: row => row.month},
      {title: 'RUNNING', value: row => duration(row.runningSeconds * 1000), right: true},
      {title: 'CPU', value: row => duration(row.cpuSeconds * 1000), right: true},
      {title: 'MEMORY', value: row => bound(row.memoryByteHours, gibibyteHours), right: true},
      {title: 'READ', value: row => bound(row.ioReadBytes, bytes), right: true},
      {title: 'WRITTEN', value: row => bound(row.ioWriteBytes, bytes), right: true},
      {title: 'UUID', value: row => row.uuid ?? ''},
      {title: 'NOTE', value: row => (row.destroyed ? 'destroyed' : '')},
    ],
    paint,
  )
}

function gibibyteHours(byteHours: number): string {
  return `${(byteHours / 2 ** 30).toFixed(2)}GiB·h`
}

import type {Amount} from '../network/index.ts'
import type {ServerTraffic, TrafficMonth} from '../server/index.ts'
import type {Paint} from './color.ts'
import {bytes} from './format.ts'
import {type Column, table} from './table.ts'

interface Row {
  readonly in: Amount
  readonly out: Amount
  readonly kind: string
}

const AMOUNTS: readonly Column<Row>[] = [
  {title: 'CLASS', value: row => row.kind},
  {title: 'IN', value: row => bytes(row.in.bytes), right: true},
  {title: 'PACKETS-IN', value: row => `${row.in.packets}`, right: true},
  {title: 'OUT', value: row => bytes(row.out.bytes), right: true},
  {title: 'PACKETS-OUT', value: row => `${row.out.packets}`, right: true},
]

/** A row for each server and class; in and out as the server sees it. */
export function trafficTable(servers: readonly ServerTraffic[], paint: Paint): string {
  const rows = servers.flatMap(server => rowsOf(server))
  return table(
    rows,
    [{title: 'NAME', value: row => row.name}, ...AMOUNTS, {title: 'SINCE', value: row => row.since ?? ''}],
    paint,
  )
}

export function trafficMonthTable(months: readonly TrafficMonth[], paint: Paint): string {
  return table(
    months.flatMap(month => rowsOf(month)),
    [
      {title: 'NAME', value: row => row.name},
      {title: 'MONTH', value: row => row.month},
      ...AMOUNTS,
      {title: 'UUID', value: row => row.uuid ?? ''},
      {title: 'NOTE', value: row => (row.destroyed ? 'destroyed' : '')},
    ],
    paint,
  )
}

/** Classes that nothing was counted in are only in JSON, but for `world`. */
function rowsOf<Server extends ServerTraffic | TrafficMonth>(server: Server): (Server & Row)[] {
  return Object.entries(server.classes)
    .filter(([kind, amounts]) => kind === 'world' || amounts.in.packets > 0 || amounts.out.packets > 0)
    .map(([kind, {in: received, out: sent}]) => ({...server, kind, in: received, out: sent}))
}

import {VpsError} from '../errors.ts'
import {type Progress, serverPaths, writeFileAtomic} from '../host/index.ts'
import {
  emptiedTraffic,
  parseTraffic,
  parseTrafficMonth,
  type TrafficAccount,
  type TrafficByClass,
} from '../network/index.ts'
import {readIfThere} from '../resources/index.ts'
import {request} from './control.ts'
import {type ListFilter, list, type Selection} from './list.ts'
import {type MonthOf, monthsOf} from './months.ts'
import {readRun} from './run-state.ts'
import type {Context, ServerState} from './types.ts'
import {saveAccounts} from './usage.ts'
import {isoTime} from './view.ts'

/** What a server has sent and received since its counts of traffic began. */
export interface ServerTraffic {
  readonly name: string
  readonly state: ServerState
  /** When the counts began: with the first start that had traffic, or at the last reset. ISO 8601; `null` before. */
  readonly since: string | null
  /** When the supervisor wrote them down, which it does when they have changed. */
  readonly saved: string | null
  /** Empty without links of vps. */
  readonly classes: TrafficByClass
}

/** What a server sent and received in one month, for a bill. */
export interface TrafficMonth extends MonthOf {
  readonly classes: TrafficByClass
}

/** Sorted by name. Needs no lock: counts may be a moment old. */
export async function traffic(context: Context, filter: ListFilter): Promise<ServerTraffic[]> {
  const {paths, notice} = context
  const views = await list(paths, filter)
  await saveAccounts(
    context,
    views.map(({name}) => name),
  )
  return views.map(({name, state}) => {
    const account = readAccount(trafficFile(serverPaths(paths, name).storage), notice)
    return {
      name,
      state,
      since: account === undefined ? null : isoTime(account.since),
      saved: account === undefined ? null : isoTime(account.saved),
      classes: account?.classes ?? {},
    }
  })
}

/** Of `2026-11`, `now`, `last`; destroyed servers included. Those without traffic are left out. */
export async function trafficMonths(
  context: Context,
  month: string,
  selection: Selection,
): Promise<TrafficMonth[]> {
  const found = await monthsOf(context, month, selection)
  return found.flatMap(({directory, ...row}) => {
    const classes = parseTrafficMonth(readIfThere(`${directory}/${row.month}`) ?? '')
    return Object.keys(classes).length === 0 ? [] : [{...row, classes}]
  })
}

/** Under the server's lock: its counts begin anew. The months stay. */
export async function resetTraffic({paths}: Context, name: string): Promise<void> {
  const {storage, socket} = serverPaths(paths, name)
  if (readRun(paths, name).kind === 'alive') {
    await request(socket, ['reset-traffic'])
    return
  }
  const file = trafficFile(storage)
  const text = readIfThere(file)
  if (text === undefined) return // nothing was counted
  await writeFileAtomic(file, emptiedTraffic(text, file, Math.floor(Date.now() / 1000)), {mode: 0o600})
}

function trafficFile(storage: string): string {
  return `${storage}/traffic`
}

/** One that can't be read shall not hide the others'. */
function readAccount(file: string, notice: Progress): TrafficAccount | undefined {
  const text = readIfThere(file)
  if (text === undefined) return undefined
  try {
    return parseTraffic(text, file)
  } catch (error) {
    if (!(error instanceof VpsError)) throw error
    notice(error.message)
    return undefined
  }
}

import {ExitCode, VpsError} from '../errors.ts'
import type {Context} from '../server/index.ts'
import {formatBytes, formatCpus} from '../units.ts'
import type {Fleet} from './file/index.ts'
import {checkFit, type FitRow} from './fit/index.ts'
import type {Task} from './types.ts'

/**
 * Refuses a plan that asks more of the host than it has. What the host lacks already, and this plan makes no worse, is no reason.
 * @throws VpsError DOES_NOT_FIT (exit 5)
 */
export async function requireRoom(context: Context, fleet: Fleet, tasks: readonly Task[]): Promise<void> {
  const isGrowing = tasks.some(({planned: {steps}}) =>
    steps.some(step => step === 'create' || step === 'change'),
  )
  if (!isGrowing) return
  const removed = tasks.filter(({planned}) => planned.steps.includes('destroy')).map(({name}) => name)
  const lacking = (await checkFit(context, fleet.servers, {removed})).filter(({ok}) => !ok)
  if (lacking.length === 0) return
  const now = new Map((await checkFit(context, [])).map(({what, needed}) => [what, needed]))
  const worse = lacking.filter(({what, needed}) => needed > (now.get(what) ?? 0))
  if (worse.length > 0) throw doesNotFit(fleet.name, worse)
}

function doesNotFit(fleet: string, rows: readonly FitRow[]): VpsError {
  const lines = rows.map(
    row => `${row.what}: ${amount(row, row.needed)} needed, ${amount(row, row.there)} there (${row.reason})`,
  )
  const sysctls = rows.flatMap(({sysctl}) =>
    sysctl === null ? [] : [`sysctl -w ${sysctl.name}=${sysctl.value}`],
  )
  const remedies = rows.flatMap(({remedy, sysctl}) => (remedy === null || sysctl !== null ? [] : [remedy]))
  return new VpsError('DOES_NOT_FIT', `this host cannot hold fleet ${fleet}:\n  ${lines.join('\n  ')}`, {
    suggestions: [...new Set([...sysctls, ...remedies]), '`--no-fit` to apply it all the same'],
    exitCode: ExitCode.hostCannot,
  })
}

function amount({unit}: FitRow, value: number): string {
  if (unit === 'bytes') return formatBytes(Math.round(value))
  return unit === 'CPUs' ? formatCpus(value) : String(Math.ceil(value))
}

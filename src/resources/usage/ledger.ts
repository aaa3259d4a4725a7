import {VpsError} from '../../errors.ts'

/** One line of the ledger: a total is what was before this run, and what this run added. */
interface Entry {
  readonly base: number
  readonly run: number
}

/** What a server has used and was refused since its accounts began; the supervisor's file, read. */
export interface Ledger {
  /** Unix seconds: the first start or the last reset. */
  readonly since: number
  /** Unix seconds */
  readonly saved: number
  /** By the file's own names: `cpu_usec`, `memory_max`, `pids_peak` … */
  readonly totals: ReadonlyMap<string, number>
}

const HEADING = 'vps-usage 1'

/** These keep the largest value; the others add up. */
export function isPeak(name: string): boolean {
  return name.endsWith('_peak')
}

/**
 * Reads the text of a ledger. A line that is not understood is one of a newer vps and is passed over.
 * @throws VpsError BAD_LEDGER for a file that is no ledger of this version
 */
export function parseLedger(text: string, file: string): Ledger {
  const lines = text.split('\n')
  if (lines[0] !== HEADING) throw badLedger(file)
  let since = 0
  let saved = 0
  const totals = new Map<string, number>()
  for (const line of lines.slice(1)) {
    const [name = '', ...values] = line.split(' ')
    if (name === 'since') since = Number(values[0])
    else if (name === 'saved') saved = Number(values[0])
    else if (values.length === 2) {
      const entry = {base: Number(values[0]), run: Number(values[1])}
      if (Number.isFinite(entry.base) && Number.isFinite(entry.run)) totals.set(name, total(name, entry))
    }
  }
  return {since, saved, totals}
}

function total(name: string, {base, run}: Entry): number {
  return isPeak(name) ? Math.max(base, run) : base + run
}

/** The ledger of a server that does not run, with every count and peak at 0. @param now Unix seconds */
export function emptiedLedger(text: string, file: string, now: number): string {
  const names = [...parseLedger(text, file).totals.keys()]
  return [HEADING, `since ${now}`, `saved ${now}`, ...names.map(name => `${name} 0 0`), ''].join('\n')
}

function badLedger(file: string): VpsError {
  return new VpsError('BAD_LEDGER', `${file} is no ledger that this version of vps can read`, {
    suggestions: [
      'a newer vps may have written it: use that one',
      'or move the file away: the counts then begin anew with the next start',
    ],
  })
}

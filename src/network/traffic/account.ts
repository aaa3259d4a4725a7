/*
 * The supervisor's account of traffic, read: the file `traffic` of a server's storage, and its part of a month's
 * (native/supervisor/traffic.h). Pure.
 */
import {VpsError} from '../../errors.ts'
import {type Direction, LOCAL, WORLD} from './sets.ts'

export interface Packets {
  readonly bytes: number
  readonly packets: number
}

/** Both families together, and each. Bytes are those of IP packets, with their headers. */
export interface Amount extends Packets {
  readonly ipv4: Packets
  readonly ipv6: Packets
}

/** What a server received and sent, as it sees it. */
export type ClassTraffic = Readonly<Record<Direction, Amount>>

/** By class: `local` first, then those of the admin, then `world`. */
export type TrafficByClass = Readonly<Record<string, ClassTraffic>>

export interface TrafficAccount {
  /** Unix seconds: the first traffic or the last reset. */
  readonly since: number
  /** Unix seconds */
  readonly saved: number
  readonly classes: TrafficByClass
}

const HEADING = 'vps-traffic 1'
const LINE = /^([a-z0-9][a-z0-9-]*)_(in|out)([46])_(bytes|packets)$/

/**
 * Reads the text of an account. A line that is not understood is one of a newer vps and is passed over.
 * @throws VpsError BAD_LEDGER for a file that is no account of this version
 */
export function parseTraffic(text: string, file: string): TrafficAccount {
  const lines = linesOf(text, file)
  const single = (name: string) => Number(lines.find(([first]) => first === name)?.[1] ?? 0)
  return {
    since: single('since'),
    saved: single('saved'),
    classes: byClass(
      lines.flatMap(([name = '', base, run]) =>
        run === undefined ? [] : [[name, Number(base) + Number(run)]],
      ),
    ),
  }
}

/** The traffic among the lines of a month's file. */
export function parseTrafficMonth(text: string): TrafficByClass {
  return byClass(
    text.split('\n').map(line => {
      const [name = '', value] = line.split(' ')
      return [name, Number(value)]
    }),
  )
}

/** The account of a server that does not run, with every count at 0. @param now Unix seconds */
export function emptiedTraffic(text: string, file: string, now: number): string {
  const names = linesOf(text, file).flatMap(([name = '']) => (LINE.test(name) ? [name] : []))
  return [HEADING, `since ${now}`, `saved ${now}`, ...names.map(name => `${name} 0 0`), ''].join('\n')
}

function linesOf(text: string, file: string): string[][] {
  const [heading, ...lines] = text.split('\n')
  if (heading !== HEADING) throw badAccount(file)
  return lines.map(line => line.split(' '))
}

type Figures = Map<string, number>

function byClass(values: readonly (readonly [name: string, value: number])[]): TrafficByClass {
  const classes = new Map<string, Figures>()
  for (const [name, value] of values) {
    const [, word = '', direction, family, unit] = LINE.exec(name) ?? []
    if (unit === undefined || !Number.isFinite(value)) continue
    const figures = classes.get(word) ?? new Map()
    classes.set(word, figures.set(`${direction}${family}${unit}`, value))
  }
  return Object.fromEntries(
    [...classes]
      .sort(([a], [b]) => place(a) - place(b) || (a < b ? -1 : 1))
      .map(([name, figures]) => [name, {in: amount(figures, 'in'), out: amount(figures, 'out')}]),
  )
}

function place(name: string): number {
  return name === LOCAL ? 0 : name === WORLD ? 2 : 1
}

function amount(figures: Figures, direction: Direction): Amount {
  const of = (family: 4 | 6): Packets => ({
    bytes: figures.get(`${direction}${family}bytes`) ?? 0,
    packets: figures.get(`${direction}${family}packets`) ?? 0,
  })
  const ipv4 = of(4)
  const ipv6 = of(6)
  return {bytes: ipv4.bytes + ipv6.bytes, packets: ipv4.packets + ipv6.packets, ipv4, ipv6}
}

function badAccount(file: string): VpsError {
  return new VpsError('BAD_LEDGER', `${file} is no account that this version of vps can read`, {
    suggestions: [
      'a newer vps may have written it: use that one',
      'or move the file away: the counts then begin anew with the next start',
    ],
  })
}

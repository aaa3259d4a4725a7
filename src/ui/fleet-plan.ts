import type {FleetPlan, KeyChange, PlannedServer, Step} from '../fleet/index.ts'
import type {Paint, Style} from './color.ts'
import {nameList} from './name-list.ts'
import {wrap} from './text.ts'

/** Servers that the same is done to, and for the same reasons. */
interface Group {
  readonly first: PlannedServer
  readonly names: readonly string[]
}

const SIGNS: Readonly<Record<Step, readonly [sign: string, style: Style]>> = {
  destroy: ['-', 'bad'],
  create: ['+', 'good'],
  adopt: ['~', 'warning'],
  change: ['~', 'warning'],
  restart: ['~', 'warning'],
  start: ['+', 'good'],
  stop: ['-', 'bad'],
}

const WORDS: Readonly<Record<Step, string>> = {
  destroy: 'destroy, with all data',
  create: 'create',
  adopt: 'take over',
  change: 'change',
  restart: 'restart',
  start: 'start',
  stop: 'stop',
}

/** What `vps plan` prints, and `vps apply` before it asks. Servers that share a fate share a paragraph. */
export function fleetPlanText(plan: FleetPlan, paint: Paint, width = 100): string {
  const groups = groupsOf(plan.servers.filter(({steps}) => steps.length > 0))
  const parts = groups.map(group => groupText(group, paint, width))
  return [
    `${paint('strong', `Fleet ${plan.fleet}`)}: ${plan.files.join(', ')}`,
    ...parts,
    ...notes(plan, paint, width),
    planSentence(plan),
  ].join('\n\n')
}

/** The sum of a plan in one sentence. */
export function planSentence({pending, summary, fleet}: FleetPlan): string {
  const {unchanged} = summary
  if (!pending)
    return `Nothing to do: ${unchanged === 1 ? 'the server' : `all ${unchanged} servers`} of fleet ${fleet} ${unchanged === 1 ? 'is' : 'are'} as the files say.`
  const steps = (['create', 'adopt', 'change', 'restart', 'start', 'stop', 'destroy'] as const).filter(
    step => summary[step] > 0,
  )
  const words = steps.map(step => `${summary[step]} to ${step === 'adopt' ? 'take over' : step}`)
  return `Plan: ${[...words, `${unchanged} unchanged`].join(', ')}.`
}

function groupsOf(servers: readonly PlannedServer[]): Group[] {
  const groups = new Map<string, {first: PlannedServer; names: string[]}>()
  for (const server of servers) {
    const {steps, changes, formerFleet} = server
    const key = JSON.stringify([steps, changes, formerFleet])
    const known = groups.get(key)
    if (known === undefined) groups.set(key, {first: server, names: [server.name]})
    else known.names.push(server.name)
  }
  return [...groups.values()]
}

function groupText({first, names}: Group, paint: Paint, width: number): string {
  const {steps, changes, formerFleet} = first
  const [sign, style] = SIGNS[steps.find(step => step !== 'stop') ?? 'stop']
  const words = steps.map(step =>
    step === 'adopt'
      ? `take over (${formerFleet === null ? 'hand-made' : `of fleet ${formerFleet}`})`
      : WORDS[step],
  )
  const live =
    steps.includes('change') && !steps.includes('restart') && first.state === 'running' ? ', live' : ''
  const count = names.length === 1 ? '' : paint('dim', ` (${names.length})`)
  const heading = `  ${paint(style, `${sign} ${words.join(', ')}${live}`)}${count}`
  const list = `      ${wrap(nameList(names), width - 6, 6)}`
  return [heading, list, ...changeLines(changes, paint)].join('\n')
}

function changeLines(changes: readonly KeyChange[], paint: Paint): string[] {
  const width = Math.max(0, ...changes.map(({key}) => key.length))
  return changes.map(({key, old, new: now, when}) => {
    const after = when === 'restart' ? paint('dim', '  (after a restart)') : ''
    return `      ${paint('dim', key.padEnd(width))}  ${value(old)} ${paint('dim', '→')} ${value(now)}${after}`
  })
}

const LONGEST = 120

function value(what: unknown): string {
  if (what === null || what === undefined) return 'nothing'
  const text = typeof what === 'string' && what !== '' ? what : JSON.stringify(what)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a definition must not steer the terminal
  const shown = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST - 3)}...` : shown
}

function notes({servers, interrupted, fleet, problems}: FleetPlan, paint: Paint, width: number): string[] {
  const waiting = servers.filter(server => server.waiting.length > 0).map(({name}) => name)
  const orphans = servers.filter(({wanted, steps}) => wanted === null && steps.length === 0)
  const note = (text: string): string => wrap(`${paint('warning', 'Note:')} ${text}`, width, 6)
  return [
    ...problems.map(({origin, grade, message}) =>
      wrap(
        `${origin.file}:${origin.line}:${origin.column}: ${paint('warning', grade)}: ${message}`,
        width,
        6,
      ),
    ),
    ...(interrupted === null
      ? []
      : [
          note(
            interrupted.phase === 'applying'
              ? `an atomic apply of this fleet, begun at ${interrupted.begun}, was interrupted; with --atomic, applying goes on with it, and a failure takes back what it did too.`
              : `an atomic apply of this fleet, begun at ${interrupted.begun}, failed and was interrupted while it was taken back; applying finishes that first.`,
          ),
        ]),
    ...(waiting.length === 0
      ? []
      : [note(`keys of ${nameList(waiting)} wait for a restart, and --no-restart leaves them so.`)]),
    ...(orphans.length === 0
      ? []
      : [
          note(
            `${nameList(orphans.map(({name}) => name))}: of fleet ${fleet} and in none of its files; --prune destroys what is not there.`,
          ),
        ]),
  ]
}

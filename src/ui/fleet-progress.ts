import process from 'node:process'
import type {ApplyEvent, ApplyReport, ServerOutcome, Step} from '../fleet/index.ts'
import {type Paint, paintFor} from './color.ts'
import {errorJson, renderError} from './errors.ts'
import {duration} from './format.ts'
import {LiveBlock} from './live-block.ts'
import {nameList} from './name-list.ts'
import {write} from './output.ts'
import {passwordLines} from './passwords.ts'

const DONE: Readonly<Record<Step, string>> = {
  destroy: 'destroyed',
  adopt: 'taken over',
  create: 'created',
  change: 'changed',
  restart: 'restarted',
  start: 'started',
  stop: 'stopped',
}

const DOING: Readonly<Record<Step, string>> = {
  destroy: 'destroying',
  adopt: 'taking over',
  create: 'creating',
  change: 'changing',
  restart: 'restarting',
  start: 'starting',
  stop: 'stopping',
}

const BAR = 30
/** Lines for what is under way. */
const SHOWN = 8

/** Shows how an apply goes on: a bar and what is under way on a terminal, a line for each server that is done elsewhere. */
export class FleetProgress {
  readonly #block: LiveBlock
  /** Nobody who reads on would miss a line for each server. */
  readonly #isLive = process.stderr.isTTY === true && process.stdout.isTTY === true
  readonly #paint: Paint = paintFor(process.stderr)
  readonly #underWay = new Map<string, string>()
  readonly #begin = performance.now()
  #total = 0
  #done = 0
  #failed = 0

  constructor() {
    this.#block = new LiveBlock(() => this.#lines())
  }

  /** @param total how many servers something is done to */
  expect(total: number): void {
    this.#total = total
  }

  tell(event: ApplyEvent): void {
    switch (event.event) {
      case 'begin':
        this.#underWay.set(event.name, '')
        return
      case 'step':
        this.#underWay.set(event.name, DOING[event.step])
        return
      case 'progress':
        this.#underWay.set(event.name, event.line)
        return
      case 'password':
        for (const line of passwordLines(event.name, [event]))
          if (this.#isLive) this.#block.print(line)
          else void write(`${line}\n`)
        return
      case 'taking-back':
        this.#done = 0
        this.#total = event.servers.length
        this.#block.print(this.#paint('warning', `taking back what was done to ${nameList(event.servers)}`))
        return
      case 'server':
        this.#settle(event)
        return
    }
  }

  /** A line that stays, above what is being drawn. */
  say(line: string): void {
    this.#block.print(line)
  }

  end(): void {
    this.#block.end()
  }

  #settle(outcome: ServerOutcome): void {
    this.#underWay.delete(outcome.name)
    this.#done++
    if (outcome.outcome === 'failed') {
      this.#failed++
      this.#block.print(renderError(outcome.error, this.#paint))
    } else if (!this.#isLive && outcome.outcome !== 'not-begun') void write(`${outcomeText(outcome)}\n`)
  }

  #lines(): string[] {
    if (this.#total === 0) return []
    const filled = Math.min(BAR, Math.round((BAR * this.#done) / this.#total))
    const bar = `${this.#paint('good', '█'.repeat(filled))}${this.#paint('dim', '░'.repeat(BAR - filled))}`
    const failed = this.#failed === 0 ? '' : `  ${this.#paint('bad', `${this.#failed} failed`)}`
    const head = `${bar}  ${this.#done}/${this.#total}${failed}  ${duration(performance.now() - this.#begin)}`
    const rows = [...this.#underWay].map(([name, doing]) => `  ${name}  ${this.#paint('dim', doing)}`)
    return [head, ...rows.slice(0, SHOWN)]
  }
}

/** `web1: created, started in 12ms` */
export function outcomeText({name, outcome, steps, tookMs, because}: ServerOutcome): string {
  if (outcome === 'skipped') return `${name}: skipped, as ${because} failed`
  if (outcome === 'not-begun') return `${name}: not begun`
  if (outcome === 'taken-back') return `${name}: taken back`
  const words = steps.length === 0 ? 'nothing left to do' : steps.map(step => DONE[step]).join(', ')
  return `${name}: ${words} in ${duration(tookMs)}`
}

/** What an apply came to, and how to go on. */
export function applySummary({servers, interrupted, takenBack, tookMs, fleet}: ApplyReport): string {
  const names = (outcome: ServerOutcome['outcome']): string[] =>
    servers.filter(server => server.outcome === outcome).map(({name}) => name)
  const [done, failed, skipped] = [names('done'), names('failed'), names('skipped')]
  const [left, back] = [names('not-begun'), names('taken-back')]
  const counts = [
    `${done.length} done`,
    ...(failed.length > 0 ? [`${failed.length} failed (${nameList(failed)})`] : []),
    ...(skipped.length > 0 ? [`${skipped.length} skipped (${nameList(skipped)})`] : []),
    ...(left.length > 0 ? [`${left.length} not begun`] : []),
    ...(back.length > 0 ? [`${back.length} taken back`] : []),
  ]
  const lines = [`Fleet ${fleet}: ${counts.join(', ')} in ${duration(tookMs)}.`]
  if (takenBack === 'yes') lines.push('All that was done is taken back: every server is as it was before.')
  if (takenBack === 'partly')
    lines.push('Not all that was done could be taken back; the same command goes on with that.')
  if (interrupted) lines.push('Interrupted: what was under way is finished. The same command does the rest.')
  else if (failed.length > 0 && takenBack === 'no')
    lines.push('Once that is mended, the same command does what is left.')
  return lines.join('\n')
}

/** An event as one line of JSON; errors as every command writes them. */
export function applyEventJson(event: ApplyEvent): string {
  const value =
    event.event === 'end'
      ? {event: 'end', ...reportJson(event.report)}
      : event.event === 'server'
        ? {event: 'server', ...outcomeJson(event)}
        : event
  return `${JSON.stringify(value)}\n`
}

function reportJson({plan, servers, ...report}: ApplyReport): object {
  const count = (outcome: ServerOutcome['outcome']): number =>
    servers.filter(server => server.outcome === outcome).length
  return {
    ...report,
    done: count('done'),
    failed: count('failed'),
    skipped: count('skipped'),
    notBegun: count('not-begun'),
    unchanged: plan.summary.unchanged,
  }
}

function outcomeJson({name, outcome, steps, tookMs, error, because}: ServerOutcome): object {
  return {
    name,
    outcome,
    steps,
    tookMs,
    ...(error !== undefined && {error: errorJson(error)}),
    ...(because !== undefined && {because}),
  }
}

import process from 'node:process'
import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../errors.ts'
import {isPattern} from '../patterns.ts'
import type {ServerFilter, ServerState} from '../server/index.ts'
import {VpsCommand} from './command.ts'
import {reportEach} from './report-each.ts'

/** The part of the API's Host that finds servers. */
export interface Lister {
  list(filter: ServerFilter): Promise<readonly {readonly name: string; readonly state: string}[]>
}

/** Which servers a reading command is about, as the API's Host takes it. */
export interface Selected extends ServerFilter {
  readonly all?: boolean
}

/** What `--all`, `--tag` and their like say. */
export interface SelectionFlags {
  readonly all?: boolean
  readonly tag?: string | undefined
  readonly project?: string | undefined
  readonly state?: string | undefined
  readonly fleet?: string | undefined
}

const STATES: readonly ServerState[] = [
  'running',
  'starting',
  'stopping',
  'paused',
  'stopped',
  'crashed',
  'invalid',
  'defined',
]

/** A command that does the same to several servers: names and patterns, `--all`, `--tag` …; every one is tried and reported. */
export abstract class ServersCommand extends VpsCommand {
  static override baseFlags = {
    ...VpsCommand.baseFlags,
    all: boolean({description: 'All servers of this host that it makes sense for.'}),
    tag: string({description: 'Only servers that have this tag.', helpValue: 'T'}),
    project: string({description: 'Only servers of this project.', helpValue: 'P'}),
    state: string({description: 'Only servers in this state.', helpValue: 'S', options: [...STATES]}),
    fleet: string({description: 'Only servers that this fleet owns.', helpValue: 'F'}),
  }

  /** Refuses a command line that names no server, or all of them and some. */
  protected requireSelection(names: readonly string[], flags: SelectionFlags): void {
    if (flags.all === true ? names.length === 0 : names.length > 0 || isNarrowed(flags)) return
    throw new VpsError(
      'WRONG_USE',
      flags.all === true ? 'names and --all exclude each other' : 'no server is named',
      {
        exitCode: ExitCode.wrongUse,
        suggestions: [`vps ${this.id} NAME…, vps ${this.id} --all, or vps ${this.id} --tag T`],
      },
    )
  }

  /** For commands that only look: without a word they mean all servers. */
  protected allUnlessChosen(names: readonly string[], flags: SelectionFlags): Selected {
    if (names.length === 0 && !isNarrowed(flags)) return {all: true}
    this.requireSelection(names, flags)
    return {...(names.length > 0 && {names}), ...filterOf(flags)}
  }

  /**
   * The servers meant, each once. Plain names come as they are typed: one that is no server is not looked at here, so that it
   * does not keep the others from being done.
   * @param states what is not named one by one means only servers in one of these: nobody who stops all wants to hear of
   *   stopped ones
   */
  protected async chosen(
    host: Lister,
    names: readonly string[],
    flags: SelectionFlags,
    states?: readonly string[],
  ): Promise<string[]> {
    this.requireSelection(names, flags)
    const filter = filterOf(flags)
    const isPlain = flags.all !== true && !isNarrowed(flags) && !names.some(isPattern)
    if (isPlain) return [...new Set(names)]
    const found = await host.list({...filter, ...(names.length > 0 && {names})})
    if (found.length === 0 && isNarrowed(flags)) process.stderr.write(`vps: ${nobody(names, flags)}\n`)
    const anyState = states === undefined || flags.state !== undefined
    const named = isNarrowed(flags) ? [] : names.filter(word => !isPattern(word))
    const suitable = found.filter(
      ({name, state}) => anyState || states.includes(state) || named.includes(name),
    )
    return [...new Set([...named, ...suitable.map(({name}) => name)])]
  }

  /** `reportEach`, with the exit code set. */
  protected async each<Value extends object>(
    names: readonly string[],
    work: (name: string, progress: (line: string) => void) => Promise<Value>,
    text: (value: Value, name: string) => string,
    problems?: (value: Value) => readonly Error[],
  ): Promise<void> {
    process.exitCode = await reportEach(names, {json: this.json, work, text, problems})
  }
}

/** Whether flags ask for more than all. */
export function isNarrowed({tag, project, state, fleet}: SelectionFlags): boolean {
  return [tag, project, state, fleet].some(value => value !== undefined)
}

function filterOf({tag, project, state, fleet}: SelectionFlags): ServerFilter {
  return {
    ...(tag !== undefined && {tag}),
    ...(project !== undefined && {project}),
    ...(state !== undefined && {state: state as ServerState}), // the parser lets nothing else through
    ...(fleet !== undefined && {fleet}),
  }
}

/** `no server has the tag web and is running` */
function nobody(names: readonly string[], {tag, project, state, fleet}: SelectionFlags): string {
  const wanted = [
    ...(tag === undefined ? [] : [`has the tag ${tag}`]),
    ...(project === undefined ? [] : [`is of project ${project}`]),
    ...(state === undefined ? [] : [`is ${state}`]),
    ...(fleet === undefined ? [] : [`belongs to fleet ${fleet}`]),
  ]
  return `no server${names.length > 0 ? ` of ${names.join(', ')}` : ''} ${wanted.join(' and ')}`
}

import {ExitCode, VpsError} from '../errors.ts'
import {nearest} from '../nearest.ts'
import {type CommandInfo, type Manifest, spokenName} from './manifest.ts'
import {splitWords} from './words.ts'

/** What a command line asks for. */
export type Request =
  | {readonly kind: 'run'; readonly command: CommandInfo; readonly argv: readonly string[]}
  | {readonly kind: 'help'; readonly argv: readonly string[]}
  | {readonly kind: 'version'; readonly argv: readonly string[]}

/**
 * Finds the command of a command line: the longest one whose words it starts with (`image list` before `image`). Throws
 * VpsError UNKNOWN_COMMAND with the nearest known command.
 */
export function resolveRequest(argv: readonly string[], manifest: Manifest): Request {
  const [first] = argv
  if (first === undefined || first === '--help' || first === '-h') return {kind: 'help', argv: []}
  if (first === '--version') return {kind: 'version', argv: argv.slice(1)}
  const command = findCommand(argv, manifest)
  if (command === undefined) {
    if (isTopic(first, manifest) && argv.slice(1).every(word => word === '--help' || word === '-h')) {
      return {kind: 'help', argv: [first]}
    }
    throw unknownCommand(argv, manifest)
  }
  const words = command.id.split(':')
  const rest = argv.slice(words.length)
  if (asksForHelp(rest, command)) return {kind: 'help', argv: words}
  return {kind: 'run', command, argv: rest}
}

/** The command whose words `argv` starts with, the longest one if there are several. */
export function findCommand(argv: readonly string[], manifest: Manifest): CommandInfo | undefined {
  return manifest.commands[argv.slice(0, 2).join(':')] ?? manifest.commands[argv[0] ?? '']
}

/** Whether commands start with this word and a further one (`image`). */
export function isTopic(word: string, manifest: Manifest): boolean {
  return Object.keys(manifest.commands).some(id => id.startsWith(`${word}:`))
}

/** `--help` is ours up to `--`, and in `exec` and `run` only before the other program's words begin. */
function asksForHelp(argv: readonly string[], command: CommandInfo): boolean {
  return ownPart(argv, command).includes('--help')
}

/** The words that are for vps itself. */
export function ownPart(argv: readonly string[], command: CommandInfo | undefined): readonly string[] {
  if (command?.ownWords !== undefined) return splitWords(argv, command.flags, command.ownWords).own
  const end = argv.indexOf('--')
  return end === -1 ? argv : argv.slice(0, end)
}

/** The error for words that are no command, with the nearest that is. */
export function unknownCommand(argv: readonly string[], manifest: Manifest): VpsError {
  const [first = '', second = ''] = argv
  const names = Object.values(manifest.commands)
    .filter(command => command.hidden !== true)
    .map(command => spokenName(command.id))
  const topic = isTopic(first, manifest)
  const said = topic && second !== '' ? `${first} ${second}` : first
  const near = nearest(
    said,
    topic ? names : new Set([...names, ...names.map(name => name.split(' ')[0] ?? '')]),
  )
  return new VpsError('UNKNOWN_COMMAND', `there is no command ${JSON.stringify(said)}`, {
    exitCode: ExitCode.wrongUse,
    suggestions: [near === undefined ? 'vps help' : `vps ${near}`],
  })
}

import {ExitCode, VpsError} from '../errors.ts'
import type {Paint} from './color.ts'
import {exitCodesPage} from './exit-codes.ts'
import {type ArgumentInfo, type CommandInfo, type FlagInfo, type Manifest, spokenName} from './manifest.ts'
import {findCommand, isTopic, unknownCommand} from './resolve.ts'
import {indent, wrap} from './text.ts'

/** The commands as `vps help` groups and orders them. */
export const commandGroups: readonly {readonly title: string; readonly commands: readonly string[]}[] = [
  {
    title: 'Servers',
    commands: [
      'create',
      'start',
      'stop',
      'restart',
      'pause',
      'resume',
      'list',
      'show',
      'ps',
      'provision',
      'rename',
      'destroy',
    ],
  },
  {title: 'Fleets', commands: ['plan', 'apply']},
  {title: 'What happens, and what happened', commands: ['events', 'wait']},
  {title: 'What servers use', commands: ['usage', 'traffic', 'top', 'verify']},
  {
    title: 'Network',
    commands: ['network:list', 'network:addresses', 'network:show', 'network:firewall', 'network:check'],
  },
  {title: 'Inside servers', commands: ['enter', 'exec', 'runscript', 'run', 'cp', 'console', 'logs']},
  {
    title: 'Definitions',
    commands: [
      'set',
      'edit',
      'history',
      'diff',
      'rollback',
      'validate',
      'schema',
      'profile:list',
      'profile:show',
    ],
  },
  {
    title: 'Templates and images',
    commands: ['template:list', 'template:show', 'image:list', 'image:build', 'image:remove'],
  },
  {
    title: 'This host',
    commands: [
      'boot',
      'shutdown',
      'install-service',
      'doctor',
      'capacity',
      'capacity:split',
      'version',
      'completion',
      'help',
    ],
  },
]

/** What help needs to know of where it is printed. */
export interface HelpOptions {
  readonly paint: Paint
  /** Columns of the page. */
  readonly width: number
}

/** The help page for the words after `vps help`: everything, a command, a topic, or `exit-codes`. */
export function helpPage(words: readonly string[], manifest: Manifest, options: HelpOptions): string {
  const [first] = words
  if (first === undefined) return rootPage(manifest, options)
  if (first === 'exit-codes') return exitCodesPage(options.paint)
  const command = findCommand(words, manifest)
  if (command !== undefined && spokenName(command.id) === words.join(' '))
    return commandPage(command, options)
  if (words.length === 1 && isTopic(first, manifest)) return topicPage(first, manifest, options)
  throw command === undefined ? unknownCommand(words, manifest) : tooManyWords(command)
}

/** How a command is written, without `vps`; the base of help, docs and completion. */
export function usageLines(command: CommandInfo): readonly string[] {
  const name = spokenName(command.id)
  const {usage} = command
  if (usage !== undefined)
    return (typeof usage === 'string' ? [usage] : usage).map(line => `${name} ${line}`.trim())
  const words = Object.values(command.args).map(argument => argumentWord(argument))
  return [[name, ...words, ...ownFlags(command).map(flag => `[${flagWord(flag)}]`)].join(' ')]
}

/** The flags that are the command's own, in the order in which it declares them. */
export function ownFlags(command: CommandInfo): readonly FlagInfo[] {
  return Object.values(command.flags).filter(flag => flag.helpGroup !== 'global' && flag.hidden !== true)
}

/** `-f, --file FILE` */
export function flagLabel(flag: FlagInfo): string {
  const value = flag.type === 'option' ? ` ${flagValue(flag)}` : ''
  const short = flag.char === undefined ? '' : `-${flag.char}, `
  return `${short}--${flag.name}${value}`
}

export function flagText(flag: FlagInfo): string {
  const notes = []
  if (flag.multiple === true) notes.push('may be repeated')
  if (flag.options !== undefined) notes.push(`one of ${flag.options.join(', ')}`)
  if (flag.type === 'option' && flag.default !== undefined) notes.push(`default ${String(flag.default)}`)
  const text = flag.description ?? flag.summary ?? ''
  return notes.length === 0 ? text : `${text} (${notes.join('; ')})`
}

/** An example as its comment and its command line. */
export function exampleParts(example: string | {readonly description: string; readonly command: string}): {
  readonly description: string
  readonly command: string
} {
  return typeof example === 'string' ? {description: '', command: example} : example
}

function flagWord(flag: FlagInfo): string {
  const name = flag.char === undefined ? `--${flag.name}` : `-${flag.char}`
  const word = flag.type === 'option' ? `${name} ${flagValue(flag)}` : name
  return flag.multiple === true ? `${word} …` : word
}

function flagValue(flag: FlagInfo): string {
  return flag.helpValue ?? flag.name.toUpperCase()
}

function argumentWord(argument: ArgumentInfo): string {
  const word = argument.name.toUpperCase()
  return argument.required === true ? word : `[${word}]`
}

function rootPage(manifest: Manifest, {paint, width}: HelpOptions): string {
  const commands = Object.values(manifest.commands).filter(command => command.hidden !== true)
  const left = Math.max(...commands.map(command => spokenName(command.id).length)) + 2
  const sections = commandGroups.flatMap(group => {
    const members = group.commands.flatMap(id => manifest.commands[id] ?? [])
    if (members.length === 0) return []
    const lines = members.map(
      command =>
        `  ${spokenName(command.id).padEnd(left)}${wrap(command.summary ?? '', width - left - 2, left + 2)}`,
    )
    return [`${paint('strong', group.title)}\n${lines.join('\n')}`]
  })
  return [
    'vps: private servers on one Linux kernel, defined by YAML, started in milliseconds.',
    `${paint('strong', 'Usage')}\n  vps COMMAND [NAME…] [flags]`,
    ...sections,
    `${paint('strong', 'A first server')}\n${indent(firstServer.join('\n'), 2)}`,
    [
      'vps help COMMAND     what a command does, its flags, examples',
      'vps help exit-codes  what the exit codes mean',
      'Every command takes --json and --no-color.',
    ].join('\n'),
  ].join('\n\n')
}

const firstServer = [
  '$ vps create web1 --template host --start',
  '$ vps enter web1',
  '$ vps destroy web1 --force',
]

function topicPage(topic: string, manifest: Manifest, options: HelpOptions): string {
  const commands = Object.values(manifest.commands).filter(command => command.id.startsWith(`${topic}:`))
  const left = Math.max(...commands.map(command => spokenName(command.id).length)) + 2
  const lines = commands.map(
    command =>
      `  ${spokenName(command.id).padEnd(left)}${wrap(command.summary ?? '', options.width - left - 2, left + 2)}`,
  )
  return `${options.paint('strong', 'Usage')}\n  vps ${topic} COMMAND\n\n${options.paint('strong', 'Commands')}\n${lines.join('\n')}`
}

function commandPage(command: CommandInfo, {paint, width}: HelpOptions): string {
  const sections = [
    command.summary ?? '',
    section(
      paint,
      'Usage',
      usageLines(command)
        .map(line => `$ vps ${line}`)
        .join('\n'),
    ),
    command.description === undefined ? '' : wrap(command.description, width, 0),
    section(paint, 'Flags', flagList(ownFlags(command), width)),
    section(
      paint,
      'Everywhere',
      flagList(
        Object.values(command.flags).filter(flag => flag.helpGroup === 'global'),
        width,
      ),
    ),
    section(paint, 'Examples', exampleList(command, paint)),
  ]
  return sections.filter(text => text !== '').join('\n\n')
}

function section(paint: Paint, title: string, body: string): string {
  return body === '' ? '' : `${paint('strong', title)}\n${indent(body, 2)}`
}

function flagList(flags: readonly FlagInfo[], width: number): string {
  const left = Math.max(0, ...flags.map(flag => flagLabel(flag).length)) + 2
  return flags
    .map(flag => `${flagLabel(flag).padEnd(left)}${wrap(flagText(flag), width - left - 2, left)}`)
    .join('\n')
}

function exampleList(command: CommandInfo, paint: Paint): string {
  return (command.examples ?? [])
    .map(exampleParts)
    .map(
      ({description, command: line}) =>
        `${description === '' ? '' : `${paint('dim', `# ${description}`)}\n`}$ ${line}`,
    )
    .join('\n')
}

function tooManyWords(command: CommandInfo): VpsError {
  return new VpsError('WRONG_USE', `the command is ${spokenName(command.id)}, without further words`, {
    exitCode: ExitCode.wrongUse,
    suggestions: [`vps help ${spokenName(command.id)}`],
  })
}

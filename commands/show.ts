import {basename} from 'node:path'
import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {
  type Definition,
  formatBytes,
  formatDuration,
  limitValues,
  type Origin,
} from '../src/definition/index.ts'
import {Host, type ServerDetails} from '../src/server/index.ts'
import {
  fields,
  indent,
  type Paint,
  paintState,
  pendingEntries,
  pendingText,
  since,
  unenforcedEntries,
  VpsCommand,
} from '../src/ui/index.ts'

type Entry = readonly [label: string, value: string | undefined]

export default class Show extends VpsCommand {
  static override summary = 'Show all that is known about a server.'
  static override description =
    'What it is doing now, what its definition says (defaults included), and where its files are. An invalid definition is shown with its problems. --effective prints the definition as it counts, as YAML: profiles and defaults included, each value with the place that it comes from.'
  static override examples = [
    'vps show web1',
    {description: 'what a restart would change', command: 'vps show web1 --pending'},
    {description: 'what a profile or a default gives it', command: 'vps show web1 --effective'},
    {description: 'where its files are', command: 'vps show web1 --json | jq -r .files.upper'},
  ]
  static override args = {name: word({description: 'The server.', required: true})}
  static override flags = {
    pending: boolean({
      description:
        'What a running server is not yet: keys that wait for a restart, limits that are set otherwise.',
      exclusive: ['effective'],
    }),
    effective: boolean({description: 'The definition as it counts, and where each value comes from.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Show)
    const [name = ''] = this.settle(parsed)
    const host = await Host.open()
    if (parsed.flags.effective) {
      const {text, values} = await host.effective(name)
      return await this.answer({name, values}, () => text.trimEnd())
    }
    const details = await host.show(name)
    if (parsed.flags.pending)
      return await this.answer(details.pending, () => pendingText(details, this.paint))
    await this.answer(details, () => page(details, this.paint))
  }
}

function page(details: ServerDetails, paint: Paint): string {
  const {definition, problems} = details
  const heading = `${paint('strong', details.name)}  ${paintState(details.state, paint)}`
  const description = definition?.description ?? ''
  return [
    description === '' ? heading : `${heading}\n${description}`,
    section('Now', now(details), paint),
    section(
      'Problems',
      problems.map(({origin, grade, message}) => [placeWords(origin, details), `${grade}: ${message}`]),
      paint,
    ),
    section('Not enforced on this host', unenforcedEntries(details.unenforcedLimits), paint),
    section('Pending', pendingEntries(details), paint),
    definition === null ? '' : section('Definition', defined(definition), paint),
    section('Files', files(details), paint),
  ]
    .filter(text => text !== '')
    .join('\n\n')
}

/** A line of the definition, or of a profile. */
function placeWords({file, line}: Origin, {files}: ServerDetails): string {
  return file === files.definition ? `line ${line}` : `${basename(file)}:${line}`
}

function section(title: string, entries: readonly Entry[], paint: Paint): string {
  const body = fields(entries, paint)
  return body === '' ? '' : `${paint('strong', title)}\n${indent(body, 2)}`
}

function now(details: ServerDetails): Entry[] {
  const {pid, supervisor, ids, lastExit, lastExitAt} = details
  return [
    ['init', pid === null ? undefined : `process ${pid}${details.ready ? ', says that it is up' : ''}`],
    ['health', healthWords(details)],
    ['supervisor', supervisor === null ? undefined : `process ${supervisor}`],
    [pid === null ? 'since' : 'up', when(details.since)],
    ['restarts', details.restarts > 0 ? `${details.restarts}` : undefined],
    [
      'last end',
      lastExit === null
        ? undefined
        : `${lastExit}${lastExitAt === null ? '' : ` at ${lastExitAt}`}${gaveUpWords(details)}`,
    ],
    ['links', details.links.map(linkWords).join('\n')],
    ['cgroup', details.cgroup ?? undefined],
    ['ids', ids === null ? undefined : `${ids.first} to ${ids.first + ids.count - 1}`],
    ['image', details.image ?? undefined],
    ['fleet', details.fleet ?? undefined],
    ['created', details.created ?? undefined],
    ['uuid', details.uuid ?? undefined],
  ]
}

function healthWords({health, healthSince, healthReason}: ServerDetails): string | undefined {
  if (health === null) return undefined
  const reason = healthReason === null ? '' : `, last check: ${healthReason}`
  return `${health}${healthSince === null ? '' : ` since ${healthSince}`}${reason}`
}

function gaveUpWords({gaveUpAfter}: ServerDetails): string {
  return gaveUpAfter === null ? '' : `, given up after ${gaveUpAfter} restarts`
}

/** `eth0 (vps-web1): 10.77.0.5 fd77:7073:7673::5` */
function linkWords({name, mode, interface: end, addresses}: ServerDetails['links'][number]): string {
  const notes = [...(mode === 'routed' ? [] : [mode]), ...(end === null ? [] : [end])]
  return `${name}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}: ${addresses.join(' ') || 'no address of ours'}`
}

function when(iso: string | null): string | undefined {
  return iso === null ? undefined : `${since(iso)} (${iso})`
}

function defined(definition: Definition): Entry[] {
  const {template, init, restart, stop, security, mounts, env} = definition
  const {name, ...parameters} = template
  const given = Object.entries(parameters).map(([key, value]) => `${key}=${inWords(value)}`)
  return [
    ['profiles', definition.profiles.join(', ')],
    ['template', [name, ...given].join(' ')],
    ['hostname', definition.hostname],
    ['tags', definition.tags.join(', ')],
    ['init', typeof init === 'string' ? init : init.join(' ')],
    ['network', definition.network.mode],
    ['project', definition.project],
    ['autostart', autostartWords(definition.autostart)],
    ['after', definition.after.join(', ')],
    ['restart', restartWords(restart)],
    ['hooks', hookWords(definition)],
    [
      'stop',
      `${stop.signal === 'auto' ? 'as its init wants it' : stop.signal}, killed after ${formatDuration(stop.timeout)}`,
    ],
    ['console', `${definition.console.files} files of ${formatBytes(definition.console.size)}`],
    ['mounts', mounts.map(mountWords).join('\n')],
    [
      'env',
      Object.entries(env)
        .map(([key, value]) => `${key}=${value}`)
        .join('\n'),
    ],
    [
      'capabilities',
      [...prefixed('+', security.capabilities.add), ...prefixed('-', security.capabilities.drop)].join(' '),
    ],
    ['allow', security.allow.join(', ')],
    ['limits', limitWords(definition)],
  ]
}

/** `memory.limit 1GiB`, one a line; what is not set is not there. */
function limitWords(definition: Definition): string {
  return limitValues(definition)
    .map(({key, value}) => `${key.replace(/^resources\./, '')} ${inWords(value)}`)
    .join('\n')
}

function restartWords({policy, max, window}: Definition['restart']): string {
  return policy === 'no' ? 'no' : `${policy}, at most ${max} times in ${formatDuration(window)}`
}

function autostartWords({enabled, delay}: Definition['autostart']): string {
  if (!enabled) return 'no'
  return delay === 0 ? 'yes' : `yes, after ${formatDuration(delay)}`
}

/** `preStart: /usr/local/sbin/note started`, one a line; what is not set is not there. */
function hookWords({hooks: {timeout, ...programs}}: Definition): string {
  const lines = Object.entries(programs).filter(([, argv]) => argv.length > 0)
  if (lines.length === 0) return ''
  return lines
    .map(([hook, argv]) => `${hook}: ${argv.join(' ')}`)
    .concat(`each at most ${formatDuration(timeout)}`)
    .join('\n')
}

function mountWords({source, target, readonly, optional, options}: Definition['mounts'][number]): string {
  const notes = [...(readonly ? ['read-only'] : []), ...(optional ? ['optional'] : []), ...options]
  return `${source} at ${target}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`
}

function prefixed(sign: string, names: readonly string[]): string[] {
  return names.map(name => sign + name)
}

function inWords(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function files({files: paths}: ServerDetails): Entry[] {
  return [
    ['definition', paths.definition],
    ['layer', paths.upper],
    ['log', paths.log],
  ]
}

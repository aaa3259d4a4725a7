import process from 'node:process'
import {text as readStream} from 'node:stream/consumers'
import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {
  type Loaded,
  loadDefinition,
  parseDefinition,
  profilesIn,
  renderProblems,
} from '../src/definition/index.ts'
import {ExitCode, VpsError} from '../src/errors.ts'
import {type CheckedFleet, checkFleet, isFleetFile} from '../src/fleet/index.ts'
import {hostPaths} from '../src/host/index.ts'
import {
  errorJson,
  type Paint,
  paintFor,
  paintProblems,
  problemJson,
  renderError,
  toJson,
  VpsCommand,
  write,
} from '../src/ui/index.ts'

interface Checked {
  readonly file: string
  readonly loaded: Loaded | CheckedFleet | undefined
  /** It could not be read. */
  readonly error: unknown
}

export default class Validate extends VpsCommand {
  static override summary = 'Check definitions and fleet files: all problems at once, with line and column.'
  static override description =
    'Problems have three grades: an error keeps the server from being made, a warning is most likely a mistake, a recommendation is good practice. Ends with 2 if there is an error, with --strict also if there is a warning. Profiles that a definition names are read from /etc/vps/profiles and checked with it. A fleet file (with a key fleet, servers, include or vars) is checked with all servers that come of it; its variables may be set in the environment (VPS_VAR_NAME). - reads standard input. Changes nothing and needs no root.'
  static override usage = 'FILE… [--strict]'
  static override examples = [
    'vps validate web1.yaml',
    {description: 'a fleet, with every server it makes', command: 'vps validate fleet.yaml'},
    {description: 'in a commit hook', command: 'vps validate --strict servers/*.yaml'},
    {description: 'for an editor or a build', command: 'vps validate --json web1.yaml'},
  ]
  static override strict = false
  static override args = {files: word({description: 'Definitions and fleet files to check.', required: true})}
  static override flags = {strict: boolean({description: 'Warnings count as errors.'})}

  async run(): Promise<void> {
    const parsed = await this.parse(Validate)
    const files = this.settle(parsed)
    const checked = await Promise.all(files.map(check))
    const fatal = new Set(parsed.flags.strict ? ['error', 'warning'] : ['error'])
    const bad = checked.filter(one => isBad(one, fatal))
    if (this.json) await write(toJson(checked.map(one => checkedJson(one, !bad.includes(one)))))
    else
      for (const one of checked)
        await this.print(checkedText(one, !bad.includes(one), paintFor(process.stdout)))
    if (bad.length > 0) process.exitCode = ExitCode.wrongUse
  }
}

async function check(file: string): Promise<Checked> {
  const paths = hostPaths()
  const load = async () => {
    if (file === '-') return await readDefinition()
    if (isFleetFile(file)) return await checkFleet({paths}, [file])
    return await loadDefinition(file, {profiles: paths.profiles})
  }
  try {
    return {file, loaded: await load(), error: undefined}
  } catch (error) {
    return {file, loaded: undefined, error: unreadable(file, error)}
  }
}

async function readDefinition(): Promise<Loaded> {
  return parseDefinition(await readStream(process.stdin), {
    file: 'stdin',
    profiles: profilesIn(hostPaths().profiles),
  })
}

function unreadable(file: string, error: unknown): unknown {
  return error instanceof VpsError ? error : new VpsError('UNREADABLE', `cannot read ${file}`, {cause: error})
}

function isBad({loaded}: Checked, fatal: ReadonlySet<string>): boolean {
  return loaded === undefined || loaded.problems.some(({grade}) => fatal.has(grade))
}

function checkedText({file, loaded, error}: Checked, ok: boolean, paint: Paint): string {
  if (loaded === undefined) return renderError(error, paint)
  const problems =
    loaded.problems.length === 0
      ? ''
      : `${paintProblems(renderProblems(loaded.problems, loaded.texts), paint)}\n`
  const fleet = 'servers' in loaded && loaded.servers !== undefined ? `, ${loaded.servers} servers` : ''
  return `${problems}${file}: ${ok ? paint('good', 'valid') : paint('bad', 'invalid')}${fleet}`
}

function checkedJson({file, loaded, error}: Checked, ok: boolean): object {
  if (loaded === undefined) return {file, ok, problems: [], error: errorJson(error)}
  const problems = loaded.problems.map(problemJson)
  if ('definition' in loaded) return {file, ok, name: loaded.definition.name, problems}
  return {file, ok, fleet: loaded.name ?? null, servers: loaded.servers ?? null, problems}
}

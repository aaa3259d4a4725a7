import process from 'node:process'
import {Commons, DefinitionWriter, originOfValue, type Problem, profilesIn} from '../../definition/index.ts'
import {type HostPaths, reservedTrees} from '../../host/index.ts'
import {type Claimant, checkClashes} from './clashes.ts'
import {expand, type Instance} from './expand.ts'
import {InvalidFleet, Problems, placeText} from './problems.ts'
import {Profiles} from './profiles.ts'
import {MAX_SERVERS} from './schema.ts'
import {type BuildOptions, type BuiltServer, buildServer, type FleetServer} from './server.ts'
import {type FleetFile, readFleetFiles} from './sources.ts'
import type {Table} from './table.ts'
import {Variables} from './variables.ts'

/** Many servers, as the files of their fleet describe them. */
export interface Fleet {
  readonly name: string
  /** Those that were read, as messages name them: included ones too, tables and profiles of the host. */
  readonly files: readonly string[]
  /** In the order of the files. */
  readonly servers: readonly FleetServer[]
  /** Warnings and recommendations. */
  readonly problems: readonly Problem[]
  /** The texts of the files, for `renderProblems`. */
  readonly texts: ReadonlyMap<string, string>
}

export interface FleetOptions {
  /** Variables that win over those in the files and in the environment (`VPS_VAR_NAME`). */
  readonly variables?: Readonly<Record<string, string>>
}

/**
 * Reads the files of one fleet, and directories of them; `-` is standard input. Every server is made and checked.
 * @throws InvalidFleet (a VpsError INVALID_FLEET, exit 2) that lists every error with its place, VpsError UNREADABLE_FLEET
 *   (exit 2), NO_SUCH_VARIABLE (exit 2)
 */
export async function loadFleet(
  {paths}: {readonly paths: HostPaths},
  files: readonly string[],
  options: FleetOptions = {},
): Promise<Fleet> {
  const problems = new Problems()
  const read = readFleetFiles(files, problems)
  const name = nameOf(read, problems)
  const given = {variables: options.variables ?? {}, environment: process.env}
  const variables = new Variables(read, given, problems)
  const profiles = new Profiles(read, profilesIn(paths.profiles), variables, problems)
  const build = {
    fleet: name,
    profiles,
    reserved: reservedTrees(paths),
    commons: new Commons(),
    writer: new DefinitionWriter(),
  }
  // What is broken in a file may be what others need: their complaints would say nothing.
  const servers = problems.isBroken ? [] : serversOf(read, build, variables, problems)
  if (!problems.isBroken) profiles.checkUnused(problems)
  for (const [file, text] of profiles.texts()) problems.texts.set(file, text)
  const all = problems.all()
  if (problems.hasErrors)
    throw new InvalidFleet(
      read.map(({file}) => file),
      all,
      problems.texts,
    )
  variables.requireKnown()
  return {name, files: [...problems.texts.keys()], servers, problems: all, texts: problems.texts}
}

/** The name that all files have in common. */
function nameOf(files: readonly FleetFile[], problems: Problems): string {
  const named = files.filter(({name}) => name !== '')
  const [first] = named
  if (!first) {
    const [file] = files
    if (file && !problems.hasErrors) {
      const origin = {file: file.file, line: 1, column: 1, key: 'fleet'}
      problems.error(origin, 1, 'the name of the fleet is missing', 'for example fleet: acme')
    }
    return ''
  }
  for (const {name, source} of named) {
    if (name === first.name) continue
    const {length, ...origin} = originOfValue(source, ['fleet'])
    const other = placeText(originOfValue(first.source, ['fleet']))
    const message = `the fleet is called ${name} here and ${first.name} in ${other}`
    problems.error(origin, length, message, 'files that are applied together describe one fleet')
  }
  return first.name
}

function serversOf(
  files: readonly FleetFile[],
  options: BuildOptions,
  variables: Variables,
  problems: Problems,
): FleetServer[] {
  const tables = new Map<string, Table | undefined>()
  const servers = new Map<string, {instance: Instance; built: BuiltServer}>()
  for (const file of files) {
    for (const item of file.servers) {
      if (item === undefined) continue
      for (const instance of expand(file, item, MAX_SERVERS - servers.size, {variables, problems, tables})) {
        const first = servers.get(instance.name)
        if (first) reportTwice(instance, first.instance, problems)
        else {
          const built = buildServer(instance, options)
          servers.set(instance.name, {instance, built})
          problems.ofServer(instance, built.problems)
        }
      }
    }
  }
  const all = [...servers.values()]
  const [first] = files
  if (first && files.every(file => file.servers.length === 0)) {
    const origin = {file: first.file, line: 1, column: 1, key: 'servers'}
    problems.add({grade: 'warning', message: 'the fleet has no servers', origin})
  }
  checkClashes(all.map(claimantOf), problems)
  return all.map(({built}) => built.server)
}

function claimantOf({instance, built}: {instance: Instance; built: BuiltServer}): Claimant {
  const {definition, state} = built.server
  const place = instance.row ?? instance.place
  return {whose: instance, definition, state, place, problemAt: built.problemAt}
}

function reportTwice(instance: Instance, first: Instance, problems: Problems): void {
  const {name, origin, length, from, row} = instance
  const isFixed = row !== undefined && row !== first.row && from === undefined
  const problem: Problem = {
    grade: 'error',
    message: `two servers are called ${name}: the first is in ${first.row ?? first.place}`,
    origin,
    length,
    suggestion: isFixed
      ? 'name each after its row, with a column of the table'
      : 'give one of them another name',
    ...(from ? {from} : {}),
  }
  problems.ofServer(instance, [problem])
}

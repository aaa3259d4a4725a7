/*
 * One server of a fleet: its profiles and its item of `servers` laid over each other, checked as a definition is, and written
 * out as one.
 */
import {
  type Commons,
  compose,
  type Definition,
  type DefinitionWriter,
  definitionSchema,
  type Layer,
  type Loaded,
  mergeLayers,
  type Origin,
  originOf,
  originOfValue,
  type Path,
  type Problem,
  provenanceAt,
  Reader,
  type Source,
  sourceAt,
  stillMissing,
  type Values,
} from '../../definition/index.ts'
import type {Claimant} from './clashes.ts'
import type {Instance} from './expand.ts'
import {Gaps} from './problems.ts'
import type {Profiles} from './profiles.ts'
import {entrySchema} from './schema.ts'

/** A server of a fleet. */
export interface FleetServer {
  readonly name: string
  /** The definition as it is to be written to /etc/vps/servers/NAME.yaml: whole, without reference to the fleet's files. References to secrets (`${env:X}`, `${file:P}`) stay as they are written. */
  readonly text: string
  /** What the text says after profiles of the host and defaults. */
  readonly definition: Definition
  /** The same as it stands once `text` is written to `file`; undefined where profiles of the host have a part in it. */
  readonly loadedAt: (file: string) => Loaded | undefined
  readonly state: 'running' | 'stopped'
  /** Where in the fleet's files it is described: `fleet.yaml:8:5`, with the row of its table if it has one. */
  readonly place: string
  /** Turns a place in `text` into where it comes from: a line of the fleet's files, a cell of a table, a profile. */
  readonly originOf: (path: Path) => Origin
}

export interface BuildOptions {
  /** The name of the fleet. */
  readonly fleet: string
  readonly profiles: Profiles
  readonly reserved: readonly string[]
  readonly commons: Commons
  readonly writer: DefinitionWriter
}

export interface BuiltServer {
  readonly server: FleetServer
  readonly problems: readonly Problem[]
  /** Says something about the value at a path. */
  readonly problemAt: Claimant['problemAt']
}

/** Makes a server, and says what is wrong with it. */
export function buildServer(
  instance: Instance,
  {fleet, profiles, reserved, commons, writer}: BuildOptions,
): BuiltServer {
  const {file, name, scope} = instance
  const problems: Problem[] = []
  const add = (problem: Problem) => problems.push(problem)
  const gaps = new Gaps(file.source)
  const root = file.filler.fill(instance.node, {scope, report: gaps.report}, instance.replaced)
  const source: Source = {...file.source, root}
  const reader = new Reader(source, {whole: 'the server'})
  const {state, from: _, profiles: named, ...own} = (reader.read(entrySchema, root, []) ?? {}) as Written
  problems.push(...gaps.problems, ...gaps.without(reader.problems))

  const bases = profiles.orderOf(named ?? [], (index, grade, message, suggestion) => {
    const {length, ...origin} = originOfValue(source, ['profiles', index])
    const from = provenanceAt(source, ['profiles', index])
    add({grade, message, origin, length, ...(suggestion ? {suggestion} : {}), ...(from ? {from} : {})})
  })
  const hosts = profiles.layers(bases, true, scope)
  const fleets = profiles.layers(bases, false, scope)
  const read = [...hosts.layers, ...fleets.layers]
  const layers: Layer[] = [...read, {source, values: own}]
  const hostNames = bases.filter(({isHosts}) => isHosts).map(base => base.name)
  const flat: Values = {
    ...mergeLayers(definitionSchema, [
      {source, values: fleets.values},
      {source, values: own},
    ]),
    name,
    ...(hostNames.length > 0 ? {profiles: hostNames} : {}),
  }
  const values =
    hosts.layers.length === 0
      ? flat
      : mergeLayers(definitionSchema, [
          {source, values: hosts.values},
          {source, values: flat},
        ])
  problems.push(
    ...read.flatMap(layer => layer.problems),
    ...gaps.without(stillMissing([...reader.missing, ...read.flatMap(({missing}) => missing)], values)),
  )
  const composed = compose(layers, {expectedName: name, name, reserved, values, found: problems, commons})
  const written = writer.write(flat, head(fleet))
  return {
    server: {
      name,
      text: written.text,
      definition: composed.definition,
      loadedAt: file => (hostNames.length === 0 ? written.loaded(composed.definition, file) : undefined),
      state: state ?? 'running',
      place: instance.place,
      originOf: path => placeIn(layers, source, path),
    },
    problems: [...problems, ...gaps.without(composed.problems)],
    problemAt: (grade, path, message, suggestion) => {
      const owner = sourceAt(layers, path) ?? source
      const {length, ...origin} = originOfValue(owner, path)
      const from = provenanceAt(owner, path)
      return {grade, message, origin, length, suggestion, ...(from ? {from} : {})}
    },
  }
}

interface Written extends Values {
  readonly state?: FleetServer['state']
  readonly profiles?: readonly string[]
}

/** Without a place: a line more at the top of the fleet's file is no change of every server. */
function head(fleet: string): string {
  return `# From the fleet ${fleet}: change it there, the next \`vps apply\` writes this file anew.\n`
}

function placeIn(layers: readonly Layer[], source: Source, path: Path): Origin {
  const owner = sourceAt(layers, path) ?? source
  const from = provenanceAt(owner, path)
  if (from) return {...from.origin, key: originOf(owner, path).key}
  const {length: _, ...origin} = originOf(owner, path)
  return origin
}

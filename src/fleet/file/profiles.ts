/*
 * The profiles of a fleet: how they build on each other and on those of the host, and what each says for a server.
 */
import {isScalar, type YAMLMap} from 'yaml'
import {
  definitionSchema,
  type Layer,
  type Missing,
  mergeLayers,
  type Origin,
  originOf,
  originOfValue,
  type Problem,
  type ProfileLookup,
  Reader,
  readProfileText,
  type Source,
  unknownProfile,
  type Values,
} from '../../definition/index.ts'
import {nearest} from '../../nearest.ts'
import type {FillOptions} from './fill.ts'
import {Gaps, type Problems, placeText, reportIn} from './problems.ts'
import {fleetProfileSchema} from './schema.ts'
import type {Scope} from './scope.ts'
import type {FleetFile} from './sources.ts'

/** A layer with what is wrong with it. */
export interface ReadLayer extends Layer {
  readonly problems: readonly Problem[]
  readonly missing: readonly Missing[]
}

interface Profile {
  readonly name: string
  readonly file: FleetFile
  readonly node: YAMLMap
  readonly extends: readonly string[]
}

/** A profile that a server builds on. */
export interface Base {
  readonly name: string
  /** One of the host, in /etc/vps/profiles. */
  readonly isHosts: boolean
}

/** Told what is wrong with the name of a profile in a list. */
export type ReportName = (
  index: number,
  grade: Problem['grade'],
  message: string,
  suggestion?: string,
) => void

export class Profiles {
  readonly #profiles = new Map<string, Profile>()
  readonly #lookup: ProfileLookup
  readonly #scope: Scope
  readonly #orders = new Map<string, readonly Base[]>()
  /** What a profile says for all servers. */
  readonly #layers = new Map<string, ReadLayer>()
  /** What several profiles say together, for all servers. */
  readonly #chains = new Map<string, {layers: readonly ReadLayer[]; values: Values}>()
  readonly #hosts = new Map<string, ReadLayer | undefined>()
  readonly #used = new Set<string>()

  constructor(files: readonly FleetFile[], lookup: ProfileLookup, scope: Scope, problems: Problems) {
    this.#lookup = lookup
    this.#scope = scope
    for (const file of files)
      for (const [name, node] of Object.entries(file.profiles)) this.#add(name, node, file, problems)
    for (const profile of this.#profiles.values()) this.#checkExtends(profile, problems)
  }

  #add(name: string, node: YAMLMap, file: FleetFile, problems: Problems): void {
    const first = this.#profiles.get(name)
    if (first) {
      const {length, ...origin} = originOf(file.source, ['profiles', name])
      const message = `there are two profiles ${name}, the first in ${placeText(placeOfProfile(first))}`
      problems.error(origin, length, message, 'rename or remove one of them')
    } else this.#profiles.set(name, {name, file, node, extends: this.#extendsOf(node, file, problems)})
  }

  #extendsOf(node: YAMLMap, file: FleetFile, problems: Problems): readonly string[] {
    const written: unknown = node.get('extends', true)
    const kind = fleetProfileSchema.keys.extends?.is
    if (written === undefined || kind === undefined) return []
    const report = reportIn(file.source, problem => problems.add(problem))
    const value = file.filler.fillValue(written, {scope: this.#scope, report})
    // What is wrong with it is said when the profile is read.
    const read =
      value === undefined ? [] : new Reader({...file.source, root: node}).read(kind, value, ['extends'])
    return Array.isArray(read)
      ? read.filter((name): name is string => typeof name === 'string' && name !== '')
      : []
  }

  #checkExtends(profile: Profile, problems: Problems): void {
    for (const [index, name] of profile.extends.entries()) {
      const at = this.#placeOfExtends(profile, index)
      if (!this.#exists(name)) problems.error(at.origin, at.length, ...this.#unknown(name))
      const round = this.#wayBack(name, profile.name, [])
      const isFirst = round?.every(step => step >= profile.name)
      if (round && isFirst) {
        const message = `profiles build on each other in a circle: ${[profile.name, ...round].join(' extends ')}`
        problems.error(at.origin, at.length, message)
      }
    }
  }

  /** How one profile leads to another. */
  #wayBack(from: string, to: string, way: readonly string[]): readonly string[] | undefined {
    if (from === to) return [...way, from]
    if (way.includes(from)) return undefined
    for (const next of this.#profiles.get(from)?.extends ?? []) {
      const found = this.#wayBack(next, to, [...way, from])
      if (found) return found
    }
    return undefined
  }

  #placeOfExtends({file, node}: Profile, index: number): {origin: Origin; length: number} {
    const source: Source = {...file.source, root: node}
    const isList = !isScalar(node.get('extends', true))
    const {length, ...origin} = originOfValue(source, isList ? ['extends', index] : ['extends'])
    return {origin, length}
  }

  #exists(name: string): boolean {
    return this.#profiles.has(name) || this.#host(name) !== undefined
  }

  #unknown(name: string): [message: string, suggestion?: string] {
    const near = nearest(name, [...this.#profiles.keys(), ...(this.#lookup.names?.() ?? [])])
    if (near !== undefined) return [`there is no profile ${name}`, `did you mean ${near}?`]
    const known = [...this.#profiles.keys()]
    if (known.length === 0) return unknownProfile(name, this.#lookup)
    return [
      `there is no profile ${name}, in the fleet or in ${this.#lookup.directory ?? 'the host'}`,
      `the profiles of the fleet are ${known.join(', ')}`,
    ]
  }

  #host(name: string): ReadLayer | undefined {
    if (!this.#hosts.has(name)) {
      const text = this.#lookup(name)
      this.#hosts.set(name, text && readProfileText(text))
    }
    return this.#hosts.get(name)
  }

  /** All that profiles build on, each once, what is below first. */
  orderOf(names: readonly string[], report: ReportName): readonly Base[] {
    const order: Base[] = []
    for (const [index, name] of names.entries()) {
      if (name === '') continue // wrong by itself
      if (names.indexOf(name) < index) {
        report(index, 'warning', `profile ${name} is named twice`, 'remove one of them')
        continue
      }
      if (!this.#exists(name)) {
        report(index, 'error', ...this.#unknown(name))
        continue
      }
      for (const base of this.#basesOf(name)) {
        if (order.some(other => other.name === base.name)) continue
        const above = base.isHosts ? order.find(other => !other.isHosts) : undefined
        if (above) {
          const message = `the profile ${base.name} of the host must come before ${above.name}, which is the fleet's own`
          report(
            index,
            'error',
            message,
            'name the profiles of the host first: the written definition builds on them',
          )
        }
        order.push(base)
      }
    }
    return order
  }

  #basesOf(name: string): readonly Base[] {
    const known = this.#orders.get(name)
    if (known) return known
    const profile = this.#profiles.get(name)
    if (!profile) return [{name, isHosts: true}]
    this.#orders.set(name, []) // a circle ends here
    const order: Base[] = []
    for (const base of [
      ...profile.extends.filter(one => this.#exists(one)).flatMap(one => this.#basesOf(one)),
      {name, isHosts: false},
    ])
      if (!order.some(other => other.name === base.name)) order.push(base)
    this.#orders.set(name, order)
    return order
  }

  /** What profiles say for a server, those of the host or the fleet's own: each by itself, and all in one. */
  layers(
    bases: readonly Base[],
    isHosts: boolean,
    scope: Scope,
  ): {layers: readonly ReadLayer[]; values: Values} {
    const chosen = bases.filter(base => base.isHosts === isHosts)
    const names = chosen.map(({name}) => name).join(' ')
    const isShared = chosen.every(base => this.#isShared(base, scope))
    const known = isShared ? this.#chains.get(names) : undefined
    if (known) return known
    const layers = chosen.flatMap(base => this.#layer(base, scope) ?? [])
    const chain = {layers, values: mergeLayers(definitionSchema, layers)}
    if (isShared) this.#chains.set(names, chain)
    return chain
  }

  /** Whether a profile says the same for all servers. */
  #isShared({name}: Base, scope: Scope): boolean {
    const profile = this.#profiles.get(name)
    const uses = profile?.file.filler.uses(profile.node)
    return !uses || [...uses].every(used => !scope.isOwn(used))
  }

  #layer(base: Base, scope: Scope): ReadLayer | undefined {
    if (base.isHosts) return this.#host(base.name)
    const profile = this.#profiles.get(base.name)
    if (!profile) return undefined
    this.#used.add(base.name)
    const known = this.#isShared(base, scope) ? this.#layers.get(base.name) : undefined
    if (known) return known
    const layer = read(profile, {scope})
    if (this.#isShared(base, scope)) this.#layers.set(base.name, layer)
    return layer
  }

  /** The texts of the profiles of the host that were read, by their files. */
  texts(): [file: string, text: string][] {
    return [...this.#hosts.values()].flatMap(layer => (layer ? [[layer.source.file, layer.source.text]] : []))
  }

  /** What is wrong with profiles that no server builds on, as far as it can be told. */
  checkUnused(problems: Problems): void {
    for (const profile of this.#profiles.values()) {
      if (this.#used.has(profile.name)) continue
      for (const problem of read(profile, {scope: this.#scope, lenient: true}).problems) problems.add(problem)
    }
  }
}

function read({file, node}: Profile, options: Omit<FillOptions, 'report'>): ReadLayer {
  const gaps = new Gaps(file.source)
  const root = file.filler.fill(node, {...options, report: gaps.report})
  const source: Source = {...file.source, root}
  const reader = new Reader(source, {whole: 'the profile'})
  const {extends: _, ...values} = (reader.read(fleetProfileSchema, root, []) ?? {}) as Values
  return {
    source,
    values,
    problems: [...gaps.problems, ...gaps.without(reader.problems)],
    missing: reader.missing,
  }
}

function placeOfProfile({file, name}: Profile) {
  return originOf(file.source, ['profiles', name])
}

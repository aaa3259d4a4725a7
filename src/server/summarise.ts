import {basename} from 'node:path'
import {
  type Definition,
  type Loaded,
  type ProfileLookup,
  parseDefinition,
  profilesIn,
} from '../definition/index.ts'
import {type HostPaths, serverPaths} from '../host/index.ts'
import {readRecord} from './record.ts'
import {readText} from './run-state.ts'
import type {Summary} from './summaries.ts'

/** Makes the summary of a server. @param known the definition, if it was read already */
export type Summarise = (name: string, known?: Pick<Loaded, 'definition' | 'problems'>) => Summary

/** Profiles are read once for all servers. @param noted told of each before it is read */
export function summariser(paths: HostPaths, noted: (profile: string) => unknown = () => {}): Summarise {
  const inner = profilesIn(paths.profiles)
  const noting = (profile: string) => {
    noted(profile)
    return inner(profile)
  }
  const lookup: ProfileLookup = Object.assign(noting, inner)
  return (name, known) => summarise(paths, name, lookup, known)
}

function summarise(
  paths: HostPaths,
  name: string,
  lookup: ProfileLookup,
  known: Parameters<Summarise>[1],
): Summary {
  const {definition: file, exit: exitFile} = serverPaths(paths, name)
  const record = readRecord(paths, name)
  const {image = null, fleet = null, slot = null} = record ?? {}
  const exit = readText(exitFile)?.trim() || null
  const text = known === undefined ? readText(file) : ''
  if (text === undefined)
    return {...NOTHING, slot, image, fleet, exit, problem: `its definition is missing: ${file}`}
  const {definition, problems} = known ?? parseDefinition(text, {file, name, profiles: lookup})
  const profiles = definition.profiles.filter(profile => profile !== '')
  const error = problems.find(problem => problem.grade === 'error')
  if (error !== undefined) {
    const {file: place, line, column} = error.origin
    const problem = `${basename(place)}:${line}:${column}: ${error.message}`
    return {...NOTHING, slot, image, fleet, exit, profiles, problem}
  }
  const {template, tags, after, autostart, hostname, project, restart} = definition
  return {
    template: template.name,
    tags,
    autostart: autostart.enabled,
    delay: autostart.delay,
    after,
    restarts: restart.policy !== 'no',
    hostname,
    project,
    links: linkSummaries(definition),
    profiles,
    slot,
    image,
    fleet,
    exit,
    problem: null,
  }
}

/** The links of a server, as far as its definition says. */
export function linkSummaries({network}: Definition): Summary['links'] {
  if (network.mode !== 'links') return []
  return network.links.map(({name, mode, addresses}) => ({
    name,
    mode,
    addresses: mode === 'routed' ? [] : addresses,
  }))
}

const NOTHING: Summary = {
  template: null,
  tags: [],
  autostart: false,
  delay: 0,
  after: [],
  restarts: false,
  hostname: null,
  project: null,
  links: [],
  profiles: [],
  slot: null,
  image: null,
  fleet: null,
  problem: null,
  exit: null,
}

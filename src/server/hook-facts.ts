import type {Definition} from '../definition/index.ts'
import {serverPaths} from '../host/index.ts'
import {listHeld} from '../network/index.ts'
import {linkViews} from './network/view.ts'
import {readRecord} from './record.ts'
import type {Run} from './run-state.ts'
import {linkSummaries} from './summarise.ts'
import type {Context, HookFacts, HookName} from './types.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

interface Moment {
  readonly hook: HookName
  readonly definition: Definition
  readonly exit?: string | undefined
  readonly run: Run
}

/** What a hook is told on standard input. */
export function hookFacts({paths}: Context, name: string, {hook, definition, exit, run}: Moment): HookFacts {
  const alive = run.kind === 'alive' ? run.state : undefined
  const {uuid = null, slot = null} = readRecord(paths, name) ?? {}
  const summary = {links: linkSummaries(definition), slot}
  const links = linkViews(paths, name, summary, listHeld(paths).get(name))
  const {storage, log} = serverPaths(paths, name)
  return {
    hook,
    name,
    uuid,
    state: alive === undefined ? 'stopped' : 'running',
    pid: alive !== undefined && alive.init > 0 ? alive.init : null,
    exit: exit ?? null,
    hostname: definition.hostname,
    project: definition.project,
    tags: definition.tags,
    addresses: links.flatMap(({addresses}) => addresses),
    links,
    storage,
    log,
  }
}

/** The same as environment; all that a hook has in its environment. */
export function hookEnvironment({paths}: Context, facts: HookFacts): Record<string, string> {
  return {
    PATH,
    LANG: 'C.UTF-8',
    ...(paths.root !== '' && {VPS_ROOT: paths.root}), // so that a hook's own `vps` is about this host
    VPS_HOOK: facts.hook,
    VPS_NAME: facts.name,
    VPS_UUID: facts.uuid ?? '',
    VPS_STATE: facts.state,
    VPS_PID: facts.pid === null ? '' : String(facts.pid),
    VPS_EXIT: facts.exit ?? '',
    VPS_HOSTNAME: facts.hostname,
    VPS_PROJECT: facts.project,
    VPS_TAGS: facts.tags.join(' '),
    VPS_ADDRESSES: facts.addresses.join(' '),
    VPS_INTERFACES: facts.links.flatMap(({interface: end}) => end ?? []).join(' '),
  }
}

import type {Definition} from '../definition/index.ts'
import {readHealthPort, readHealthUrl} from '../definition/index.ts'

/** What of a plan's settings a running server's supervisor takes anew when its definition is changed. */
const LIVE = /^(restart-|health(-|$)|hook-|stop-timeout$)/

/** Where the host and the server keep their things. */
export interface CarePlace {
  /** See `HostPaths.root`. */
  readonly root: string
  readonly storageDir: string
}

/** How a server is looked after, all of it from its definition: see native/supervisor/{ending,health,hook}.[ch]. */
export function careSettings(definition: Definition, place: CarePlace): Record<string, string> {
  const {restart, stop} = definition
  return {
    'restart-policy': restart.policy,
    'restart-max': String(restart.max),
    'restart-window': String(restart.window),
    'restart-delay': String(restart.delay),
    'restart-max-delay': String(restart.maxDelay),
    'stop-timeout': String(stop.timeout),
    ...healthSettings(definition.health),
    ...hookSettings(definition, place),
  }
}

/** The settings of a plan with those of `definition` in the place of its own. */
export function withCare(
  settings: Readonly<Record<string, string>>,
  definition: Definition,
  place: CarePlace,
): Record<string, string> {
  const others = Object.entries(settings).filter(([key]) => !LIVE.test(key))
  return {...Object.fromEntries(others), ...careSettings(definition, place)}
}

function healthSettings(health: Definition['health']): Record<string, string> {
  const check = checkSettings(health)
  if (check === undefined) return {}
  return {
    ...check,
    'health-interval': String(health.interval),
    'health-timeout': String(health.timeout),
    'health-retries': String(health.retries),
    'health-grace': String(health.grace),
    'health-action': health.action,
  }
}

function checkSettings({exec, tcp, http}: Definition['health']): Record<string, string> | undefined {
  if (exec !== null) return {health: 'exec', ...wordSettings('health-exec', exec)}
  if (tcp !== null) {
    const read = readHealthPort(tcp)
    return 'value' in read ? {health: 'tcp', ...targetSettings(read.value)} : undefined
  }
  const read = http === null ? undefined : readHealthUrl(http)
  if (read === undefined || !('value' in read)) return undefined
  const {host, path} = read.value
  const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: vps\r\nAccept: */*\r\nConnection: close\r\n\r\n`
  return {health: 'http', ...targetSettings(read.value), 'health-request': request}
}

function targetSettings({
  addresses,
  port,
}: {
  addresses: readonly string[]
  port: number
}): Record<string, string> {
  return {'health-addresses': addresses.join(','), 'health-port': String(port)}
}

/** A hook has the facts that src/server/hook-facts.ts has, as far as they are known when it is to be run without Node. */
function hookSettings(
  {hooks, hostname, project, tags}: Definition,
  {root, storageDir}: CarePlace,
): Record<string, string> {
  if (hooks.onFailure.length === 0) return {}
  const facts = {hostname, project, tags, storage: storageDir, log: `${storageDir}/log`}
  const environment = {
    LANG: 'C.UTF-8',
    ...(root !== '' && {VPS_ROOT: root}), // so that a hook's own `vps` is about this host
    VPS_HOSTNAME: hostname,
    VPS_PROJECT: project,
    VPS_TAGS: tags.join(' '),
  }
  return {
    ...wordSettings('hook-failure', hooks.onFailure),
    'hook-timeout': String(hooks.timeout),
    'hook-facts': JSON.stringify(facts).slice(1, -1),
    ...wordSettings(
      'hook-env',
      Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ),
  }
}

/** A list, as `plan_list` of native/common/plan.c reads it: KEY.0, KEY.1 … */
function wordSettings(key: string, words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((word, index) => [`${key}.${index}`, word]))
}

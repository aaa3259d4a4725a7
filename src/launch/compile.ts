import type {Loaded} from '../definition/index.ts'
import {IDS_PER_SERVER} from '../host/index.ts'
import {boundingNumbers} from '../security/index.ts'
import {chooseInit, type InitChoice} from './init.ts'
import type {LaunchInput} from './input.ts'
import {limitSteps} from './limits.ts'
import type {LaunchPlan, LaunchStep} from './plan.ts'
import {own, rootfsSteps} from './rootfs.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const NOTIFY_SOCKET = '/run/host/notify'

/** Definition and facts in, plan out. Pure: it reads nothing and the same input gives the same plan. */
export function compile(input: LaunchInput): LaunchPlan {
  const init = chooseInit(input.loaded.definition, input.image)
  return {
    settings: settings(input, init),
    steps: [...namespaceSteps(input), ...limitSteps(), ...rootfsSteps(input), ...guestSteps(input, init)],
  }
}

function settings({loaded, server, vpsInit}: LaunchInput, init: InitChoice): Record<string, string> {
  const {restart, stop, console} = loaded.definition
  return {
    name: server.name,
    uuid: server.uuid,
    'run-dir': server.runDir,
    'storage-dir': server.storageDir,
    'id-base': String(server.idBase),
    cgroup: server.cgroup,
    'cgroup-root': server.cgroupRoot,
    'console-size': String(console.size),
    'console-files': String(console.files),
    'restart-policy': restart.policy,
    'restart-max': String(restart.max),
    'restart-window': String(restart.window),
    'stop-signal': String(init.stopSignal),
    'stop-timeout': String(stop.timeout),
    ready: init.ready,
    ...(init.op === 'exec-vps-init' ? {'init-program': vpsInit} : {}),
  }
}

function namespaceSteps({loaded, server}: LaunchInput): LaunchStep[] {
  return [
    own('cgroup', server.cgroup),
    own('user-namespace', String(server.idBase), String(IDS_PER_SERVER)),
    ...(loaded.definition.network === 'none' ? [own('network-namespace')] : []),
    own('guest-namespaces'),
  ]
}

/** What the process that becomes init does itself, last of all the exec. */
function guestSteps(input: LaunchInput, init: InitChoice): LaunchStep[] {
  const {loaded, seccomp} = input
  const {definition} = loaded
  return [
    from(loaded, ['hostname'], 'hostname', definition.hostname),
    ...(definition.network === 'none' ? [own('loopback')] : []),
    own('root'),
    from(loaded, ['hostname'], 'file', '/etc/hostname', '644', `${definition.hostname}\n`),
    own('file', '/run/host/container-manager', '444', 'vps\n'),
    own('keyring'),
    from(
      loaded,
      ['security', 'capabilities'],
      'capabilities',
      boundingNumbers(definition.security).join(','),
    ),
    own('seccomp', seccomp),
    ...environment(input, init),
    from(loaded, ['init'], init.op, ...init.argv),
  ]
}

/** Fresh: nothing of the admin's shell comes through. */
function environment({loaded, server}: LaunchInput, init: InitChoice): LaunchStep[] {
  const {env} = loaded.definition
  const given: Record<string, string> = {
    PATH,
    TERM: 'linux',
    container: 'vps',
    container_uuid: server.uuid,
    ...(init.ready === 'notify' ? {NOTIFY_SOCKET} : {}),
  }
  return [
    ...Object.entries(given)
      .filter(([name]) => !(name in env))
      .map(([name, value]) => own('environment', `${name}=${value}`)),
    ...Object.entries(env).map(([name, value]) =>
      from(loaded, ['env', name], 'environment', `${name}=${value}`),
    ),
  ]
}

function from(loaded: Loaded, key: (string | number)[], op: string, ...args: string[]): LaunchStep {
  return {op, arguments: args, origin: loaded.origin(key)}
}

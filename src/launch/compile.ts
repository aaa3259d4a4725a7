import {type Definition, type Loaded, sysctlPath} from '../definition/index.ts'
import {IDS_PER_SERVER} from '../host/index.ts'
import {boundingNumbers} from '../security/index.ts'
import {chooseInit, type InitChoice} from './init.ts'
import type {LaunchInput} from './input.ts'
import {cgroupSteps, rlimitSteps} from './limits.ts'
import type {LaunchPlan, LaunchStep} from './plan.ts'
import {rootfsSteps} from './rootfs.ts'
import {careSettings} from './settings.ts'
import {from, own} from './step.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const NOTIFY_SOCKET = '/run/host/notify'

/** Definition and facts in, plan out. Pure: it reads nothing and the same input gives the same plan. */
export function compile(input: LaunchInput): LaunchPlan {
  const init = chooseInit(input.loaded.definition, input.image)
  return {
    settings: settings(input, init),
    steps: [
      ...namespaceSteps(input),
      ...cgroupSteps(input),
      ...rlimitSteps(input.loaded),
      ...input.network,
      ...rootfsSteps(input),
      ...sysctlSteps(input.loaded, 'ipc-sysctl'),
      ...guestSteps(input, init),
    ],
  }
}

function settings(
  {loaded, server, root, vpsInit, accountingSeconds}: LaunchInput,
  init: InitChoice,
): Record<string, string> {
  const {console} = loaded.definition
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
    'stop-signal': String(init.stopSignal),
    ...careSettings(loaded.definition, {root, storageDir: server.storageDir}),
    'accounting-interval': String(accountingSeconds),
    ready: init.ready,
    ...(init.op === 'exec-vps-init' ? {'init-program': vpsInit} : {}),
  }
}

function namespaceSteps({loaded, server}: LaunchInput): LaunchStep[] {
  return [
    own('cgroup', server.cgroup),
    own('user-namespace', String(server.idBase), String(IDS_PER_SERVER)),
    ...(loaded.definition.network.mode === 'host' ? [] : [own('network-namespace')]),
    own('guest-namespaces'),
  ]
}

/** What the process that becomes init does itself, last of all the exec. */
function guestSteps(input: LaunchInput, init: InitChoice): LaunchStep[] {
  const {loaded, seccomp} = input
  const {definition} = loaded
  return [
    from(loaded, ['hostname'], 'hostname', definition.hostname),
    ...(definition.network.mode === 'host' ? [] : [own('loopback')]),
    ...addressSysctl(definition),
    ...sysctlSteps(loaded, 'sysctl'),
    own('root'),
    from(loaded, ['hostname'], 'file', '/etc/hostname', '644', `${definition.hostname}\n`),
    ...input.networkFiles,
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

/**
 * Settings of the ipc namespace are the host root's to write, in the namespace; all others are written as the server's root, so
 * that the kernel itself refuses what is not the server's own.
 */
function sysctlSteps(loaded: Loaded, op: 'sysctl' | 'ipc-sysctl'): LaunchStep[] {
  return Object.entries(loaded.definition.sysctl)
    .filter(([name]) => /^(kernel|fs)\//.test(sysctlPath(name)) === (op === 'ipc-sysctl'))
    .map(([name, value]) => from(loaded, ['sysctl', name], op, name, value))
}

/** When the first of several addresses in one network is taken away, the others stay. Without that the kernel takes them all. */
function addressSysctl({network}: Definition): LaunchStep[] {
  const hasNetworks = network.mode === 'links' && network.links.some(({mode}) => mode !== 'routed')
  return hasNetworks ? [own('sysctl', 'net.ipv4.conf.all.promote_secondaries', '1')] : []
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

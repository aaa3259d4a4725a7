import type {Loaded} from '../definition/index.ts'
import {deviceRules} from '../security/index.ts'
import type {LaunchInput} from './input.ts'
import type {LaunchStep} from './plan.ts'
import {from, own} from './step.ts'

/**
 * The rlimits of a server's init, as a freshly booted Debian has them (systemd's defaults): name, soft, hard. All sixteen,
 * so that none comes from the shell that started the server.
 */
const DEFAULTS: readonly (readonly [name: string, soft: string, hard: string])[] = [
  ['as', 'infinity', 'infinity'],
  ['core', '0', 'infinity'],
  ['cpu', 'infinity', 'infinity'],
  ['data', 'infinity', 'infinity'],
  ['fsize', 'infinity', 'infinity'],
  ['locks', 'infinity', 'infinity'],
  ['memlock', '8388608', '8388608'],
  ['msgqueue', '819200', '819200'],
  ['nice', '0', '0'],
  ['nofile', '1024', '524288'],
  ['nproc', 'infinity', 'infinity'],
  ['rss', 'infinity', 'infinity'],
  ['rtprio', '0', '0'],
  ['rttime', 'infinity', 'infinity'],
  ['sigpending', '65536', '65536'],
  ['stack', '8388608', 'infinity'],
]

/** `default`: where the host cannot give it, what it has will do. `asked`: that would be a fault. */
export function rlimitSteps(loaded: Loaded): LaunchStep[] {
  const asked = new Map(Object.entries(loaded.definition.limits))
  return [
    ...DEFAULTS.map(([name, soft, hard]) => {
      const wanted = asked.get(name)
      return wanted === undefined
        ? own('rlimit', name, soft, hard, 'default')
        : from(loaded, ['limits', name], 'rlimit', name, wanted.soft, wanted.hard, 'asked')
    }),
    own('oom-score-adjust', '0'),
  ]
}

/**
 * Groups that a server may make below its own: each takes the host's kernel memory, whatever the server's limits are. A systemd
 * makes a few hundred, some levels deep, for itself and for each of its users.
 */
const MOST_GROUPS = '10000'
const DEEPEST_GROUP = '64'

/** What the cgroup is told before any process of the server is in it. On a systemd host the server's own level is systemd's. */
export function cgroupSteps({loaded, limits, controllers, guardDevices}: LaunchInput): LaunchStep[] {
  return [
    own('controllers', controllers.required.join(','), controllers.wanted.join(',')),
    ...limits.map(({key, group, file, value, expect}) =>
      from(loaded, key, 'cgroup-write', group, file, value, expect),
    ),
    own('cgroup-write', 'payload', 'cgroup.max.descendants', MOST_GROUPS, MOST_GROUPS),
    own('cgroup-write', 'payload', 'cgroup.max.depth', DEEPEST_GROUP, DEEPEST_GROUP),
    ...(guardDevices ? [own('devices', ...deviceRules(loaded.definition.security))] : []),
  ]
}

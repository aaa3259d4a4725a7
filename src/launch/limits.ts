import type {LaunchStep} from './plan.ts'
import {own} from './rootfs.ts'

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

/** What is set on init from outside. */
export function limitSteps(): LaunchStep[] {
  return [
    ...DEFAULTS.map(([name, soft, hard]) => own('rlimit', name, soft, hard)),
    own('oom-score-adjust', '0'),
  ]
}

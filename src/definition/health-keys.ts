/*
 * The keys below `restart` and `health`, for `schema.ts`. The supervisor goes by them (`native/supervisor/health.h`,
 * `ending.c`); what it is told is made in `src/launch/settings.ts`.
 */
import {healthUrlCheck, portCheck, URL_PATTERN} from './health-address.ts'
import {choice, duration, key, list, optional, section, text, whole} from './kinds.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The kernel's clock is exact enough, and a busy host's scheduler is not. */
const SHORTEST = 100

const argument = text({expected: 'text', anyScalar: true, lines: true, maxLength: 131_000})

export const restart = section({
  policy: key(
    choice({
      no: 'Stay stopped.',
      'on-failure': 'Start again when the first process was killed or ended with a status other than 0.',
      always: 'Start again however it ended, unless it was stopped or powered off.',
    }),
    {
      says: 'What to do when the server ends by itself.',
      example: 'on-failure',
      change: 'live',
      default: 'no',
    },
  ),
  max: key(whole(1, 1000), {
    says: 'Give up after this many restarts within `window`.',
    example: '5',
    change: 'live',
    default: 5,
    aka: ['limit', 'retries'],
  }),
  window: key(duration(SECOND, 7 * DAY), {
    says: 'The span of time in which restarts are counted.',
    example: '10m',
    change: 'live',
    default: 600 * SECOND,
    aka: ['interval', 'period'],
  }),
  delay: key(duration(0, HOUR), {
    says: 'How long the first restart of a `window` waits. Each further one waits twice as long as the one before.',
    example: '1s',
    change: 'live',
    default: SHORTEST,
    aka: ['backoff', 'back-off', 'wait', 'RestartSec', 'sleep'],
  }),
  maxDelay: key(duration(0, DAY), {
    says: 'The longest that a restart waits.',
    example: '1m',
    change: 'live',
    default: 10 * SECOND,
    aka: ['max_delay', 'maxdelay', 'max-delay', 'backoffMax', 'RestartMaxDelaySec'],
  }),
})

export const health = section({
  exec: optional(list(argument, {min: 1}), {
    says: 'A command, run in the server as root the way `vps exec` runs one. Status 0 is healthy. At the end of `timeout` it is killed with all that it started; what it prints is thrown away.',
    example: '[pg_isready, -q]',
    change: 'live',
    defaultSays: 'no such check',
    aka: ['command', 'cmd', 'test', 'run'],
  }),
  tcp: optional(
    text({
      expected: 'a port such as 80, or an address and a port such as 10.77.0.5:80',
      anyScalar: true,
      check: portCheck,
    }),
    {
      says: "A port that must take connections, tried from inside the server's network: of its loopback (127.0.0.1, else ::1), or of the address before it.",
      example: '5432',
      change: 'live',
      defaultSays: 'no such check',
      aka: ['port', 'socket', 'tcpSocket', 'connect'],
    },
  ),
  http: optional(
    text({
      expected: 'an address such as http://localhost:80/healthz',
      check: healthUrlCheck,
      pattern: URL_PATTERN,
    }),
    {
      says: "An address to GET, asked for from inside the server's network. A status from 200 to 399 is healthy. The host is `localhost` or an IP address.",
      example: 'http://localhost:8080/healthz',
      change: 'live',
      defaultSays: 'no such check',
      aka: ['url', 'httpGet', 'get', 'https'],
    },
  ),
  interval: key(duration(SHORTEST, DAY), {
    says: 'From one check to the next. While the server starts it is looked at more often.',
    example: '10s',
    change: 'live',
    default: 10 * SECOND,
    aka: ['period', 'every', 'periodSeconds'],
  }),
  timeout: key(duration(SHORTEST, HOUR), {
    says: 'How long a check may take before it has failed.',
    example: '5s',
    change: 'live',
    default: 5 * SECOND,
    aka: ['timeoutSeconds', 'deadline'],
  }),
  retries: key(whole(1, 1000), {
    says: 'The server is unhealthy after this many failures in a row.',
    example: '3',
    change: 'live',
    default: 3,
    aka: ['failureThreshold', 'max', 'threshold', 'failures'],
  }),
  grace: key(duration(0, DAY), {
    says: 'Failures in this time after a start do not count, unless a check was passed before.',
    example: '30s',
    change: 'live',
    default: 30 * SECOND,
    aka: ['start_period', 'startPeriod', 'start-period', 'initialDelaySeconds', 'delay'],
  }),
  action: key(
    choice({
      none: 'It is shown and told: in `vps list`, as an event, to `hooks.onFailure`.',
      restart:
        'It is also stopped and started again, as often as `restart.max` and `restart.window` allow and with their delays, whatever `restart.policy` says; then it is left as it is.',
    }),
    {
      says: 'What is done when the server has become unhealthy.',
      example: 'restart',
      change: 'live',
      default: 'none',
      aka: ['onFailure', 'on-failure', 'do'],
    },
  ),
})

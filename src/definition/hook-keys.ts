/*
 * The keys of hooks, programs of the host that are run beside what happens to a server, for `schema.ts`. They are run by
 * `src/server/hooks.ts`, `onFailure` by the supervisor.
 */
import {duration, key, list, section, text} from './kinds.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const argument = text({expected: 'text', anyScalar: true, lines: true, maxLength: 131_000})
const program = list(argument)

const EXAMPLE = '[/usr/local/sbin/note, started]'

export const hooks = section({
  preStart: key(program, {
    says: 'Run before the server starts. When it fails, the server does not start, and nothing of the start is left.',
    example: EXAMPLE,
    change: 'live',
    default: [],
    aka: ['pre-start', 'pre_start', 'prestart', 'premount', 'lxc.hook.pre-start', 'ExecStartPre', 'before'],
  }),
  postStart: key(program, {
    says: 'Run once the first process of the server runs. When it fails, that is reported and the exit code says so; the server goes on.',
    example: EXAMPLE,
    change: 'live',
    default: [],
    aka: [
      'post-start',
      'post_start',
      'poststart',
      'start',
      'lxc.hook.start',
      'ExecStartPost',
      'exec.poststart',
    ],
  }),
  preStop: key(program, {
    says: 'Run before the server is asked to stop. When it fails, that is reported and the server is stopped all the same.',
    example: EXAMPLE,
    change: 'live',
    default: [],
    aka: ['pre-stop', 'pre_stop', 'prestop', 'stop', 'lxc.hook.stop', 'ExecStop', 'exec.prestop'],
  }),
  postStop: key(program, {
    says: 'Run once the server has stopped and nothing of it is left. When it fails, that is reported.',
    example: EXAMPLE,
    change: 'live',
    default: [],
    aka: [
      'post-stop',
      'post_stop',
      'poststop',
      'lxc.hook.post-stop',
      'ExecStopPost',
      'exec.poststop',
      'after',
    ],
  }),
  onFailure: key(program, {
    says: "Run by the server's supervisor when the server ends by itself and not well (killed, or with a status other than 0), when `restart` gives up, and when its `health` becomes unhealthy. What the server asks for itself, a reboot or a poweroff, does not run it.",
    example: '[/usr/local/sbin/page, --server]',
    change: 'live',
    default: [],
    aka: ['on-failure', 'on_failure', 'onfailure', 'OnFailure', 'failure', 'onCrash', 'on_crash'],
  }),
  timeout: key(duration(100, HOUR), {
    says: 'How long each of them may take before it is killed, with all processes that it started.',
    example: '30s',
    change: 'live',
    default: 30_000,
    aka: ['time', 'limit', 'deadline'],
  }),
})

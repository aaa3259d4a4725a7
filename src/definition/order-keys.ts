/*
 * The keys that say when a server starts of those of its host, for `schema.ts`. What they lead to is the business of the fleet
 * room.
 */
import * as check from './checks.ts'
import {duration, flag, key, list, section, text} from './kinds.ts'
import {NAME_PATTERN} from './names.ts'

const HOUR = 3_600_000

export const after = list(
  text({expected: 'the name of a server', check: check.serverNameCheck, pattern: NAME_PATTERN}),
  {single: true},
)

export const autostart = section(
  {
    enabled: key(flag, {
      says: 'Whether it is started. `autostart: true` is short for `autostart: {enabled: true}`.',
      example: 'true',
      change: 'live',
      default: false,
      aka: ['on', 'onboot', 'auto'],
    }),
    delay: key(duration(0, HOUR), {
      says: 'How long to wait before it is started, counted from when those are up that it comes `after`. No other server waits for that, but those that come after this one.',
      example: '5s',
      change: 'live',
      default: 0,
      aka: ['wait', 'up', 'startup-delay', 'autostart-delay', 'boot.autostart.delay'],
    }),
  },
  {short: 'enabled'},
)

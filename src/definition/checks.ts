/*
 * The checks of single values that the schema names. Each returns what is wrong, to be read after the key, or undefined.
 * Checks that need more than one value are in `sense/`.
 */

import {nearest} from '../nearest.ts'
import {formatBytes, parseBytes} from '../units.ts'
import {capabilityNumber, nearestCapability} from './capabilities.ts'
import {formatCpuList, parseCpuList} from './cpu-list.ts'
import type {Complaint} from './kinds.ts'
import {nameComplaint} from './names.ts'
import {RLIMITS, rlimitNameHint} from './rlimits.ts'
import {nearestSignal, signalNumber} from './signals.ts'
import {quote} from './words.ts'

type Check = (value: string) => Complaint | undefined

const complain = (says: string, suggestion?: string): Complaint =>
  suggestion === undefined ? {says} : {says, suggestion}

const didYouMean = (word: string | undefined): string | undefined =>
  word ? `did you mean ${word}?` : undefined

export const serverNameCheck: Check = value => {
  const says = nameComplaint(value)
  if (says === undefined) return
  const lower = value.toLowerCase().replaceAll(/[_. ]/g, '-')
  return complain(says, nameComplaint(lower) ? undefined : didYouMean(lower))
}

/** What a template may be called: it names a file, and a directory of its image. */
export const TEMPLATE_PATTERN = '^[a-z0-9][a-z0-9._-]{0,62}$'

export const templateNameCheck: Check = value => {
  if (matches(TEMPLATE_PATTERN, value)) return
  const says = `must be made of lower-case letters, digits, dots, dashes and underscores, not ${quote(value)}`
  const lower = value.toLowerCase()
  return complain(says, matches(TEMPLATE_PATTERN, lower) ? didYouMean(lower) : undefined)
}

export const TAG_PATTERN = '^[a-z0-9][a-z0-9._-]{0,62}$'

export const tagCheck: Check = value => {
  if (matches(TAG_PATTERN, value)) return
  const says = `must be made of lower-case letters, digits, dots, dashes and underscores, at most 63, not ${quote(value)}`
  const better = value.toLowerCase().replaceAll(/[\s/:]+/g, '-')
  return complain(says, matches(TAG_PATTERN, better) ? `write ${better}` : undefined)
}

/** HOST_NAME_MAX of Linux. */
export const HOSTNAME_MAX = 64
const LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
export const HOSTNAME_PATTERN = `^${LABEL}(\\.${LABEL})*$`

/** RFC 1123 section 2.1: labels of letters, digits and inner dashes, joined by dots. */
export const hostnameCheck: Check = value => {
  if (value.length > HOSTNAME_MAX)
    return complain(`must be at most ${HOSTNAME_MAX} characters long, not ${value.length}`)
  if (matches(HOSTNAME_PATTERN, value)) return
  if (value.endsWith('.')) return complain('must not end with a dot', `write ${value.slice(0, -1)}`)
  const label = value.split('.').find(part => !matches(`^${LABEL}$`, part)) ?? value
  if (label === '') return complain('must have a name between its dots')
  if (label.includes('_')) return complain(`must not hold an underscore, as in ${quote(label)}`, 'use a dash')
  if (label.startsWith('-') || label.endsWith('-'))
    return complain(`must not have a dash at an end of ${quote(label)}`)
  if (label.length > 63) return complain(`must have at most 63 characters between dots, not ${label.length}`)
  return complain(`must be made of letters, digits, dashes and dots, not ${quote(value)}`)
}

export const ENV_PATTERN = '^[A-Za-z_][A-Za-z0-9_]*$'

export const envNameCheck: Check = value =>
  matches(ENV_PATTERN, value)
    ? undefined
    : complain('is not the name of a variable', 'use letters, digits and underscores, the first no digit')

/** PATH_MAX without the final NUL, and NAME_MAX, both in bytes (limits.h). */
const PATH_MAX = 4095
const NAME_MAX = 255
export const PATH_PATTERN = '^/'

/** An absolute path without `.` and `..`, so that what is written is what is meant. */
export const pathCheck: Check = value => {
  if (!value.startsWith('/'))
    return complain(`must be an absolute path, not ${quote(value)}`, relativeHint(value))
  const parts = value.split('/')
  if (parts.includes('..'))
    return complain(`must not hold .., as in ${quote(value)}`, 'write the path in full')
  if (parts.includes('.'))
    return complain(
      `must not hold a single dot between slashes, as in ${quote(value)}`,
      `write ${plain(value)}`,
    )
  if (Buffer.byteLength(value) > PATH_MAX) return complain(`must be at most ${PATH_MAX} bytes long`)
  if (parts.some(part => Buffer.byteLength(part) > NAME_MAX))
    return complain(`must have at most ${NAME_MAX} bytes between slashes`)
  return
}

/** `/srv//www/` is `/srv/www`. */
export const plainPath = (value: string): string => value.replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')

const plain = (value: string): string => plainPath(value.replaceAll(/\/(?:\.\/)+/g, '/').replace(/\/\.$/, ''))

function relativeHint(value: string): string | undefined {
  if (value.startsWith('~')) return 'a definition has no home directory: write the path in full'
  if (value.startsWith('$')) return 'variables are not replaced here: write the path in full'
  return value === '' || value.startsWith('.') ? undefined : `did you mean /${value}?`
}

/** `/a:/b:ro`, as other tools write a mount. */
export const mountInstead = (value: string): string | undefined => {
  const match = /^(\/[^:]*)(?::(\/[^:]*))?(:ro)?$/.exec(value)
  if (!match) return undefined
  return `write {source: ${match[1]}, target: ${match[2] ?? match[1]}${match[3] ? ', readonly: true' : ''}}`
}

export const CPU_LIST_PATTERN = '^[0-9]+(-[0-9]+)?(, ?[0-9]+(-[0-9]+)?)*$'

export const cpuListCheck: Check = value => {
  if (parseCpuList(value) !== undefined) return
  const backwards = /([0-9]+)-([0-9]+)/.exec(value)
  if (backwards && Number(backwards[1]) > Number(backwards[2]))
    return complain(`must count upwards, not ${quote(value)}`, `write ${backwards[2]}-${backwards[1]}`)
  const spread = value.trim().split(/\s+/).join(',')
  return complain(
    `must be a list of processors such as 0-1,4, not ${quote(value)}`,
    parseCpuList(spread) ? `write ${spread}` : undefined,
  )
}

/** `1, 0-2` is `0-2`. */
export const plainCpuList = (value: string): string => formatCpuList(parseCpuList(value) ?? [])

/** A size as the kernel has them: a power of two. */
export const HUGEPAGE_PATTERN = '^[0-9]+([KMG]iB)$'

export const hugepageSizeCheck: Check = value => {
  const size = parseBytes(`${value.replace(/i?b?$/i, '').toUpperCase()}iB`)
  const isPage = size !== undefined && size >= 65_536 && Number.isInteger(Math.log2(size))
  if (isPage && value === formatBytes(size)) return
  return complain(
    'is no size of huge pages',
    isPage ? `did you mean ${formatBytes(size)}?` : 'most processors have 2MiB and 1GiB',
  )
}

/** What devices and resources are called by the kernel. */
export const DEVICE_PATTERN = '^[A-Za-z0-9_][A-Za-z0-9_.:-]*$'

export const deviceNameCheck: Check = value =>
  matches(DEVICE_PATTERN, value) ? undefined : complain('is no name the kernel would use')

export const rlimitNameCheck: Check = value => {
  if (Object.hasOwn(RLIMITS, value)) return
  const near = rlimitNameHint(value) ?? didYouMean(nearest(value, Object.keys(RLIMITS)))
  return complain(
    'is none of the limits of setrlimit(2)',
    near ?? `they are ${Object.keys(RLIMITS).join(', ')}`,
  )
}

/** What a profile may be called: it names a file. */
export const PROFILE_PATTERN = '^[a-z0-9][a-z0-9._-]{0,62}$'

export const profileNameCheck: Check = value => {
  if (matches(PROFILE_PATTERN, value) && !value.endsWith('.yaml')) return
  const says = `must be made of lower-case letters, digits, dots, dashes and underscores, not ${quote(value)}`
  const better = value
    .toLowerCase()
    .replace(/^.*\//, '')
    .replace(/\.ya?ml$/, '')
  return complain(says, matches(PROFILE_PATTERN, better) ? didYouMean(better) : undefined)
}

export const INIT_WORDS = ['auto', 'persist'] as const

/** Inits that `auto` finds by itself. */
const INITS = new Set(['systemd', 'sysvinit', 'openrc', 'busybox', 'runit', 'init', 'default'])

export const initCheck: Check = value => {
  if (value.startsWith('/')) return pathCheck(value)
  if ((INIT_WORDS as readonly string[]).includes(value)) return
  const command = /\s/.test(value)
    ? `for a command, write a list: [${value.trim().split(/\s+/).join(', ')}]`
    : undefined
  return complain(
    `must be auto, persist, the absolute path of a program, or a list: a command and its arguments, not ${quote(value)}`,
    command ?? didYouMean(INITS.has(value) ? 'auto' : nearest(value, INIT_WORDS)),
  )
}

export const capabilityCheck: Check = value => {
  if (capabilityNumber(value) !== undefined) return
  const known = nearestCapability(value)
  return complain(
    `must be a capability of Linux, not ${quote(value)}`,
    known ? `did you mean ${known}?` : undefined,
  )
}

export const signalCheck: Check = value => {
  if (value === 'auto' || signalNumber(value) !== undefined) return
  return complain(
    `must be auto or the name of a signal such as SIGTERM, not ${quote(value)}`,
    didYouMean(nearestSignal(value)),
  )
}

/** `TERM` is `SIGTERM`. */
export const fullSignal = (value: string): string =>
  value === 'auto' || value.startsWith('SIG') ? value : `SIG${value}`

function matches(pattern: string, value: string): boolean {
  return new RegExp(pattern).test(value) && !value.endsWith('\n')
}

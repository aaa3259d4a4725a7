/*
 * The checks of single values below `provision`. A value may be a reference to a secret, or hold some: what stands behind it is
 * seen only when it is acted on, and checked then by the same rules.
 */
import {pathCheck} from './checks.ts'
import type {Complaint} from './kinds.ts'
import {quote} from './words.ts'

type Check = (value: string) => Complaint | undefined

/** `${file:/root/token}` and `${env:TOKEN}`: the secret itself stands in neither definition nor state. */
export const SECRET = /\$\{(file|env):([^}]*)\}/g

export function hasSecret(value: string): boolean {
  return value.search(SECRET) >= 0
}

/** Whether a value is one reference and nothing else. */
export function isSecret(value: string): boolean {
  return value.replace(SECRET, '') === '' && [...value.matchAll(SECRET)].length === 1
}

/** What is wrong with the references in a value. */
export const secretsCheck: Check = value => {
  for (const [whole, kind, what = ''] of value.matchAll(SECRET)) {
    if (kind === 'file' && !what.startsWith('/'))
      return {says: `must name files in full, not as in ${quote(whole)}`, suggestion: `\${file:/root/secret}`}
    if (kind === 'env' && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(what))
      return {says: `must name a variable of the environment, not as in ${quote(whole)}`}
  }
  return undefined
}

/** As useradd(8) has it: portable to every distribution. */
export const ACCOUNT_PATTERN = '^[a-z_][a-z0-9_-]{0,31}$'

export const accountCheck: Check = value => {
  if (new RegExp(ACCOUNT_PATTERN).test(value)) return undefined
  const says = `must be made of lower-case letters, digits, dashes and underscores, the first no digit and no dash, at most 32, not ${quote(value)}`
  const better = value
    .toLowerCase()
    .replaceAll(/[. @]+/g, '_')
    .replace(/^[0-9-]+/, '')
  return new RegExp(ACCOUNT_PATTERN).test(better) ? {says, suggestion: `did you mean ${better}?`} : {says}
}

/** A user or a group, by its name or its number. */
export const ownerCheck: Check = value => {
  if (!/^[0-9]+$/.test(value)) return accountCheck(value)
  return Number(value) <= 65_535
    ? undefined
    : {says: `must be from 0 to 65535, for a server has no other ids, not ${value}`}
}

const KEY_TYPES = [
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
] as const

/** A line of authorized_keys, see sshd(8): perhaps options, the kind of the key, the key, perhaps a comment. */
export const sshKeyCheck: Check = value => (hasSecret(value) ? secretsCheck(value) : keyComplaint(value))

function keyComplaint(value: string): Complaint | undefined {
  if (value.includes('PRIVATE KEY'))
    return {says: 'must be a public key, not a private one', suggestion: 'take the file that ends in .pub'}
  const words = value.trim().split(/\s+/)
  const at = words.findIndex(word => (KEY_TYPES as readonly string[]).includes(word))
  const type = words[at]
  if (words.includes('ssh-dss'))
    return {says: 'must not be a DSA key: sshd takes none', suggestion: 'use ssh-ed25519'}
  if (type === undefined)
    return {
      says: `must be a public key of OpenSSH, not ${quote(value)}`,
      suggestion:
        'it begins with ssh-ed25519, ssh-rsa, ecdsa-sha2-… or sk-…: the line in a file that ends in .pub',
    }
  return bodyComplaint(type, words[at + 1])
}

/** The key says itself which kind it is: four bytes of length, then the name. */
function bodyComplaint(type: string, body: string | undefined): Complaint | undefined {
  if (body === undefined) return {says: `is cut off: nothing follows ${type}`}
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body))
    return {says: `holds characters that are in no key: ${quote(body)}`}
  const bytes = Buffer.from(body, 'base64')
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0
  if (bytes.toString('latin1', 4, 4 + length) !== type)
    return {says: `is damaged: the key itself does not say that it is ${type}`}
  return isWhole(bytes) ? undefined : {says: 'is cut off: its end is missing'}
}

/** Fields with a length before each, up to the very end. */
function isWhole(bytes: Buffer): boolean {
  let at = 0
  while (at + 4 <= bytes.length) at += 4 + bytes.readUInt32BE(at)
  return at === bytes.length
}

/** Hashes of crypt(5) that are still made somewhere, and the locked account. */
const HASH = /^(\$(y|gy|7|6|5|2[abxy]|md5|1)\$[ -9<-~]{8,}|[!*]{1,2})$/

export const GENERATE = 'generate'

export const passwordCheck: Check = value => {
  if (value === GENERATE) return undefined
  if (hasSecret(value))
    return isSecret(value) ? secretsCheck(value) : {says: 'must be one reference, nothing else'}
  if (HASH.test(value)) return undefined
  return {
    says: `must be generate, a hash of crypt(5) or a reference such as \${file:/root/password}`, // not the value: it may be a password
    suggestion: 'make a hash with `openssl passwd -6`',
  }
}

/** Whether what stands behind a reference may go into /etc/shadow. */
export function isHash(value: string): boolean {
  return HASH.test(value)
}

export const MODE_PATTERN = '^[0-7]{3,4}$'

export const modeCheck: Check = value =>
  new RegExp(MODE_PATTERN).test(value)
    ? undefined
    : {says: `must be three or four octal digits such as 0644, not ${quote(value)}`}

/** A file of the server: the root itself is none. */
export const filePathCheck: Check = value =>
  pathCheck(value) ??
  (/\/$/.test(value) ? {says: 'must be the path of a file, not of a directory'} : undefined)

/** The comment of an account, see passwd(5). */
export const gecosCheck: Check = value =>
  value.includes(':') ? {says: 'must not hold a colon: it separates the fields of /etc/passwd'} : undefined

/** A path that stands in /etc/passwd. */
export const fieldPathCheck: Check = value => pathCheck(value) ?? gecosCheck(value)

export const TIMEZONE_PATTERN = '^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$'

export const timezoneCheck: Check = value =>
  new RegExp(TIMEZONE_PATTERN).test(value)
    ? undefined
    : {says: `must be the name of a time zone such as Europe/Berlin, not ${quote(value)}`}

export const LOCALE_PATTERN = '^[A-Za-z]{1,8}(_[A-Z]{2})?(\\.[A-Za-z0-9-]+)?(@[a-z]+)?$'

export const localeCheck: Check = value => {
  if (new RegExp(LOCALE_PATTERN).test(value)) return undefined
  const says = `must be a locale such as de_DE.UTF-8, not ${quote(value)}`
  const better = value.replace('-', '_')
  return new RegExp(LOCALE_PATTERN).test(better) ? {says, suggestion: `did you mean ${better}?`} : {says}
}

export const PACKAGE_PATTERN = '^[A-Za-z0-9][A-Za-z0-9+._:~=/@<>-]*$'

/** A package, with a version or a release if its manager knows that; never one of the manager's options. */
export const packageCheck: Check = value =>
  new RegExp(PACKAGE_PATTERN).test(value)
    ? undefined
    : {says: `must be the name of a package, not ${quote(value)}`}

/** Arguments stand in the list of processes, which all users of the server see. */
export const argumentCheck: Check = value =>
  hasSecret(value)
    ? {
        says: 'must not hold a reference to a secret: the arguments of a command are seen in the list of processes',
        suggestion: 'write the command as one text, which a shell runs that shows nothing of it',
      }
    : undefined

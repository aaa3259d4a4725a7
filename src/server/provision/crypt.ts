import {hash, randomInt} from 'node:crypto'

/*
 * SHA-512 crypt ($6$), see https://www.akkadia.org/drepper/SHA-crypt.txt: the hash that the crypt(3) of every distribution knows,
 * musl's and busybox's included. What is hashed here is random and long, so a slower one would guard nothing.
 */

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Without letters and digits that look alike. */
const SPELLED = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const ROUNDS = 5000
const SALT_LENGTH = 16
/** Four groups of five: more than 115 bits. */
const PASSWORD_GROUPS = 4
const GROUP_LENGTH = 5

/** A password nobody guesses and everybody can type: `hT4vq-9sKxe-Mm2Zu-cD7pa`. */
export function newPassword(): string {
  const group = (): string => pick(SPELLED, GROUP_LENGTH)
  return Array.from({length: PASSWORD_GROUPS}, group).join('-')
}

export function newSalt(): string {
  return pick(ALPHABET, SALT_LENGTH)
}

function pick(letters: string, length: number): string {
  return Array.from({length}, () => letters[randomInt(letters.length)]).join('')
}

/** The `$6$SALT$HASH` of a password. Takes milliseconds. */
export function sha512Crypt(password: string, salt: string): string {
  const key = Buffer.from(password)
  const salted = Buffer.from(salt)
  const alternate = digest(key, salted, key)
  const parts: Buffer[] = [key, salted, repeated(alternate, key.length)]
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? alternate : key)
  let round = digest(...parts)
  const keys = repeated(digest(...Array<Buffer>(key.length).fill(key)), key.length)
  const salts = repeated(digest(...Array<Buffer>(16 + (round[0] ?? 0)).fill(salted)), salted.length)
  for (let index = 0; index < ROUNDS; index++) {
    const odd = index % 2 === 1
    round = digest(
      odd ? keys : round,
      index % 3 === 0 ? NOTHING : salts,
      index % 7 === 0 ? NOTHING : keys,
      odd ? round : keys,
    )
  }
  return `$6$${salt}$${encoded(round)}`
}

const NOTHING = Buffer.alloc(0)

function digest(...parts: readonly Buffer[]): Buffer {
  return hash('sha512', Buffer.concat(parts), 'buffer')
}

function repeated(block: Buffer, length: number): Buffer {
  return Buffer.alloc(length, block.subarray(0, Math.min(block.length, length)))
}

/** Three bytes from a third of the digest each, then the last one alone. */
function encoded(bytes: Buffer): string {
  let text = ''
  for (let index = 0; index < 21; index++) {
    const three = [index, index + 21, index + 42]
    const turn = index % 3 // which of the three comes first moves on by one each time
    const order = turn === 0 ? [0, 1, 2] : turn === 1 ? [1, 2, 0] : [2, 0, 1]
    const [a = 0, b = 0, c = 0] = order.map(at => bytes[three[at] ?? 0] ?? 0)
    text += letters((a << 16) | (b << 8) | c, 4)
  }
  return text + letters(bytes[63] ?? 0, 2)
}

function letters(value: number, count: number): string {
  return Array.from({length: count}, (_, index) => ALPHABET[(value >> (6 * index)) & 63]).join('')
}

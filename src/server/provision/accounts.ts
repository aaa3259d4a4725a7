import {VpsError} from '../../errors.ts'

/*
 * The account files of a server, see passwd(5), shadow(5), group(5) and gshadow(5), edited as useradd(8) does. Pure text. Lines
 * that are not understood stay as they are.
 */

/** The files by name; undefined where the server has none (`gshadow` on Alpine). */
export type AccountFile = 'passwd' | 'shadow' | 'group' | 'gshadow'
export type AccountTexts = Readonly<Record<AccountFile, string | undefined>>

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

export interface NewAccount {
  readonly name: string
  readonly uid: number | null
  readonly comment: string
  readonly home: string
  readonly shell: string
}

/** What may be changed of an account that is there; undefined: stays. */
export interface AccountChange {
  readonly comment?: string | undefined
  readonly home?: string | undefined
  readonly shell?: string | undefined
}

/** UID_MIN and UID_MAX of login.defs(5), the same in all distributions. */
const FIRST_ID = 1000
const LAST_ID = 60_000
const DAY_MS = 86_400_000

const PASSWD = {password: 1, uid: 2, gid: 3, comment: 4, home: 5, shell: 6} as const
const GROUP = {gid: 2, members: 3} as const
/** Days since 1970 that the password is from; the other fields as useradd(8) writes them. */
const SHADOW = {hash: 1, changed: 2} as const

export class Accounts {
  readonly #files: Record<AccountFile, string[][] | undefined>
  readonly #changed = new Set<AccountFile>()
  readonly #today: number

  constructor(texts: AccountTexts, now = Date.now()) {
    this.#files = {
      passwd: records(texts.passwd ?? ''),
      group: records(texts.group ?? ''),
      shadow: texts.shadow === undefined ? undefined : records(texts.shadow),
      gshadow: texts.gshadow === undefined ? undefined : records(texts.gshadow),
    }
    this.#today = Math.floor(now / DAY_MS)
  }

  user(name: string): Account | undefined {
    const fields = this.#find('passwd', name)
    if (fields === undefined) return undefined
    const [uid, gid] = [Number(fields[PASSWD.uid]), Number(fields[PASSWD.gid])]
    const home = fields[PASSWD.home] ?? ''
    if (!isId(uid) || !isId(gid) || !home.startsWith('/'))
      throw new VpsError('DAMAGED_ACCOUNTS', `the line of ${name} in /etc/passwd of the server is damaged`)
    return {name, uid, gid, home}
  }

  /** The number of a group. */
  group(name: string): number | undefined {
    const fields = this.#find('group', name)
    const gid = Number(fields?.[GROUP.gid])
    return fields === undefined || !isId(gid) ? undefined : gid
  }

  /** A new user with a group of the same name, no password, and `*` for it: sshd(8) takes `!` for a locked account. */
  addUser({name, uid: wanted, comment, home, shell}: NewAccount): Account {
    const holder = wanted === null ? undefined : this.#holder('passwd', PASSWD.uid, wanted)
    if (holder !== undefined)
      throw new VpsError(
        'ID_IN_USE',
        `uid ${wanted} for user ${name} is that of user ${holder} in this server`,
      )
    const uid = wanted ?? this.#free(['passwd', PASSWD.uid])
    const gid = this.group(name) ?? this.addGroup(name, uid)
    this.#append('passwd', [name, 'x', String(uid), String(gid), comment, home, shell])
    this.#files.shadow ??= []
    this.#append('shadow', [name, '*', String(this.#today), '0', '99999', '7', '', '', ''])
    return {name, uid, gid, home}
  }

  changeUser(name: string, {comment, home, shell}: AccountChange): void {
    const fields = this.#find('passwd', name)
    if (fields === undefined) return
    for (const [key, value] of Object.entries({comment, home, shell}) as [
      'comment' | 'home' | 'shell',
      string | undefined,
    ][]) {
      if (value === undefined || fields[PASSWD[key]] === value) continue
      fields[PASSWD[key]] = value
      this.#changed.add('passwd')
    }
  }

  /** @param hash of crypt(5) */
  setPassword(name: string, hash: string): void {
    this.#files.shadow ??= []
    const fields = this.#find('shadow', name)
    if (fields === undefined) {
      this.#append('shadow', [name, hash, String(this.#today), '0', '99999', '7', '', '', ''])
    } else {
      fields[SHADOW.hash] = hash
      fields[SHADOW.changed] = String(this.#today)
      this.#changed.add('shadow')
    }
    const account = this.#find('passwd', name)
    if (account === undefined || account[PASSWD.password] === 'x') return
    account[PASSWD.password] = 'x' // an empty one would let anybody in, whatever /etc/shadow says
    this.#changed.add('passwd')
  }

  /** Makes a group if it is not there. @param preferred the number to take if it is free */
  addGroup(name: string, preferred?: number): number {
    const present = this.group(name)
    if (present !== undefined) return present
    const taken = preferred === undefined || this.#holder('group', GROUP.gid, preferred) !== undefined
    const gid = taken ? this.#free(['group', GROUP.gid]) : preferred
    this.#append('group', [name, 'x', String(gid), ''])
    this.#append('gshadow', [name, '!', '', ''])
    return gid
  }

  /** Puts a user into a group that is there. */
  join(user: string, group: string): void {
    for (const file of ['group', 'gshadow'] as const) {
      const fields = this.#find(file, group)
      if (fields === undefined) continue
      const members = (fields[GROUP.members] ?? '').split(',').filter(member => member !== '')
      if (members.includes(user)) continue
      fields[GROUP.members] = [...members, user].join(',')
      this.#changed.add(file)
    }
  }

  /** The whole texts of the files that changed. */
  changes(): ReadonlyMap<AccountFile, string> {
    return new Map([...this.#changed].map(file => [file, textOf(this.#files[file] ?? [])]))
  }

  #find(file: AccountFile, name: string): string[] | undefined {
    return this.#files[file]?.find(fields => fields[0] === name && fields.length > 1)
  }

  /** The name that has a number. */
  #holder(file: AccountFile, field: number, id: number): string | undefined {
    return this.#files[file]?.find(fields => fields.length > field && Number(fields[field]) === id)?.[0]
  }

  #free([file, field]: readonly [AccountFile, number]): number {
    const taken = new Set(this.#files[file]?.map(fields => Number(fields[field])))
    for (let id = FIRST_ID; id <= LAST_ID; id++) if (!taken.has(id)) return id
    throw new VpsError(
      'NO_FREE_ID',
      `/etc/${file} of the server has no number left from ${FIRST_ID} to ${LAST_ID}`,
    )
  }

  #append(file: AccountFile, fields: string[]): void {
    if (this.#files[file] === undefined) return
    this.#files[file].push(fields)
    this.#changed.add(file)
  }
}

function records(text: string): string[][] {
  const lines = text.endsWith('\n') ? text.slice(0, -1) : text
  return lines === '' ? [] : lines.split('\n').map(line => line.split(':'))
}

function textOf(lines: readonly (readonly string[])[]): string {
  return lines.map(fields => `${fields.join(':')}\n`).join('')
}

function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= 65_535
}

import {GENERATE, isHash, type Provision, sshKeyCheck} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import {type Account, type AccountFile, Accounts} from './accounts.ts'
import {newPassword, newSalt, sha512Crypt} from './crypt.ts'
import type {Family} from './family.ts'
import type {ServerRoot} from './root.ts'
import {reveal} from './secrets.ts'

type User = Provision['users'][number]

/** A password that vps made. It is in no file; whoever is given it has the only copy. */
export interface GeneratedPassword {
  readonly user: string
  readonly password: string
}

const SKELETON = '/etc/skel'
const LARGEST_SKELETON = 1024 * 1024

/** The accounts of a root while they are changed; nothing is written before `save`. */
export class RootAccounts {
  readonly accounts: Accounts
  readonly #root: ServerRoot
  readonly #family: Family

  constructor(root: ServerRoot, family: Family) {
    this.#root = root
    this.#family = family
    const read = (file: AccountFile): string | undefined => root.text(`/etc/${file}`)
    this.accounts = new Accounts({
      passwd: read('passwd'),
      shadow: read('shadow'),
      group: read('group'),
      gshadow: read('gshadow'),
    })
  }

  /** Makes or completes a user with home, keys and the right to use sudo. */
  user(user: User): void {
    const present = this.accounts.user(user.name)
    if (present !== undefined && user.uid !== null && user.uid !== present.uid)
      throw new VpsError(
        'CANNOT_PROVISION',
        `user ${user.name} has uid ${present.uid} in the server, not ${user.uid}`,
        {
          suggestions: ['leave uid out: the number of a user cannot be changed'],
        },
      )
    const account = present ?? this.#add(user)
    this.accounts.changeUser(user.name, {
      comment: user.comment === '' ? undefined : user.comment,
      home: user.home ?? undefined,
      shell: user.shell ?? undefined,
    })
    this.#home(user.home ?? account.home, account)
    this.#keys(user, user.home ?? account.home, account)
  }

  /** Groups come after all users, so that users get the numbers that they would have without them. */
  memberships({name, groups, sudo}: User): void {
    for (const group of groups) {
      this.accounts.addGroup(group)
      this.accounts.join(name, group)
    }
    if (sudo !== 'false') this.#sudo(name, sudo === 'nopasswd')
  }

  /** Gives a user the password of the definition; returns it when it was made here. */
  password({name, password}: User): GeneratedPassword | undefined {
    if (password === null) return undefined
    if (password === GENERATE) {
      const generated = newPassword()
      this.accounts.setPassword(name, sha512Crypt(generated, newSalt()))
      return {user: name, password: generated}
    }
    const hash = reveal(password)
    if (!isHash(hash))
      throw new VpsError(
        'NO_HASH',
        `the password of user ${name}: what stands behind ${password} is no hash of crypt(5)`,
        {
          suggestions: ['make one with `openssl passwd -6`'],
          exitCode: ExitCode.wrongUse,
        },
      )
    this.accounts.setPassword(name, hash)
    return undefined
  }

  /** passwd last: a user that can be seen there is there as a whole. */
  save(): void {
    const changes = this.accounts.changes()
    for (const file of ['group', 'gshadow', 'shadow', 'passwd'] as const) {
      const text = changes.get(file)
      if (text !== undefined) this.#root.write(`/etc/${file}`, text, this.#ownershipOf(file))
    }
  }

  /** As the image has it. A file of hashes that is not there is root's alone. */
  #ownershipOf(file: AccountFile): {mode: number; uid: number; gid: number} {
    const found = this.#root.tree.stat(`/etc/${file}`)
    if (found !== undefined) return {mode: found.mode & 0o777, uid: found.uid, gid: found.gid}
    return {mode: file === 'shadow' || file === 'gshadow' ? 0o600 : 0o644, uid: 0, gid: 0}
  }

  #add({name, uid, comment, home, shell}: User): Account {
    const fallback = this.#root.has('/bin/bash') ? '/bin/bash' : '/bin/sh'
    return this.accounts.addUser({
      name,
      uid,
      comment,
      home: home ?? `/home/${name}`,
      shell: shell ?? fallback,
    })
  }

  /** Made with what is in /etc/skel; one that is there is left as it is. */
  #home(home: string, {uid, gid}: Account): void {
    const root = this.#root
    if (!root.directory(home, {mode: this.#homeMode(), uid, gid})) return
    for (const name of root.tree.list(SKELETON) ?? []) {
      const path = `${SKELETON}/${name}`
      if (root.tree.type(path) !== 'file') continue
      const content = root.tree.read(path, {most: LARGEST_SKELETON})
      const mode = (root.tree.stat(path)?.mode ?? 0o644) & 0o777
      if (content !== undefined) root.write(`${home}/${name}`, content, {mode, uid, gid})
    }
  }

  /** HOME_MODE of login.defs(5), else what the family's tools make. */
  #homeMode(): number {
    const written = /^\s*HOME_MODE\s+([0-7]+)/m.exec(this.#root.text('/etc/login.defs') ?? '')?.[1]
    if (written !== undefined) return Number.parseInt(written, 8) & 0o777
    return this.#family === 'alpine' ? 0o755 : 0o700
  }

  #keys({name, sshKeys}: User, home: string, {uid, gid}: Account): void {
    const wanted = sshKeys.flatMap(key => keyLines(key, name))
    if (wanted.length === 0) return
    const directory = `${home}/.ssh`
    this.#root.directory(directory, {mode: 0o700, uid, gid}, true)
    const path = `${directory}/authorized_keys`
    const present = this.#ownText(path, uid)
    const lines = new Set(present.split('\n').map(line => line.trim()))
    const missing = wanted.filter(line => !lines.has(line))
    if (missing.length === 0 && present !== '') return
    const kept = present === '' || present.endsWith('\n') ? present : `${present}\n`
    this.#root.write(path, `${kept}${missing.join('\n')}\n`, {mode: 0o600, uid, gid})
  }

  /** A file that surely is the user's own: another's, which he gave a second name here, shall not become his. */
  #ownText(path: string, uid: number): string {
    const found = this.#root.tree.stat(path)
    if (found === undefined || found.names !== 1 || (found.uid !== uid && found.uid !== 0)) return ''
    return this.#root.tree.type(path) === 'file' ? (this.#root.text(path) ?? '') : ''
  }

  /** The group that the distribution lets use sudo; Alpine's asks for a rule of its own. */
  #sudo(name: string, withoutPassword: boolean): void {
    const group = ['sudo', 'wheel'].find(known => this.accounts.group(known) !== undefined) ?? 'sudo'
    this.accounts.addGroup(group)
    this.accounts.join(name, group)
    if (!withoutPassword && this.#family !== 'alpine') return
    this.#root.directory('/etc/sudoers.d', {mode: 0o750, uid: 0, gid: 0})
    const rule = `${name} ALL=(ALL:ALL) ${withoutPassword ? 'NOPASSWD:' : ''}ALL\n`
    this.#root.write(`/etc/sudoers.d/90-vps-${name}`, rule, {mode: 0o440, uid: 0, gid: 0})
  }
}

/** A reference may stand for several lines, as a whole authorized_keys file does. */
function keyLines(key: string, user: string): string[] {
  const lines = reveal(key)
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  const bad = lines.find(line => sshKeyCheck(line) !== undefined)
  if (bad === undefined) return lines
  throw new VpsError('BAD_SSH_KEY', `a key of user ${user} ${sshKeyCheck(bad)?.says ?? 'is none'}`, {
    exitCode: ExitCode.wrongUse,
  })
}

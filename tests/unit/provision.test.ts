import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {describe, expect, test} from 'vitest'
import {parseDefinition} from '../../src/definition/index.ts'
import {removeIdentity} from '../../src/image/identity.ts'
import {Accounts} from '../../src/server/provision/accounts.ts'
import {newPassword, sha512Crypt} from '../../src/server/provision/crypt.ts'
import {familyOf} from '../../src/server/provision/family.ts'
import {references, reveal} from '../../src/server/provision/secrets.ts'
import {pendingSteps, withDone} from '../../src/server/provision/state.ts'
import {stepsOf} from '../../src/server/provision/steps.ts'

const NOW = 20_000 * 86_400_000
const DEBIAN = {
  passwd: 'root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n+nis\n',
  shadow: 'root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n',
  group: 'root:x:0:\nsudo:x:27:\nadm:x:4:syslog\n',
  gshadow: 'root:*::\nsudo:*::\nadm:*::syslog\n',
}
const ADMIN = {name: 'admin', uid: null, comment: '', home: '/home/admin', shell: '/bin/sh'}

const edit = (change: (accounts: Accounts) => void, texts = DEBIAN): Record<string, string> => {
  const accounts = new Accounts(texts, NOW)
  change(accounts)
  return Object.fromEntries(accounts.changes())
}

describe('the account files', () => {
  test('get a user with a group of the same name and no password', () => {
    expect(edit(accounts => accounts.addUser(ADMIN))).toEqual({
      passwd: `${DEBIAN.passwd}admin:x:1000:1000::/home/admin:/bin/sh\n`,
      shadow: `${DEBIAN.shadow}admin:*:20000:0:99999:7:::\n`,
      group: `${DEBIAN.group}admin:x:1000:\n`,
      gshadow: `${DEBIAN.gshadow}admin:!::\n`,
    })
  })

  test('give the numbers that are free, and the one that is asked for', () => {
    const accounts = new Accounts({...DEBIAN, group: `${DEBIAN.group}deploy:x:1000:\n`}, NOW)
    expect(accounts.addUser(ADMIN)).toMatchObject({uid: 1000, gid: 1001})
    expect(accounts.addUser({...ADMIN, name: 'anna', uid: 2000})).toMatchObject({uid: 2000, gid: 2000})
    expect(accounts.addUser({...ADMIN, name: 'deploy'})).toMatchObject({uid: 1001, gid: 1000})
    expect(() => accounts.addUser({...ADMIN, name: 'ben', uid: 2000})).toThrow(/that of user anna/)
  })

  test('have each member once, and nothing is written that is so already', () => {
    expect(edit(accounts => accounts.join('syslog', 'adm'))).toEqual({})
    expect(
      edit(accounts => {
        accounts.join('root', 'adm')
        accounts.join('root', 'adm')
        accounts.join('root', 'none')
      }),
    ).toEqual({
      group: DEBIAN.group.replace('syslog', 'syslog,root'),
      gshadow: DEBIAN.gshadow.replace('syslog', 'syslog,root'),
    })
  })

  test('close an account that had no password at all', () => {
    const open = {...DEBIAN, passwd: DEBIAN.passwd.replace('root:x', 'root:')}
    expect(edit(accounts => accounts.setPassword('root', '$6$a$b'), open)).toEqual({
      passwd: DEBIAN.passwd,
      shadow: DEBIAN.shadow.replace('root:*:19000', 'root:$6$a$b:20000'),
    })
  })

  test('are made where a root has none but passwd', () => {
    const texts = {passwd: 'root:x:0:0::/:/bin/sh', shadow: undefined, group: undefined, gshadow: undefined}
    const accounts = new Accounts(texts, NOW)
    accounts.addUser(ADMIN)
    expect([...accounts.changes().keys()].sort()).toEqual(['group', 'passwd', 'shadow'])
    expect(accounts.changes().get('passwd')).toMatch(/^root:x:0:0::\/:\/bin\/sh\nadmin:x:1000/)
  })

  test('name a damaged line instead of believing it', () => {
    const accounts = new Accounts({...DEBIAN, passwd: 'root:x:-1:0::/root:/bin/sh\n'}, NOW)
    expect(() => accounts.user('root')).toThrow(/damaged/)
  })
})

describe('passwords', () => {
  test('are hashed as openssl passwd -6 does', () => {
    expect(sha512Crypt('Hello world!', 'saltstring')).toBe(
      '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    )
    expect(sha512Crypt('x', 'ab')).toBe(
      '$6$ab$jnZj29NS/hK2GaouP6AGMIBwD6owZFRejcn9QRdlwSjZaVr.fR9dH2TXrKL/PaacUXwtGfI.4O9zxvy2k6fbE1',
    )
  })

  test('are never the same twice', () => {
    const all = new Set(Array.from({length: 500}, newPassword))
    expect(all.size).toBe(500)
    for (const password of all) expect(password).toMatch(/^[a-zA-Z2-9]{5}(-[a-zA-Z2-9]{5}){3}$/)
  })
})

test.each([
  ['ID=debian\n', 'debian'],
  ['NAME="x"\nID=ubuntu\nID_LIKE=debian\n', 'debian'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'rhel'],
  ['ID=alpine', 'alpine'],
  ['ID=mint\nID_LIKE="ubuntu debian"\n', 'debian'],
  ['ID=void\n', 'plain'],
  [undefined, 'plain'],
])('%j is of the family %s', (text, family) => {
  expect(familyOf(text)).toBe(family)
})

test("an image keeps nobody's machine id and host keys, and follows no link out of its root", () => {
  const base = mkdtempSync(join(tmpdir(), 'vps-identity-'))
  const [root, outside] = [join(base, 'root'), join(base, 'outside')]
  mkdirSync(join(root, 'etc/systemd/system/multi-user.target.wants'), {recursive: true})
  mkdirSync(outside)
  for (const name of ['ssh_host_rsa_key', 'ssh_host_rsa_key.pub', 'sshd_config'])
    writeFileSync(join(outside, name), 'x')
  writeFileSync(join(root, 'etc/machine-id'), '0159244d3908498bb051081aa254d035\n')
  symlinkSync(outside, join(root, 'etc/ssh'))
  expect(removeIdentity(root)).toEqual(['/etc/machine-id'])
  expect([readdirSync(outside).length, readFileSync(join(root, 'etc/machine-id'), 'utf8')]).toEqual([3, ''])
  rmSync(join(root, 'etc/ssh'))
  renameSync(outside, join(root, 'etc/ssh'))
  expect(removeIdentity(root)).toEqual(['/etc/ssh/ssh_host_rsa_key', '/etc/ssh/ssh_host_rsa_key.pub'])
  expect(readdirSync(join(root, 'etc/ssh'))).toEqual(['sshd_config'])
  expect(readdirSync(join(root, 'etc/systemd/system/multi-user.target.wants'))).toEqual([
    'vps-ssh-keys.service',
  ])
  expect(removeIdentity(root)).toEqual([])
  rmSync(base, {recursive: true})
})

describe('secrets', () => {
  test('are what a variable says, and named when there is none', () => {
    process.env.VPS_TEST_SECRET = 's3cret'
    expect(reveal(`a \${env:VPS_TEST_SECRET} \${HOME} b`)).toBe(`a s3cret \${HOME} b`)
    expect(references(`\${env:A}\${file:/b}\${env:A}`)).toEqual([`\${env:A}`, `\${file:/b}`])
    delete process.env.VPS_TEST_SECRET
    expect(() => reveal(`\${env:VPS_TEST_SECRET}`)).toThrow(/there is no variable VPS_TEST_SECRET/)
    expect(() => reveal(`\${file:/nowhere/at/all}`)).toThrow(/cannot read \/nowhere\/at\/all \(ENOENT\)/)
  })
})

describe('steps', () => {
  const provision = (yaml: string) =>
    parseDefinition(`provision: ${yaml}`, {file: 'web1.yaml'}).definition.provision

  test('are done once, and again when they say something else', () => {
    const before = stepsOf(provision('{users: [{name: a, password: generate}], run: [one, two]}'))
    expect(before.map(({id}) => id)).toEqual(['user a', 'password a', 'run 1', 'run 2'])
    const state = withDone({steps: {}}, before, before)
    expect(pendingSteps(before, state)).toEqual([])
    const after = stepsOf(provision('{users: [{name: a, groups: x, password: generate}], run: [one, 2 two]}'))
    expect(pendingSteps(after, state).map(({id}) => id)).toEqual(['user a', 'run 2'])
  })

  test('that are gone are forgotten, and a failure when its step is done', () => {
    const [one, two] = [stepsOf(provision('{run: [one]}')), stepsOf(provision('{run: [one, two]}'))]
    const failed = {step: 'run 2', reason: 'status 3', at: 'now'}
    const state = {...withDone({steps: {}}, two.slice(0, 1), two), failed}
    expect(withDone(state, [], one)).toEqual({steps: {'run 1': two[0]?.digest}, failed})
    expect(withDone(state, two.slice(1), two)).not.toHaveProperty('failed')
  })
})

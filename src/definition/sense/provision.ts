import {GENERATE, isSecret} from '../provision-checks.ts'
import type {Definition} from '../schema.ts'
import type {Rule} from './rule.ts'

type Provision = Definition['provision']

/** Reports every value of a list that stood in it before. */
function once(
  values: readonly string[],
  {report}: Pick<Parameters<Rule>[0], 'report'>,
  {list, key, what}: {list: keyof Provision; key?: string; what: string},
): void {
  for (const [index, value] of values.entries()) {
    const first = values.indexOf(value)
    if (value === '' || first === index) continue
    const path = ['provision', list, index, ...(key === undefined ? [] : [key])]
    report(
      'error',
      path,
      `provision.${list}[${index}] is about the same ${what} as provision.${list}[${first}]: ${value}`,
    )
  }
}

export const usersOnce: Rule = sense => {
  const names = sense.definition.provision.users.map(({name}) => name)
  once(names, sense, {list: 'users', key: 'name', what: 'user'})
}

export const userIdsOnce: Rule = ({definition: {provision}, report}) => {
  for (const [index, {uid}] of provision.users.entries()) {
    const first = provision.users.findIndex(other => other.uid === uid)
    if (uid === null || first === index) continue
    report(
      'error',
      ['provision', 'users', index, 'uid'],
      `provision.users[${index}].uid ${uid} is already that of provision.users[${first}]`,
    )
  }
}

export const groupsOnce: Rule = sense => {
  once(sense.definition.provision.groups, sense, {list: 'groups', what: 'group'})
}

export const filesOnce: Rule = sense => {
  const paths = sense.definition.provision.files.map(({path}) => path)
  once(paths, sense, {list: 'files', key: 'path', what: 'file'})
}

export const packagesOnce: Rule = ({definition: {provision}, report}) => {
  for (const [index, name] of provision.packages.entries())
    if (name !== '' && provision.packages.indexOf(name) < index)
      report('warning', ['provision', 'packages', index], `package ${name} is written twice`)
}

export const filesHaveOneSource: Rule = ({definition: {provision}, report, written}) => {
  for (const [index, {content, source}] of provision.files.entries()) {
    const here = `provision.files[${index}]`
    if (content !== null && source !== null)
      report(
        'error',
        ['provision', 'files', index, 'source'],
        `${here} has both content and source`,
        'remove one of them',
      )
    const isWritten = (key: string): boolean => written(['provision', 'files', index, key]) // and wrong
    if (content === null && source === null && !isWritten('content') && !isWritten('source'))
      report(
        'error',
        ['provision', 'files', index],
        `${here} has neither content nor source`,
        'for an empty file write content: ""',
      )
  }
}

/** Made anew at each start, whatever is in the root below them. */
const FLEETING = ['/proc', '/sys', '/dev', '/run']
/** Files that users and groups are written to: two hands would undo each other's work. */
const ACCOUNTS = ['/etc/passwd', '/etc/shadow', '/etc/group', '/etc/gshadow']

export const filesAreSeen: Rule = ({definition: {provision, mounts}, report}) => {
  for (const [index, {path}] of provision.files.entries()) {
    const at = ['provision', 'files', index, 'path']
    const here = `provision.files[${index}].path ${path}`
    const fleeting = FLEETING.find(directory => path.startsWith(`${directory}/`))
    const hider = mounts.findIndex(
      ({target}) => target !== '' && (path === target || path.startsWith(`${target}/`)),
    )
    if (fleeting !== undefined)
      report('error', at, `${here} is in ${fleeting}, which is made anew at each start`)
    else if (ACCOUNTS.includes(path))
      report('error', at, `${here} is a file of accounts`, 'use provision.users and provision.groups')
    else if (hider >= 0)
      report(
        'error',
        at,
        `${here} is hidden by mounts[${hider}]`,
        'put the file into the source of that mount',
      )
  }
}

export const usersCanLogIn: Rule = ({definition: {provision}, report}) => {
  for (const [index, {name, sudo, password}] of provision.users.entries()) {
    if (sudo !== 'true' || password !== null || name === 'root') continue
    report(
      'recommendation',
      ['provision', 'users', index, 'sudo'],
      `user ${name} has no password that sudo could ask for`,
      'write sudo: nopasswd, or give a password',
    )
  }
}

export const hashesAreKeptAside: Rule = ({definition: {provision}, report}) => {
  for (const [index, {name, password}] of provision.users.entries()) {
    if (password === null || password === '' || password === GENERATE || isSecret(password)) continue
    report(
      'recommendation',
      ['provision', 'users', index, 'password'],
      `the hash of ${name}'s password can be read by every user of the host, as the definition can`,
      `keep it in a file of root's, and write password: \${file:/root/${name}.hash}`,
    )
  }
}

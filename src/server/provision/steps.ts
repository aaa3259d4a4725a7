import {createHash} from 'node:crypto'
import type {Provision} from '../../definition/index.ts'

/** Steps that write into the root of a server that does not run, and steps that are commands in one that does. */
export type StepPlace = 'root' | 'inside'

/** One thing to do, once. */
export interface Step {
  /** `user admin`, `file /etc/motd`, `run 2` */
  readonly id: string
  readonly place: StepPlace
  /** Tells whether it is still the same. Made of the definition as it is written: secrets stand there by reference. */
  readonly digest: string
  readonly kind:
    | 'user'
    | 'password'
    | 'group'
    | 'file'
    | 'timezone'
    | 'locale'
    | 'packages'
    | 'generate-locale'
    | 'run'
  /** Which item of the definition's list. */
  readonly index: number
}

const known = new WeakMap<Provision, readonly Step[]>()

/** All that a definition asks for, in the order in which it is done. */
export function stepsOf(provision: Provision): readonly Step[] {
  const steps = known.get(provision) ?? makeSteps(provision)
  known.set(provision, steps)
  return steps
}

function makeSteps(provision: Provision): Step[] {
  const {users, groups, files, packages, run, timezone, locale} = provision
  const step = (place: StepPlace, kind: Step['kind'], id: string, what: unknown, index = 0): Step => ({
    id,
    place,
    kind,
    digest: digestOf(what),
    index,
  })
  return [
    ...users.map(({password: _, ...user}, index) => step('root', 'user', `user ${user.name}`, user, index)),
    ...users.flatMap(({name, password}, index) =>
      password === null ? [] : [step('root', 'password', `password ${name}`, password, index)],
    ),
    ...groups.map((name, index) => step('root', 'group', `group ${name}`, name, index)),
    ...files.map((file, index) => step('root', 'file', `file ${file.path}`, file, index)),
    ...(timezone === null ? [] : [step('root', 'timezone', 'timezone', timezone)]),
    ...(locale === null ? [] : [step('root', 'locale', 'locale', locale)]),
    ...(packages.length === 0 ? [] : [step('inside', 'packages', 'packages', packages)]),
    ...(locale === null ? [] : [step('inside', 'generate-locale', 'generate-locale', locale)]),
    ...run.map((command, index) => step('inside', 'run', `run ${index + 1}`, command, index)),
  ]
}

function digestOf(what: unknown): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 16)
}

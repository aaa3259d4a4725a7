import {ExitCode, VpsError} from '../errors.ts'
import type {Difference, Present} from './diff.ts'

/** A server of the fleet's files that can't become what it shall be. */
export interface Refusal {
  readonly code: 'FOREIGN_SERVER' | 'CANNOT_CHANGE'
  readonly message: string
  readonly suggestion: string
}

export interface Asked {
  readonly name: string
  /** Where the fleet's files speak of it. */
  readonly place: string
  readonly fleet: string
  readonly adopt: boolean
}

/** Why an apply may not do what the difference says; undefined when it may. */
export function refusalOf(
  {name, place, fleet, adopt}: Asked,
  present: Present,
  {steps, changes}: Difference,
): Refusal | undefined {
  if (steps.includes('adopt') && !adopt)
    return {
      code: 'FOREIGN_SERVER',
      message: `${place}: ${foreignText(name, fleet, present)}`,
      suggestion: 'take what is there over with `--adopt`, or give the new server another name',
    }
  const template = changes.find(({key}) => /^template\b/.test(key))
  if (template === undefined) return undefined
  return {
    code: 'CANNOT_CHANGE',
    message: `${place}: the template of server ${name} is fixed since its creation, and ${template.key} differs`,
    suggestion: `leave its template as it is, or destroy it first: \`vps destroy ${name}\``,
  }
}

function foreignText(name: string, fleet: string, {stored, fleet: owner}: Present): string {
  if (!stored)
    return `there is a definition of ${name} already, hand-made, and fleet ${fleet} has not written it`
  const whose = owner === undefined ? 'it is hand-made' : `it is of fleet ${owner}`
  return `there is a server ${name} already, and it is not of fleet ${fleet}: ${whose}`
}

const SHOWN = 10

/** All of them in one error. */
export function refusedPlan(fleet: string, refusals: readonly Refusal[]): VpsError {
  const [first] = refusals
  const shown = refusals.slice(0, SHOWN).map(({message}) => message)
  const rest = refusals.length > SHOWN ? [`and ${refusals.length - SHOWN} more`] : []
  const lines = [...shown, ...rest]
  const text = lines.length === 1 ? `: ${lines[0]}` : `:\n  ${lines.join('\n  ')}`
  return new VpsError(first?.code ?? 'CANNOT_CHANGE', `fleet ${fleet} cannot be applied${text}`, {
    suggestions: [...new Set(refusals.map(({suggestion}) => suggestion))].slice(0, 3),
    exitCode: ExitCode.wrongState,
  })
}

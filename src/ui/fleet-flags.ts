import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../errors.ts'
import type {PlanOptions} from '../fleet/index.ts'

/** The flags that `plan` and `apply` have in common. */
export const fleetFlags = {
  file: string({
    char: 'f',
    description: 'A fleet file; may be given several times.',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    required: true,
  }),
  var: string({
    description: 'A value for a variable of the files.',
    helpValue: 'name=value',
    multiple: true,
    multipleNonGreedy: true,
  }),
  prune: boolean({description: 'Destroy servers of this fleet that are in none of its files.'}),
  adopt: boolean({
    description: 'Take over servers of the files that are there already and not of this fleet.',
  }),
  'no-restart': boolean({
    description: 'Restart no server; what needs that waits for the next start.',
  }),
  'no-fit': boolean({description: 'Do not ask whether this host can hold it all.'}),
}

interface FleetFlagValues {
  readonly var?: readonly string[] | undefined
  readonly prune: boolean
  readonly adopt: boolean
  readonly 'no-restart': boolean
  readonly 'no-fit': boolean
}

/** @throws VpsError WRONG_USE for a `--var` that is not name=value */
export function planOptions({
  var: words = [],
  prune,
  adopt,
  'no-restart': stays,
  'no-fit': unasked,
}: FleetFlagValues): PlanOptions {
  return {variables: variablesOf(words), prune, adopt, restart: !stays, fit: !unasked}
}

function variablesOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map(word => {
      const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(word) ?? []
      if (name !== undefined && value !== undefined) return [name, value]
      throw new VpsError('WRONG_USE', `--var ${JSON.stringify(word)} is not name=value`, {
        exitCode: ExitCode.wrongUse,
      })
    }),
  )
}

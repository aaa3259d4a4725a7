/*
 * The variables of a fleet: their defaults in its files, and who wins over them.
 */
import {isScalar, type Scalar} from 'yaml'
import {originOfValue, quote} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import {didYouMean} from '../../nearest.ts'
import {type Problems, placeText, reportIn} from './problems.ts'
import type {Scope, Value} from './scope.ts'
import type {FleetFile} from './sources.ts'

/** A variable of the environment that sets one of a fleet. */
const PREFIX = 'VPS_VAR_'

/** Values that win over those in files. */
export interface Given {
  /** `--var NAME=VALUE` */
  readonly variables: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** The variables that are the same for all servers. */
export class Variables implements Scope {
  readonly names: readonly string[]
  readonly #given: Given
  readonly #files = new Map<string, FleetFile>()
  readonly #known = new Map<string, Value | undefined>()
  /** On the way to a value, for those that need themselves. */
  readonly #open: string[] = []
  readonly #used = new Set<string>()
  readonly #problems: Problems

  constructor(files: readonly FleetFile[], given: Given, problems: Problems) {
    this.#given = given
    this.#problems = problems
    for (const file of files) {
      for (const name of Object.keys(file.vars)) {
        const first = this.#files.get(name)
        if (!first) this.#files.set(name, file)
        else {
          const {length, ...origin} = placeOfVariable(file, name)
          const message = `the variable ${name} is set twice, first in ${placeText(placeOfVariable(first, name))}`
          problems.error(origin, length, message, 'remove one of them, or set it with --var')
        }
      }
    }
    this.names = [...this.#files.keys(), ...Object.keys(given.variables)]
  }

  isOwn(): boolean {
    return false
  }

  value(name: string): Value | undefined {
    this.#used.add(name)
    if (!this.#known.has(name)) this.#known.set(name, this.#find(name))
    return this.#known.get(name)
  }

  #find(name: string): Value | undefined {
    const {variables, environment} = this.#given
    const given = Object.hasOwn(variables, name) ? variables[name] : environment[`${PREFIX}${name}`]
    if (given !== undefined) return {text: given}
    const file = this.#files.get(name)
    return file && this.#written(name, file)
  }

  #written(name: string, file: FleetFile): Value {
    const {length, ...origin} = placeOfVariable(file, name)
    const from = {origin, length}
    const node = file.filler.resolve(file.source.document.getIn(['vars', name], true))
    if (this.#open.includes(name)) {
      const round = [...this.#open.slice(this.#open.indexOf(name)), name].join(' needs ')
      this.#problems.error(origin, length, `the variable ${name} needs itself: ${round}`)
      return {text: name, from}
    }
    if (!isScalar(node)) return {text: '', from}
    this.#open.push(name)
    const report = reportIn(file.source, problem => this.#problems.add(problem))
    const value = file.filler.text(node as Scalar, {scope: this, report})
    this.#open.pop()
    return {text: value?.text ?? name, from}
  }

  /**
   * Checks that every variable that was given is one.
   * @throws VpsError NO_SUCH_VARIABLE (exit 2)
   */
  requireKnown(): void {
    const unknown = Object.keys(this.#given.variables).find(
      name => !this.#files.has(name) && !this.#used.has(name),
    )
    if (unknown === undefined) return
    const known = [...this.#files.keys()]
    throw new VpsError(
      'NO_SUCH_VARIABLE',
      `the fleet has no variable ${quote(unknown)}${didYouMean(unknown, [...known, ...this.#used])}`,
      {
        exitCode: ExitCode.wrongUse,
        suggestions: [known.length > 0 ? `its variables are ${known.join(', ')}` : 'it has no vars at all'],
      },
    )
  }
}

function placeOfVariable({source}: FleetFile, name: string) {
  return originOfValue(source, ['vars', name])
}

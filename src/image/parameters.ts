import {resolve} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {didYouMean} from '../nearest.ts'
import type {FileSpec, ParameterSpec, ParameterType, Recipe, TemplateChoice} from './types.ts'

export type Parameters = Readonly<Record<string, unknown>>

/**
 * The values of all parameters of `recipe`: what `choice` gives, else the defaults. A `file` becomes an absolute path.
 * @throws VpsError INVALID_PARAMETER (exit 2) with every problem in one message
 */
export function resolveParameters(recipe: Recipe, choice: TemplateChoice, directory = '.'): Parameters {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const key of Object.keys(choice)) {
    if (key !== 'name' && !Object.hasOwn(recipe.parameters, key))
      problems.push(`unknown parameter ${key}${didYouMean(key, Object.keys(recipe.parameters))}`)
  }
  for (const [key, spec] of Object.entries(recipe.parameters)) {
    const given = choice[key] ?? spec.default
    if (given === undefined || given === null) {
      if (spec.default === undefined) problems.push(`parameter ${key} is needed: ${spec.description}`)
      continue
    }
    const wrong = check(given, spec)
    if (wrong !== undefined) problems.push(`parameter ${key} ${wrong}`)
    values[key] = spec.type === 'file' && typeof given === 'string' ? resolve(directory, given) : given
  }
  if (problems.length > 0)
    throw new VpsError('INVALID_PARAMETER', `template ${recipe.name}: ${problems.join('; ')}`, {
      exitCode: ExitCode.wrongUse,
      suggestions: [`see the parameters with: vps template show ${recipe.name}`],
    })
  return values
}

/** `recipe` with `{{parameter}}` replaced in the content of its files. */
export function substitute(recipe: Recipe, parameters: Parameters): Recipe {
  const fill = (text: string): string =>
    text.replace(/\{\{ *([a-zA-Z0-9]+) *\}\}/g, (whole, key: string) => {
      if (!Object.hasOwn(recipe.parameters, key)) return whole
      const value = parameters[key]
      return Array.isArray(value) ? value.join(' ') : String(value ?? '')
    })
  const files: Record<string, FileSpec> = {}
  for (const [path, spec] of Object.entries(recipe.files))
    files[path] = {...spec, content: fill(spec.content)}
  return {...recipe, files}
}

/** A parameter that the builder reads as text. */
export function textParameter(parameters: Parameters, key: string): string | undefined {
  const value = parameters[key]
  return typeof value === 'string' ? value : undefined
}

/** A parameter that the builder reads as a list of texts. */
export function textsParameter(parameters: Parameters, key: string): string[] {
  const value = parameters[key]
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

export function numberParameter(parameters: Parameters, key: string): number | undefined {
  const value = parameters[key]
  return typeof value === 'number' ? value : undefined
}

const WORDS: Record<ParameterType, string> = {
  string: 'a text',
  integer: 'a whole number',
  boolean: 'true or false',
  strings: 'a list of texts',
  file: 'the path of a file',
}

function check(value: unknown, spec: ParameterSpec): string | undefined {
  if (!isOfType(value, spec.type)) return `must be ${WORDS[spec.type]}`
  for (const item of Array.isArray(value) ? value : [value]) {
    if (spec.choices !== undefined && !spec.choices.includes(String(item)))
      return `must be one of ${spec.choices.join(', ')}`
    if (spec.pattern !== undefined && !new RegExp(`^(?:${spec.pattern})$`).test(String(item)))
      return `is ${JSON.stringify(item)}, which does not look right (it must match ${spec.pattern})`
  }
  return undefined
}

function isOfType(value: unknown, type: ParameterType): boolean {
  if (type === 'integer') return typeof value === 'number' && Number.isSafeInteger(value)
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'strings') return Array.isArray(value) && value.every(item => typeof item === 'string')
  return typeof value === 'string' && value !== ''
}

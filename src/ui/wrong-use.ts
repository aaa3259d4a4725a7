import {ExitCode, VpsError} from '../errors.ts'
import {unpainted} from './color.ts'
import {type CommandInfo, spokenName} from './manifest.ts'

/** The shape of the errors that oclif's parser throws. */
interface OclifError extends Error {
  readonly oclif: {readonly exit?: number | false}
  readonly flags?: readonly string[]
  readonly args?: readonly {readonly name: string}[]
}

/** Turns what oclif's parser throws into an error in our style (exit code 2); every other error is returned as it is. */
export function asWrongUse(error: unknown, command: CommandInfo | undefined): unknown {
  if (error instanceof VpsError) return withoutFrame(error)
  if (!isOclifError(error)) return error
  return new VpsError('WRONG_USE', sentence(error), {
    exitCode: ExitCode.wrongUse,
    suggestions: [command === undefined ? 'vps help' : `vps help ${spokenName(command.id)}`],
  })
}

/** What our own parsers of flags throw comes back with oclif's words around it. */
function withoutFrame(error: VpsError): VpsError {
  const framed = /^Parsing --\S+\s+([\s\S]*?)\nSee more help with --help$/.exec(error.message)
  if (framed?.[1] === undefined) return error
  return new VpsError(error.code, framed[1], {
    cause: error.cause,
    suggestions: error.suggestions,
    exitCode: error.exitCode,
  })
}

function isOclifError(error: unknown): error is OclifError {
  return error instanceof Error && 'oclif' in error
}

function sentence(error: OclifError): string {
  const text = unpainted(error.message)
    .replace(/\nSee more help with --help$/, '')
    .trim()
  const unknown = /^Nonexistent flags?: (.*)$/.exec(text)
  if (unknown) return `there is no flag ${unknown[1]}`
  const unexpected = /^Unexpected arguments?: (.*)$/.exec(text)
  if (unexpected) return `there is no use for ${unexpected[1]}`
  if (/^Missing \d+ required arg/.test(text)) {
    return `missing: ${(error.args ?? []).map(({name}) => name.toUpperCase()).join(', ')}`
  }
  const several = /^The following errors? occurred:\s*([\s\S]*)$/.exec(text)
  const body = several?.[1] ?? text
  return body
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .map(decapitalise)
    .join('; ')
}

function decapitalise(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

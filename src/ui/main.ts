import {join} from 'node:path'
import process from 'node:process'
import {VpsError} from '../errors.ts'
import {paintFor} from './color.ts'
import type {VpsCommand} from './command.ts'
import {errorJson, exitCodeOf, renderError} from './errors.ts'
import {type CommandInfo, type Manifest, readManifest} from './manifest.ts'
import {guardStandardStreams, toJson, write} from './output.ts'
import {ownPart, resolveRequest} from './resolve.ts'
import {asWrongUse} from './wrong-use.ts'

/** One run of the CLI: finds the command, runs it, prints an error once, sets the exit code. Never throws. */
export async function main({root, argv}: {root: string; argv: readonly string[]}): Promise<void> {
  let command: CommandInfo | undefined
  let words = argv
  const fail = (error: unknown) => report(error, words, command)
  guardStandardStreams(error =>
    fail(new VpsError('OUTPUT_FAILED', 'cannot write the answer', {cause: error})),
  )
  process.once('uncaughtException', error => fail(error).then(() => process.exit()))
  try {
    const manifest = readManifest(root)
    const request = resolveRequest(argv, manifest)
    command = request.kind === 'run' ? request.command : commandOf(manifest, request.kind)
    words = request.argv
    await run(root, manifest, command, words)
  } catch (error) {
    await fail(error)
  }
}

function commandOf(manifest: Manifest, id: string): CommandInfo {
  const command = manifest.commands[id]
  if (command === undefined) throw new Error(`oclif.manifest.json does not have the command ${id}`)
  return command
}

/**
 * Runs one command with oclif's parser and life cycle, but without oclif's `Config`: that one costs 20 ms a start, and looks
 * for plugins and themes below $HOME, which a root tool must not load.
 */
async function run(
  root: string,
  manifest: Manifest,
  command: CommandInfo,
  argv: readonly string[],
): Promise<void> {
  const path = command.relativePath ?? ['dist', 'commands', `${command.id.replaceAll(':', '/')}.js`]
  const module = (await import(join(root, ...path))) as {default: CommandClass}
  module.default.id = command.id
  const instance = new module.default([...argv], cliConfig(root, manifest))
  await (instance as unknown as {_run(): Promise<void>})._run()
}

type Config = ConstructorParameters<typeof import('@oclif/core/command').Command>[1]
type CommandClass = {id: string; new (argv: string[], config: Config): VpsCommand}

/** The few members of oclif's `Config` that a command uses. */
function cliConfig(root: string, manifest: Manifest): Config {
  const config = {
    bin: 'vps',
    root,
    version: manifest.version,
    userAgent: `vps/${manifest.version}`,
    topicSeparator: ' ',
    scopedEnvVar: () => undefined,
    scopedEnvVarKeys: () => [],
    scopedEnvVarKey: (key: string) => `VPS_${key}`,
    runHook: async () => ({successes: [], failures: []}),
  }
  return config as unknown as Config
}

/** Prints an error the way it was asked for, and turns it into the exit code. */
async function report(
  error: unknown,
  argv: readonly string[],
  command: CommandInfo | undefined,
): Promise<void> {
  const known = asWrongUse(error, command)
  const exitCode = command?.failsWith ?? exitCodeOf(known)
  process.exitCode = exitCode
  const json = ownPart(argv, command).includes('--json')
  if (!json) process.stderr.write(`${renderError(known, paintFor(process.stderr))}\n`)
  // Standard output of `exec` belongs to the command that it runs.
  else if (command?.failsWith !== undefined) process.stderr.write(toJson({error: errorJson(known, exitCode)}))
  else await write(toJson({error: errorJson(known, exitCode)}))
}

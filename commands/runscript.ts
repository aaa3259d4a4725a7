import {readFile} from 'node:fs/promises'
import {basename} from 'node:path'
import process from 'node:process'
import {buffer} from 'node:stream/consumers'
import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {BulkCommand, bulkFlags, environmentOf} from '../src/ui/index.ts'

export default class RunScript extends BulkCommand {
  static override summary = "Run a script of the host's in servers."
  static override description =
    `The script is sent to the servers and run there, in several at once, by the interpreter that its first line names (#!/bin/bash, #!/usr/bin/python3 …), else by /bin/sh. No file of it appears in a server: it is a piece of memory that goes when the script ends. Words after -- are its arguments. It reads nothing from standard input. A script from standard input: -.

--all, --tag and patterns mean servers that run. Output, --json and exit code are those of exec in many servers; docs/bulk.md tells.`
  static override usage =
    'SCRIPT NAME… | --all | --tag T | --project P [--user U] [--env K=V …] [--parallel N] [--timeout D] [--prefix] [-- ARGS…]'
  static override examples = [
    'vps runscript setup.sh web1 web2',
    {description: 'with arguments', command: 'vps runscript harden.sh --tag web -- --no-root-login'},
    {
      description: 'from a pipe',
      command: `sed s/@SITE@/acme/ setup.sh | vps runscript - 'web*' --timeout 5m`,
    },
  ]
  static override strict = false
  static override args = {
    file: word({description: 'The script, or -.', required: true}),
    names: word({description: 'Servers to run it in.'}),
  }
  static override flags = {
    user: string({description: 'Name or number, or uid:gid, in the servers; default: root.', helpValue: 'U'}),
    env: string({
      description: 'An environment variable.',
      helpValue: 'K=V',
      multiple: true,
      multipleNonGreedy: true,
    }),
    cwd: string({description: "Where it starts; default: the user's home.", helpValue: 'DIR'}),
    ...bulkFlags,
  }

  async run(): Promise<void> {
    const end = this.argv.indexOf('--')
    const own = end === -1 ? this.argv : this.argv.slice(0, end)
    const args = end === -1 ? [] : this.argv.slice(end + 1) // oclif's parser puts its own words into argv
    const parsed = await this.parse(RunScript, [...own])
    const [file = '', ...names] = this.settle(parsed)
    const {flags} = parsed
    this.requireSelection(names, flags)
    const {user, env, cwd, timeout} = flags
    const options = {
      args,
      env: environmentOf(env ?? []),
      ...(user !== undefined && {user}),
      ...(cwd !== undefined && {cwd}),
      ...(timeout !== undefined && {timeoutMs: timeout}),
    }
    const script = {name: basename(file), text: await readScript(file)}
    const host = await Host.open()
    const servers = await this.chosen(host, names, flags, ['running'])
    await this.inEach(servers, flags, (server, run) => host.runScript(server, script, {...options, ...run}))
  }
}

async function readScript(file: string): Promise<Buffer> {
  try {
    return file === '-' ? await buffer(process.stdin) : await readFile(file)
  } catch (error) {
    throw new VpsError('CANNOT_READ', `cannot read ${file}`, {cause: error, exitCode: ExitCode.wrongUse})
  }
}

import type {HostPaths} from '../host/index.ts'
import {processesIn} from '../resources/index.ts'
import {readGuestText} from './guest-file.ts'
import {guestGroup, type RunState, readRun, readText} from './run-state.ts'
import type {ProcessRow} from './types.ts'

/** The processes of the servers `names` (those that run), from the cgroups' lists and /proc. */
export async function processes(paths: HostPaths, names: readonly string[]): Promise<ProcessRow[]> {
  const rows = await Promise.all(
    names.map(async name => {
      const run = readRun(paths, name)
      return run.kind === 'alive' ? await processesOf(name, run.state) : []
    }),
  )
  return rows.flat()
}

async function processesOf(server: string, state: RunState): Promise<ProcessRow[]> {
  const pids = await processesIn(guestGroup(state))
  const userName = userNames(state)
  return pids.flatMap(pid => {
    const status = readText(`/proc/${pid}/status`)
    if (status === undefined) return [] // gone since
    const guestPids = field(status, 'NSpid')
    // The server's own pid namespace is the second one; a nested one has further numbers.
    const guestPid = Number(guestPids[1] ?? guestPids[0] ?? pid)
    const uid = Number(field(status, 'Uid')[1] ?? 0) - state.idBase
    return [{pid, guestPid, server, command: commandOf(pid, status), user: userName(uid)}]
  })
}

function field(status: string, name: string): string[] {
  const line = status.split('\n').find(text => text.startsWith(`${name}:`))
  return line === undefined
    ? []
    : line
        .slice(name.length + 1)
        .trim()
        .split(/\s+/)
}

/** The words of its command line, or its name in brackets where it has none (a zombie). Control characters are the guest's. */
function commandOf(pid: number, status: string): string {
  const words = readText(`/proc/${pid}/cmdline`)?.replace(/\0+$/, '') ?? ''
  const text = words === '' ? `[${field(status, 'Name').join(' ')}]` : words.replaceAll('\0', ' ')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}

/** Looks ids up in the server's own /etc/passwd, read through its init's root; the number where that says nothing. */
function userNames(state: RunState): (uid: number) => string {
  let names: Map<number, string> | undefined
  return uid => {
    names ??= parsePasswd(readGuestText(`/proc/${state.init}/root`, 'etc/passwd') ?? '')
    return names.get(uid) ?? String(uid)
  }
}

export function parsePasswd(text: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':')
    if (name && /^[\w.-]+\$?$/.test(name) && uid && !names.has(Number(uid))) names.set(Number(uid), name)
  }
  return names
}

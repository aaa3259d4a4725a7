/* Whether what was started is what was asked for: no figure is of servers that are not there, or have less than the others. */
import {readdirSync, readFileSync} from 'node:fs'
import {basename} from 'node:path'
import {setTimeout} from 'node:timers/promises'
import {execa} from 'execa'
import {IDS, INIT} from './contender.ts'

const PATIENCE_MS = 5000

/** @throws unless there are so many servers, each with a user namespace, an overlay for root, and a link with an address */
export async function checkServers(count: number): Promise<void> {
  const pids = await appeared(count)
  if (pids.length !== count) throw new Error(`${pids.length} servers run, not ${count}`)
  for (const pid of pids) {
    const lacks = await lacking(pid)
    if (lacks !== undefined) throw new Error(`the server of process ${pid} has no ${lacks}`)
  }
}

/** Commands return a moment before the last exec. */
async function appeared(count: number): Promise<number[]> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const pids = servers()
    if (pids.length >= count || performance.now() > deadline) return pids
    await setTimeout(50)
  }
}

/** Those of INIT, in a world where nobody else starts one. */
function servers(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter(pid => pid > 0 && isInit(pid))
}

function isInit(pid: number): boolean {
  try {
    const [program = '', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
    return [basename(program), ...words].join() === INIT.join()
  } catch {
    return false // it is gone
  }
}

interface Link {
  readonly linkinfo?: {readonly info_kind?: string}
  readonly addr_info: readonly {readonly family: string; readonly scope: string}[]
}

async function lacking(pid: number): Promise<string | undefined> {
  const [inside, outside, size] = readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/).map(Number)
  if (inside !== 0 || outside === 0 || size !== IDS) return `user namespace of ${IDS} ids`
  if (!/^\S+ \S+ \S+ \S+ \/ .* - overlay /m.test(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')))
    return 'overlay for its root'
  const {stdout} = await execa('nsenter', ['-t', String(pid), '-n', 'ip', '-json', '-details', 'address'])
  const linked = (JSON.parse(stdout) as Link[]).some(
    ({linkinfo, addr_info: addresses}) =>
      linkinfo?.info_kind === 'veth' &&
      addresses.some(({family, scope}) => family === 'inet' && scope === 'global'),
  )
  return linked ? undefined : 'link with an address'
}

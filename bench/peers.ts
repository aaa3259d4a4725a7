/*
 * The same servers started by vps, lxc, runc, crun and podman, each in its own way of doing many: a user namespace, an overlay for
 * root, one link with an address, `sleep`, no limits, four at a time. What is not there or does not work on this host is said, and left
 * out. Each has a sealed world of its own (peers/in-sealed-world); all take turns. Exits with 1 when a bound is missed.
 *
 *   node bench/peers.ts [COUNT [NAME…]]       names: lxc runc crun podman
 *
 * What differs: servers of peers share one range of ids, the owners on the disk; ours have a range each, by mapped mounts. Links of lxc,
 * runc and crun are on a bridge without rules, those of podman on its own, with address translation; ours are routed, with rules
 * against forged addresses. lxc has no AppArmor profile, runc and crun have no seccomp filter; ours have one, and vps-init beside
 * `sleep`. `vps apply` and `podman run` also create what they start.
 */
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {CONTENDERS, type ContenderName} from './peers/contenders.ts'
import {median, milliseconds, publish} from './statistics.ts'

const ROUNDS = 3

/** What of ours does what the peer does, and the most that it may take of the peer's time. */
const BOUNDS = {
  lxc: {ours: 'vpsStart', atMost: 1},
  runc: {ours: 'vpsStart', atMost: 1},
  crun: {ours: 'vpsStart', atMost: 1},
  podman: {ours: 'vpsApply', atMost: 1 / 8},
} as const
type Peer = keyof typeof BOUNDS

const PEERS = Object.keys(BOUNDS) as Peer[]
const [, , count = '100', ...chosen] = process.argv
const unknown = chosen.filter(name => !(name in BOUNDS))
if (!(Number(count) > 0) || unknown.length > 0)
  throw new Error(`usage: peers.ts [COUNT [${PEERS.join('|')}…]]`)

const title = (name: ContenderName): string => CONTENDERS[name].title

/** Milliseconds for each server. */
interface Times {
  readonly took: number
  /** Of processors: hardly another when the machine has other work, too. */
  readonly used: number
}

/** `undefined` when it can't be measured here, for a reason that was said. */
async function measure(name: ContenderName): Promise<Times | undefined> {
  const directory = join(import.meta.dirname, 'peers')
  const {exitCode, stdout} = await execa(
    join(directory, 'in-sealed-world'),
    [process.execPath, join(directory, 'compare.ts'), name, count],
    {stderr: 'inherit', reject: false},
  )
  if (exitCode === 77) return undefined
  if (exitCode !== 0) throw new Error(`${title(name)} failed`)
  const [took = Number.NaN, used = Number.NaN] = stdout.split(' ').map(Number)
  return {took, used}
}

const peers = chosen.length > 0 ? PEERS.filter(peer => chosen.includes(peer)) : PEERS
const times = new Map<ContenderName, Times[]>(
  ([...new Set(peers.map(peer => BOUNDS[peer].ours)), ...peers] as const).map(name => [name, []]),
)
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, taken] of times) {
    const measured = await measure(name)
    if (measured === undefined) times.delete(name)
    else taken.push(measured)
  }
}

for (const peer of peers) {
  const {ours, atMost} = BOUNDS[peer]
  const [mine, theirs] = [times.get(ours), times.get(peer)]
  if (mine === undefined) throw new Error(`${title(ours)} does not work on this host`)
  if (theirs === undefined) {
    console.log(`${title(ours)}, against ${title(peer)}\n  not measured: it does not work on this host`)
    continue
  }
  const compared = (what: string, of: (times: Times) => number, bound: number | null): boolean => {
    const [our, their] = [median(mine.map(of)), median(theirs.map(of))]
    return publish({
      what: `${title(ours)}, each of ${count} servers, against ${title(peer)}: ${what} (median of ${ROUNDS} rounds)`,
      measured: milliseconds(our),
      against: milliseconds(their),
      ratio: our / their,
      atMost: bound,
    })
  }
  if (!compared('time', ({took}) => took, atMost)) process.exitCode = 1
  compared('time of processors', ({used}) => used, null)
}

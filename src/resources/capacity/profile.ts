import type {HostCapacity} from './host.ts'
import type {Share} from './split.ts'

const MIB = 1024 ** 2

/** The profile of a server that has the share, as YAML with what was divided said in comments. */
export function shareProfile(host: HostCapacity, share: Share): string {
  const {servers, reserve, cpus, memory, guarantee, swap, pids} = share
  const kept = (amount: number, used: number, show: (value: number) => string): string =>
    `${show(amount)}, of which ${show(Math.max(0, amount - used * servers))} stay with the host`
  return `# One of ${servers} equal servers of this host, made by \`vps capacity split\`. Nothing is promised twice.
# ${Math.round(reserve * 1000) / 10} % were kept for the host itself before dividing:
#   CPUs    ${kept(host.cpus, cpus, decimal)}
#   memory  ${kept(host.memory, memory, mebibytes)}
#   swap    ${host.swap === 0 ? 'none' : kept(host.swap, swap, mebibytes)}
#   tasks   ${kept(host.pids, pids, String)}
resources:
  cpu:
    limit: ${decimal(cpus)}
    weight: 100
  memory:
    limit: ${mebibytes(memory)}
    # Half of it is the server's own also when the host is short; the rest is, as long as nobody else needs it.
    guarantee: ${mebibytes(guarantee)}
    swap: ${swap === 0 ? 'none' : mebibytes(swap)}
  pids: ${pids}
`
}

function decimal(value: number): string {
  return String(Math.round(value * 100) / 100)
}

function mebibytes(value: number): string {
  return `${Math.floor(value / MIB)}MiB`
}

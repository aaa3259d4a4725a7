import type {Path} from '../definition/index.ts'
import {absence} from './controllers.ts'
import type {ResourceFacts} from './facts.ts'
import type {Group, Limit, Unenforceable} from './limit.ts'

/** A file that every cgroup has to which its parent hands the controller. */
const SIGNS: Readonly<Record<string, string>> = {
  cpu: 'cpu.weight',
  cpuset: 'cpuset.cpus',
  memory: 'memory.max',
  io: 'io.stat',
  pids: 'pids.max',
  rdma: 'rdma.max',
  misc: 'misc.max',
}

const OPTIONS: Readonly<Record<string, string>> = {
  'cpu.max': 'CONFIG_CFS_BANDWIDTH',
  'cpu.max.burst': 'CONFIG_CFS_BANDWIDTH, Linux 5.14 or newer',
  'cpu.idle': 'CONFIG_FAIR_GROUP_SCHED, Linux 5.15 or newer',
  'memory.swap.max': 'CONFIG_SWAP, without `swapaccount=0` on its command line',
  'io.max': 'CONFIG_BLK_DEV_THROTTLING',
  'io.latency': 'CONFIG_BLK_CGROUP_IOLATENCY',
  'io.weight': 'CONFIG_BLK_CGROUP_IOCOST',
  'io.bfq.weight': 'CONFIG_BFQ_GROUP_IOSCHED',
}

function missingFile(file: string): string {
  return `use a kernel with ${OPTIONS[file] ?? 'it'}`
}

/** What a definition wants of this host, sorted into what the host can do and what it cannot. */
export class Wishes {
  readonly limits: Limit[] = []
  readonly unenforceable: Unenforceable[] = []
  readonly facts: ResourceFacts

  constructor(facts: ResourceFacts) {
    this.facts = facts
  }

  /** @param expect how the kernel spells `value`; default: the same */
  want(key: Path, group: Group, file: string, value: string, expect = value): void {
    const controller = file.slice(0, file.indexOf('.'))
    if (!this.allows(key, controller)) return
    if (this.lacks(controller, file))
      this.refuse(key, controller, `the kernel has no ${file}`, missingFile(file))
    else this.limits.push({key, controller, group, file, value, expect})
  }

  /** Whether servers can have the controller; if not, the key is refused. */
  allows(key: Path, controller: string): boolean {
    const why = absence(controller, this.facts.controllers)
    if (why !== undefined) this.refuse(key, controller, why.reason, why.remedy)
    return why === undefined
  }

  /** Whether the kernel surely does not have the file: a start found none, or there are cgroups with the controller alone. */
  lacks(controller: string, file: string): boolean {
    const {files, missing} = this.facts
    if (missing.has(file)) return true
    return files.has(SIGNS[controller] ?? '') && !files.has(file)
  }

  refuse(key: Path, controller: string, reason: string, remedy: string): void {
    this.unenforceable.push({key, controller, reason, remedy})
  }
}

import {type Definition, parseBytes} from '../definition/index.ts'
import {type CpuAssignment, cpuLimits} from './desired-cpu.ts'
import {ioLimits} from './desired-io.ts'
import {memoryLimits} from './desired-memory.ts'
import {hugepageName, type ResourceFacts} from './facts.ts'
import type {Limit, Unenforceable} from './limit.ts'
import {Wishes} from './wishes.ts'

export interface Desired {
  /** In the order in which they are written. */
  readonly limits: readonly Limit[]
  readonly unenforceable: readonly Unenforceable[]
}

/**
 * What the cgroup's files shall say for a server of this definition on this host. Pure.
 * @param assignment the CPUs that were chosen for `cores` or `dedicated`, or those that others leave to everybody
 */
export function desiredLimits(
  definition: Pick<Definition, 'resources'>,
  facts: ResourceFacts,
  assignment?: CpuAssignment,
): Desired {
  const {cpu, memory, pids, io, hugepages, rdma, misc} = definition.resources
  const wishes = new Wishes(facts)
  cpuLimits(wishes, cpu, assignment)
  memoryLimits(wishes, memory)
  if (pids !== null) wishes.want(['resources', 'pids'], 'payload', 'pids.max', String(pids))
  ioLimits(wishes, io)
  hugepageLimits(wishes, hugepages)
  rdmaLimits(wishes, rdma)
  miscLimits(wishes, misc)
  return wishes
}

function hugepageLimits(wishes: Wishes, wanted: Definition['resources']['hugepages']): void {
  const {hugepages} = wishes.facts
  for (const [size, bytes] of Object.entries(wanted)) {
    const key = ['resources', 'hugepages', size]
    const name = hugepageName(parseBytes(size) ?? 0)
    const page = hugepages.get(name)
    if (!wishes.allows(key, 'hugetlb')) continue
    if (page === undefined)
      wishes.refuse(
        key,
        'hugetlb',
        `the host has no huge pages of ${size}`,
        hugepages.size === 0
          ? 'use a kernel built with CONFIG_HUGETLBFS'
          : `it has ${[...hugepages.keys()].join(', ')}`,
      )
    else wishes.want(key, 'payload', `hugetlb.${name}.max`, String(Math.floor(bytes / page) * page))
  }
}

function rdmaLimits(wishes: Wishes, wanted: Definition['resources']['rdma']): void {
  const {rdma} = wishes.facts
  for (const [device, {handles, objects}] of Object.entries(wanted)) {
    const key = ['resources', 'rdma', device]
    if (!wishes.allows(key, 'rdma')) continue
    if (!rdma.includes(device)) wishes.refuse(key, 'rdma', `the host has no RDMA device ${device}`, has(rdma))
    else
      wishes.want(
        key,
        'payload',
        'rdma.max',
        `${device} hca_handle=${handles ?? 'max'} hca_object=${objects ?? 'max'}`,
      )
  }
}

function miscLimits(wishes: Wishes, wanted: Definition['resources']['misc']): void {
  const {misc} = wishes.facts
  for (const [name, amount] of Object.entries(wanted)) {
    const key = ['resources', 'misc', name]
    if (!wishes.allows(key, 'misc')) continue
    if (!misc.includes(name))
      wishes.refuse(key, 'misc', `the host has nothing called ${name} to share`, has(misc))
    else wishes.want(key, 'payload', 'misc.max', `${name} ${amount}`)
  }
}

function has(names: readonly string[]): string {
  return names.length === 0 ? 'it has none; take the key out' : `it has ${names.join(', ')}`
}

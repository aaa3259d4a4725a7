/*
 * What only one server of a host can have, and two of a fleet ask for. (That a server outside of the fleet has it is told by the
 * plan.)
 */
import {type Definition, type Path, type Problem, writePublish} from '../../definition/index.ts'
import type {Problems, Whose} from './problems.ts'

/** A server with what is needed to say where it stands. */
export interface Claimant {
  readonly whose: Whose
  readonly definition: Definition
  readonly state: 'running' | 'stopped'
  /** `tenants.csv:3`, or `fleet.yaml:8:5`. */
  readonly place: string
  readonly problemAt: (grade: Problem['grade'], path: Path, message: string, suggestion: string) => Problem
}

export function checkClashes(claimants: readonly Claimant[], problems: Problems): void {
  addressesOnce(claimants, problems)
  portsOnce(claimants, problems)
}

/** An address that the host routes leads to one server. */
function addressesOnce(claimants: readonly Claimant[], problems: Problems): void {
  const holders = new Map<string, Claimant>()
  for (const claimant of claimants) {
    const {mode, links} = claimant.definition.network
    if (mode !== 'links') continue
    for (const [link, {mode: kind, addresses}] of links.entries()) {
      if (kind !== 'routed') continue
      for (const [index, address] of addresses.entries()) {
        if (/^(auto|pool:|$)/.test(address)) continue
        const holder = holders.get(address)
        if (holder === undefined || holder === claimant) {
          holders.set(address, claimant)
          continue
        }
        const path: Path = ['network', 'links', link, 'addresses', index]
        const message = `${address} is an address of ${nameOf(holder)} too`
        const problem = claimant.problemAt('error', path, message, 'give each server its own, or write auto')
        problems.ofServer(claimant.whose, [problem])
      }
    }
  }
}

interface Port {
  readonly claimant: Claimant
  readonly index: number
  readonly first: number
  readonly last: number
  readonly address: string | null
}

/** A port of the host leads to one running server. */
function portsOnce(claimants: readonly Claimant[], problems: Problems): void {
  const ports = claimants.flatMap(claimant =>
    claimant.definition.network.publish.map(({protocol, hostPort, count, address}, index) => ({
      protocol,
      port: {claimant, index, first: hostPort, last: hostPort + count - 1, address},
    })),
  )
  for (const protocol of ['tcp', 'udp'] as const) {
    const open: Port[] = []
    for (const {port} of ports.filter(one => one.protocol === protocol)) {
      if (port.first === 0) continue // wrong by itself
      const holder = open.find(other => other.claimant !== port.claimant && isClash(other, port))
      if (holder === undefined) open.push(port)
      else reportPort(port, holder, problems)
    }
  }
}

function isClash(one: Port, other: Port): boolean {
  const isSamePlace = one.address === null || other.address === null || one.address === other.address
  return isSamePlace && one.first <= other.last && other.first <= one.last
}

function reportPort({claimant, index}: Port, {claimant: holder}: Port, problems: Problems): void {
  const bothRun = claimant.state === 'running' && holder.state === 'running'
  const published = claimant.definition.network.publish[index]
  if (published === undefined) return
  const message = `network.publish[${index}] ${writePublish(published)} takes a port that ${nameOf(holder)} publishes too`
  const suggestion = bothRun
    ? 'choose another port of the host, or an address for each'
    : 'only one of them can run at a time'
  const path: Path = ['network', 'publish', index]
  const problem = claimant.problemAt(bothRun ? 'error' : 'warning', path, message, suggestion)
  problems.ofServer(claimant.whose, [problem])
}

function nameOf({whose, place}: Claimant): string {
  return `${whose.name} in ${place}`
}

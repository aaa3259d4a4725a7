/*
 * What stands beside each server all its life: the proportional set size of a supervisor whose server is up and idle, of one
 * alone and of each of ten, against a static C program that does nothing but wait.
 */
import {readFile} from 'node:fs/promises'
import {execa} from 'execa'
import type {BenchHost} from './host.ts'
import {type Figure, median} from './statistics.ts'

/** KiB that a supervisor may take. */
const BUDGET = 200

async function pss(pid: number): Promise<number> {
  const found = /^Pss:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))
  if (!found) throw new Error(`no Pss of process ${pid}`)
  return Number(found[1])
}

async function waiterPss(program: string): Promise<number> {
  const waiter = execa(program, {reject: false})
  try {
    await new Promise(resolve => setTimeout(resolve, 200))
    return await pss(waiter.pid ?? 0)
  } finally {
    waiter.kill('SIGKILL')
    await waiter
  }
}

export async function memoryFigures({host, compiled}: BenchHost): Promise<Figure[]> {
  const names = Array.from({length: 10}, (_, index) => `bench${index}`)
  const supervisors: number[] = []
  const floor = await waiterPss(compiled('waiter'))
  let alone = 0
  try {
    for (const name of names) {
      await host.create(name, {
        template: 'busybox',
        set: [
          {path: 'init', value: 'persist'},
          {path: 'network', value: 'none'},
        ],
      })
      supervisors.push((await host.start(name, {wait: true})).supervisor)
      if (supervisors.length === 1) alone = await settledPss(supervisors)
    }
    const together = await settledPss(supervisors)
    return [
      figure('Supervisor of the only server', alone, floor),
      figure('Supervisor of each of ten servers (median)', together, floor),
    ]
  } finally {
    for (const name of names) await host.destroy(name, {force: true}).catch(() => undefined)
  }
}

async function settledPss(pids: readonly number[]): Promise<number> {
  await new Promise(resolve => setTimeout(resolve, 300))
  return median(await Promise.all(pids.map(pss)))
}

function figure(what: string, kib: number, floor: number): Figure {
  return {
    what: `${what}, PSS`,
    measured: `${kib} KiB`,
    against: `${floor} KiB of a static C program that waits (budget ${BUDGET} KiB)`,
    ratio: kib / floor,
    atMost: BUDGET / floor,
  }
}

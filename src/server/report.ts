import {closeSync} from 'node:fs'
import {readReportText} from '../native/index.ts'
import type {Phase} from './types.ts'

/*
 * What a supervisor tells its starter, one line each, fields separated by tabs:
 *
 *   phase    NAME MICROSECONDS                          a phase is done
 *   ready    PID                                        the server says it is up
 *   fault    STEP OP SYSCALL ERRNO ORIGIN PATH          it failed, and all was undone; STEP -1: in no step
 *   started  SUPERVISOR INIT                            init's exec succeeded
 *
 * Then the end of the stream. Without `started` or `fault` before it, the supervisor died.
 */
export interface Fault {
  /** Index into the plan's steps, -1 for none. */
  readonly step: number
  readonly op: string
  readonly syscall: string
  readonly errno: number
  /** As it went into the plan; empty for none. */
  readonly origin: string
  readonly path: string
}

export interface Report {
  readonly phases: readonly Phase[]
  readonly fault?: Fault
  /** The file of a limit that the starter found missing, and gave up. */
  readonly missing?: string
  readonly started?: {readonly supervisor: number; readonly init: number}
  readonly ready: boolean
}

/**
 * Reads the report channel until init runs, and closes it: the supervisor would keep it open until the server is up. After a
 * fault it is read to its end, which comes when everything is undone.
 */
export async function readReport(fd: number): Promise<Report> {
  try {
    const lines = (await readReportText(fd)).split('\n')
    const started = lines.findIndex(line => line.startsWith('started\t'))
    return parseReport(started === -1 ? lines : lines.slice(0, started + 1))
  } finally {
    closeSync(fd)
  }
}

export function parseReport(lines: readonly string[]): Report {
  const phases: Phase[] = []
  let report: Omit<Report, 'phases'> = {ready: false}
  for (const line of lines) {
    const [kind, ...fields] = line.split('\t')
    if (kind === 'phase') phases.push({name: fields[0] ?? '', microseconds: Number(fields[1])})
    if (kind === 'ready') report = {...report, ready: true}
    if (kind === 'fault') report = {...report, fault: parseFault(fields)}
    if (kind === 'started')
      report = {...report, started: {supervisor: Number(fields[0]), init: Number(fields[1])}}
  }
  return {...report, phases}
}

function parseFault(fields: readonly string[]): Fault {
  const [step = '-1', op = '', syscall = '', number = '0', origin = '', path = ''] = fields
  return {step: Number(step), op, syscall, errno: Number(number), origin, path}
}

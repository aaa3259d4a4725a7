import {spawn} from 'node:child_process'
import {closeSync} from 'node:fs'
import {text as readAll} from 'node:stream/consumers'
import {encode, type LaunchPlan} from '../../launch/index.ts'
import {memfd, nativeFile} from '../../native/index.ts'
import {StartFault} from '../fault.ts'
import {parseReport} from '../report.ts'

/**
 * Has the supervisor's program change a network by the steps of a plan, see native/supervisor/network/live.h.
 * @returns what made it fail
 */
export async function runNetwork(
  verb: 'network-apply' | 'network-undo',
  plan: LaunchPlan,
): Promise<StartFault | undefined> {
  const fd = memfd('plan', encode(plan))
  try {
    const child = spawn(nativeFile('vps-supervisor'), [verb], {
      stdio: ['ignore', 'pipe', 'ignore', fd],
      env: {},
    })
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    const [code, said] = await Promise.all([ended, readAll(child.stdout as NonNullable<typeof child.stdout>)])
    const {fault} = parseReport(said.split('\n'))
    if (fault !== undefined) return new StartFault(fault, plan.steps[fault.step]?.origin ?? null)
    if (code !== 0) throw new Error(`vps-supervisor ${verb} ended with ${code}`)
    return undefined
  } finally {
    closeSync(fd)
  }
}

import {encode, type LaunchPlan} from '../../launch/index.ts'
import {nativeFile, runProgram} from '../../native/index.ts'
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
  const {code, stdout} = await runProgram(nativeFile('vps-supervisor'), [verb], {plan: encode(plan), env: {}})
  const {fault} = parseReport(stdout.split('\n'))
  if (fault !== undefined) return new StartFault(fault, plan.steps[fault.step]?.origin ?? null)
  if (code !== 0) throw new Error(`vps-supervisor ${verb} ended with ${code}`)
  return undefined
}

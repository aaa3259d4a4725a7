import {formatDuration} from '../../units.ts'
import type {Rule} from './rule.ts'

const CHECKS = ['exec', 'tcp', 'http'] as const

export const healthIsCheckedOneWay: Rule = ({definition, report, written}) => {
  const [, ...further] = CHECKS.filter(name => definition.health[name] !== null && written(['health', name]))
  for (const name of further)
    report(
      'error',
      ['health', name],
      `health.${name} stands beside another check`,
      'keep one of exec, tcp and http; a command can check several things',
    )
}

export const healthHasACheck: Rule = ({definition, report, written}) => {
  if (CHECKS.some(name => definition.health[name] !== null)) return
  for (const name of ['interval', 'timeout', 'retries', 'grace', 'action']) {
    if (!written(['health', name])) continue
    report(
      'warning',
      ['health', name],
      `health.${name} has no effect without a check`,
      'say what to check with exec, tcp or http',
    )
  }
}

export const restartDelaysInOrder: Rule = ({definition, report, written}) => {
  const {delay, maxDelay} = definition.restart
  if (delay <= maxDelay) return
  const message = `restart.delay ${formatDuration(delay)} is longer than restart.maxDelay ${formatDuration(maxDelay)}, the longest that a restart waits`
  report(
    'error',
    ['restart', written(['restart', 'delay']) ? 'delay' : 'maxDelay'],
    message,
    `set maxDelay to ${formatDuration(delay)} or more`,
  )
}

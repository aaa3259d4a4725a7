import type {Definition} from '../../definition/index.ts'
import {compare, type Finding} from './finding.ts'
import {startProbe} from './probe.ts'
import {type Lab, startSibling} from './sibling.ts'

/** What a process in a sibling is told that its limits are. */
export async function verifyRlimits(lab: Lab, limits: Definition['limits']): Promise<Finding[]> {
  const wanted = Object.entries(limits)
  if (wanted.length === 0) return []
  const text = Object.fromEntries(wanted.map(([name, {soft, hard}]) => [name, `${soft}:${hard}`]))
  await using sibling = await startSibling(lab, {limits: text})
  await using probe = await startProbe(lab.context, sibling.name, 30, ['look'], lab.signal)
  await probe.status
  const found = new Map(
    probe.every('limit').map(line => {
      const [name = '', soft, hard] = line.split(' ')
      return [name, `${soft}:${hard}`]
    }),
  )
  return Object.entries(text).map(([name, asked]) =>
    compare(`limits.${name}`, 'text', asked, found.get(name) ?? 'not there'),
  )
}

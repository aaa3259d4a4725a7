import {createHash} from 'node:crypto'
import {changedKeys, type Definition, keySteps} from '../definition/index.ts'

/** What a running server is by a changed definition: what waits for a restart is as it was started with. */
export function foldDefinition(started: Definition, after: Definition): Definition {
  const folded = structuredClone(after)
  for (const key of changedKeys(started, after).restart) copyKey(started, folded, keySteps(key))
  return folded
}

/** Keys of the schema alone, so no step of one needs quotes. */
function copyKey(from: unknown, to: unknown, [step = '', ...rest]: readonly string[]): void {
  if (!isRecord(from) || !isRecord(to)) return
  if (rest.length === 0) to[step] = from[step]
  else copyKey(from[step], to[step], rest)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Of a definition's text: a journal knows by it whether its change has become the definition. */
export function textHash(text: string): string {
  return createHash('sha256')
    .update(text.replace(/^\ufeff/, ''))
    .digest('hex')
}

/** What `vps set` and `vps edit` report; the API's SetReport fits. */
export interface Change {
  readonly name: string
  readonly live: readonly string[]
  readonly afterRestart: readonly string[]
}

/** Says which keys are in effect now and which wait for a restart. */
export function changeText({name, live, afterRestart}: Change): string {
  const lines = []
  if (live.length > 0) lines.push(`${name}: in effect now: ${live.join(', ')}`)
  if (afterRestart.length > 0) {
    lines.push(`${name}: after the next start: ${afterRestart.join(', ')} (vps restart ${name})`)
  }
  return lines.length > 0 ? lines.join('\n') : `${name}: nothing changed`
}

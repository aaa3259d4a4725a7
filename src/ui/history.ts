import type {DefinitionChange, HistoryItem, ServerDiff} from '../server/index.ts'
import type {Paint} from './color.ts'
import {localTime} from './events.ts'

/** Changes, each with what it did below it. `withServer`: of several servers. */
export function historyText(items: readonly HistoryItem[], withServer: boolean, paint: Paint): string {
  return items.map(item => itemText(item, withServer, paint)).join('\n')
}

function itemText(item: HistoryItem, withServer: boolean, paint: Paint): string {
  const {server, number, time, user, verb, source, changes} = item
  const who = withServer ? `${server} ` : ''
  const from = source === null ? '' : paint('dim', `  from ${source}`)
  const head = `${paint('strong', `${who}${number}`)}  ${localTime(time).slice(0, -4)}  ${user}  ${verb}${from}`
  const lines =
    changes === null
      ? ['the definition had errors']
      : changes.length === 0 && verb !== 'destroy'
        ? ['comments or layout only']
        : changes.map(change => changeLine(change, paint))
  return [head, ...lines.map(line => `    ${line}`)].join('\n')
}

/** `hostname: web1 → web2` */
export function changeLine({key, old, new: now}: DefinitionChange, paint: Paint): string {
  return `${key}: ${valueText(old)} ${paint('dim', '→')} ${valueText(now)}`
}

/** What `vps diff` says of a server. */
export function diffText({name, from, to, running, changes, limits}: ServerDiff, paint: Paint): string {
  const sides = `${sideText(from)} → ${sideText(to)}`
  if (changes.length === 0 && limits.length === 0) {
    if (from !== 'running') return `${name}: no difference (${sides})`
    return running ? `${name}: runs as it is written` : `${name}: does not run`
  }
  const lines = changes.map(change => {
    const late = running && change.when === 'restart' ? paint('warning', '  (needs a restart)') : ''
    return `  ${changeLine(change, paint)}${late}`
  })
  const kernel = limits.map(
    ({key, file, kernel: is, wanted}) => `  ${key}: ${file} is \`${is}\`, and should be \`${wanted}\``,
  )
  return [`${paint('strong', name)}: ${sides}`, ...lines, ...kernel].join('\n')
}

function sideText(side: ServerDiff['from']): string {
  return typeof side === 'number' ? `entry ${side}` : side === 'running' ? 'what runs' : 'the definition'
}

/** As in YAML, on one line; nothing in it moves the cursor of a terminal. */
function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  const isPlain = typeof value === 'string' && /^[\w./:@%+ ()-]+$/.test(value)
  const text = isPlain ? value : JSON.stringify(value)
  return text.replaceAll(/[\u007f-\u009f]/g, '?')
}

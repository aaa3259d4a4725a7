import type {HostEvent} from '../host/index.ts'
import type {Paint, Style} from './color.ts'

const STYLES: Partial<Record<HostEvent['type'], Style>> = {
  failed: 'bad',
  'gave-up': 'bad',
  'hook-failed': 'bad',
  unhealthy: 'bad',
  limit: 'warning',
  restarting: 'warning',
}

/** Lines for events that come one by one: columns grow with what was seen so far. */
export function eventLines(paint: Paint): (event: HostEvent) => string {
  let [serverWidth, typeWidth] = [8, 9]
  return ({time, server, type, detail = {}}) => {
    const name = server ?? '-'
    serverWidth = Math.max(serverWidth, name.length)
    typeWidth = Math.max(typeWidth, type.length)
    const style = STYLES[type]
    const word = type.padEnd(typeWidth)
    const facts = Object.entries(detail).map(([key, value]) => `${key}=${factText(value)}`)
    return [
      paint('dim', localTime(time)),
      name.padEnd(serverWidth),
      style === undefined ? word : paint(style, word),
      ...facts,
    ]
      .join('  ')
      .trimEnd()
  }
}

/** `2026-11-30 12:05:07.123`, where the admin is. */
export function localTime(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return iso
  const pad = (value: number, width = 2): string => String(value).padStart(width, '0')
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  return `${day} ${time}.${pad(date.getMilliseconds(), 3)}`
}

/** In quotes when it is not one plain word; nothing in it moves the cursor of a terminal. */
function factText(value: string | number | boolean): string {
  const text = String(value)
  if (/^[\w.,:/@+%-]+$/.test(text)) return text
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f]/g,
    odd => `\\u${odd.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

import type {Paint, Style} from './color.ts'

const styles: Readonly<Record<string, Style>> = {
  running: 'good',
  starting: 'warning',
  stopping: 'warning',
  paused: 'warning',
  crashed: 'bad',
  invalid: 'bad',
  stopped: 'dim',
  defined: 'dim',
}

/** A server's state in its colour. */
export function paintState(state: string, paint: Paint): string {
  const style = styles[state]
  return style === undefined ? state : paint(style, state)
}

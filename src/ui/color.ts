import process from 'node:process'

/** The styles vps uses; each has one meaning, so that a page of output never turns into a rainbow. */
export type Style = 'good' | 'warning' | 'bad' | 'dim' | 'strong'

/** SGR codes, ECMA-48: on and off. Written out because loading `node:util` for them costs 3 ms a start. */
const codes: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  good: [32, 39],
  warning: [33, 39],
  bad: [31, 39],
  dim: [2, 22],
  strong: [1, 22],
}

/** Paints a text, or returns it as it is where colour is not wanted. */
export type Paint = (style: Style, text: string) => string

export const plain: Paint = (_style, text) => text

let forbidden = false

/** `--no-color`: from now on every paint is plain. */
export function forbidColor(): void {
  forbidden = true
}

/** The paint for a stream: colour only on a terminal, never with NO_COLOR or TERM=dumb. */
export function paintFor(stream: {isTTY?: boolean}, environment: NodeJS.ProcessEnv = process.env): Paint {
  const {NO_COLOR, TERM} = environment
  if (forbidden || stream.isTTY !== true || (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb') {
    return plain
  }
  return (style, text) => {
    const [on, off] = codes[style]
    return text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`
  }
}

/** The text without the colours that a paint put there. */
export function unpainted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence starts with one
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '')
}

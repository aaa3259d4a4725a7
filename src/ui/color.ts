import process from 'node:process'
import {styleText} from 'node:util'

/** The styles vps uses; each has one meaning, so that a page of output never turns into a rainbow. */
export type Style = 'good' | 'warning' | 'bad' | 'dim' | 'strong'

const formats = {good: 'green', warning: 'yellow', bad: 'red', dim: 'dim', strong: 'bold'} as const

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
  return (style, text) => (text === '' ? '' : styleText(formats[style], text, {validateStream: false}))
}

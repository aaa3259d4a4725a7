/** A value as a message shows it: in quotes, control characters escaped, never longer than a line can bear. */
export function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text
  return `"${printable(short)}"`
}

/** Control and direction characters written as escapes, so that a file cannot steer the terminal it is shown on. */
export function printable(text: string): string {
  return text.replaceAll(CONTROL, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** `a, b or c`. */
export function either(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** `1 error`, `2 errors`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/**
 * C0, DEL and C1 control characters, line and paragraph separators, and the characters that reverse the direction of
 * text on a screen (they make a file read differently from what it says).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
export const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

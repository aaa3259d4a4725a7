/*
 * Patterns of servers' names, as a shell has them for files. On a command line they stand in quotes, for the shell would take
 * them for its own.
 */

/** Whether a word is a pattern: no name has these characters. */
export function isPattern(word: string): boolean {
  return /[*?[]/.test(word)
}

/**
 * As a shell's: `*` any characters, `?` one, `[abc]` `[0-9]` one of these, `[!…]` one of the others. What is wrong with one that
 * is none, as a string.
 */
export function patternExpression(pattern: string): RegExp | string {
  let complaint: string | undefined
  const source = pattern.replaceAll(/\[([!^]?)(\]?[^\]]*)\]|\*|\?|[^*?[]+|\[/g, (part, not, members) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part === '[') complaint = 'its [ has no ]'
    if (members === undefined) return part.replaceAll(/[^\w-]/g, String.raw`\$&`)
    const escaped = String(members).replaceAll(/[\\\]^[]/g, String.raw`\$&`)
    return `[${not === '' ? '' : '^'}${escaped}]`
  })
  if (complaint !== undefined) return complaint
  try {
    return new RegExp(`^${source}$`)
  } catch {
    return 'a range in its […] is upside down'
  }
}

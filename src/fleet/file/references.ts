/*
 * `${…}` in a text: variables, references to secrets, and `$${`, which stands for `${` itself. Pure.
 */

/** A stretch of a text. */
export type Part =
  | {readonly kind: 'text'; readonly text: string}
  /** `$${` */
  | {readonly kind: 'escape'}
  /** `${name}`, or `${name:-fallback}` for where the variable says nothing. */
  | {readonly kind: 'variable'; readonly written: string; readonly name: string; readonly fallback?: string}
  /** `${file:PATH}`, `${env:NAME}`, perhaps with variables in it: `${file:keys/${name}}`. */
  | {
      readonly kind: 'secret'
      readonly written: string
      readonly from: 'file' | 'env'
      readonly what: readonly Part[]
    }
  /** What is no reference, and why. */
  | {readonly kind: 'wrong'; readonly written: string; readonly says: string}

const REFERENCE = /\$\$\{|\$\{((?:file|env):(?:\$\{[^{}\n]*\}|[^{}\n])*|[^{}\n]*)\}|\$\{/g

/** Takes a text apart; undefined when there is nothing in it to be filled in. */
export function partsOf(text: string): readonly Part[] | undefined {
  if (!text.includes('${')) return undefined
  const parts: Part[] = []
  let end = 0
  for (const match of text.matchAll(REFERENCE)) {
    if (match.index > end) parts.push({kind: 'text', text: text.slice(end, match.index)})
    parts.push(partOf(match[0], match[1]))
    end = match.index + match[0].length
  }
  if (end < text.length) parts.push({kind: 'text', text: text.slice(end)})
  return parts
}

function partOf(written: string, inner: string | undefined): Part {
  if (written === '$${') return {kind: 'escape'}
  if (inner === undefined) return {kind: 'wrong', written, says: 'a closing } is missing'}
  const secret = /^(file|env):(.*)$/.exec(inner)
  if (secret) {
    const [, from, what = ''] = secret
    if (what === '')
      return {kind: 'wrong', written, says: `${written} names no ${from === 'env' ? 'variable' : 'file'}`}
    const parts = partsOf(what) ?? [{kind: 'text', text: what}]
    return {kind: 'secret', written, from: from as 'file' | 'env', what: parts}
  }
  const at = inner.indexOf(':-')
  const name = (at < 0 ? inner : inner.slice(0, at)).trim()
  if (name === '') return {kind: 'wrong', written, says: `${written} names no variable`}
  return {kind: 'variable', written, name, ...(at < 0 ? {} : {fallback: inner.slice(at + 2)})}
}

/** What stands for a value that nobody shall read over an admin's shoulder. */
const HIDDEN = '(hidden)'
const SECRET = /pass(word|wd|phrase)|secret|token|private-?key/i
/** `${env:X}`, `${file:P}`: says where a secret is, not what it is. */
const REFERENCE = /^\$\{(env|file):[^}]*\}$/

/** A value as plans show it: without what is called a secret, unless it is only a reference to one. */
export function withoutSecrets(key: string, value: unknown): unknown {
  const name = /([^.[\]"]+)["\]]*$/.exec(key)?.[1] ?? ''
  return hidden(name, value)
}

function hidden(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(item => hidden(name, item))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(key, inner)]))
  const isText = typeof value === 'string' && value !== '' && !REFERENCE.test(value)
  return isText && SECRET.test(name) ? HIDDEN : value
}

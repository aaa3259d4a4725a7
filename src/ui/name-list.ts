/** Names with what only differs in a number drawn together: `db1, lab-{001..020}, web1`. */
export function nameList(names: readonly string[]): string {
  const runs: Run[] = []
  for (const name of names.toSorted(byNumber)) {
    const [, stem = '', digits] = /^(.*?)(\d{1,9})$/.exec(name) ?? []
    const last = runs.at(-1)
    if (digits === undefined) runs.push({stem: name, first: '', last: ''})
    else if (last !== undefined && follows(last, stem, digits)) last.last = digits
    else runs.push({stem, first: digits, last: digits})
  }
  return runs.flatMap(textsOf).join(', ')
}

/** `lab-9` comes before `lab-10`. */
const byNumber = new Intl.Collator('en', {numeric: true}).compare

interface Run {
  readonly stem: string
  /** Empty: the name is the stem. */
  readonly first: string
  last: string
}

/** `lab-9` and `lab-10` are a run, and so are `lab-009` and `lab-010`. */
function follows(run: Run, stem: string, digits: string): boolean {
  if (run.first === '' || run.stem !== stem || Number(digits) !== Number(run.last) + 1) return false
  const isPadded = run.first.startsWith('0') || digits.startsWith('0')
  return isPadded ? digits.length === run.first.length : true
}

function textsOf({stem, first, last}: Run): string[] {
  const count = Number(last) - Number(first)
  if (count === 0) return [`${stem}${first}`]
  if (count === 1) return [`${stem}${first}`, `${stem}${last}`]
  return [`${stem}{${first}..${last}}`]
}

/** What splitting needs to know of a flag; oclif's flags and the manifest's both fit. */
export interface FlagShape {
  readonly type: string
  readonly char?: string | undefined
}

/**
 * Splits the words of `exec` and `run`: up to `--`, or up to the first word that is neither a flag nor one of our own words,
 * they are ours; the rest is another program's command line and is passed on untouched.
 * @param ownWords how many words that are no flags are ours: the server's name of `exec`; none once a flag selects servers
 */
export function splitWords(
  argv: readonly string[],
  flags: Readonly<Record<string, FlagShape>>,
  ownWords: number,
): {readonly own: readonly string[]; readonly command: readonly string[]} {
  let own = 0
  let most = ownWords
  let index = 0
  while (index < argv.length) {
    const word = argv[index] ?? ''
    if (word === '--') return {own: argv.slice(0, index), command: argv.slice(index + 1)}
    if (word.startsWith('-') && word !== '-') {
      if (selects(word, flags)) most = 0
      index += takesNextWord(word, flags) ? 2 : 1
      continue
    }
    if (own >= most) return {own: argv.slice(0, index), command: argv.slice(index)}
    own++
    index++
  }
  return {own: argv, command: []}
}

/** Flags that stand in place of a name. */
const SELECTING = ['all', 'tag', 'project', 'state', 'fleet']

function selects(word: string, flags: Readonly<Record<string, FlagShape>>): boolean {
  const [name = ''] = word.slice(2).split('=')
  return word.startsWith('--') && SELECTING.includes(name) && flags[name] !== undefined
}

function takesNextWord(word: string, flags: Readonly<Record<string, FlagShape>>): boolean {
  if (word.startsWith('--')) return flags[word.slice(2)]?.type === 'option'
  const flag = Object.values(flags).find(({char}) => char !== undefined && char === word.charAt(1))
  return flag?.type === 'option' && word.length === 2
}

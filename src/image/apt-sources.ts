/* Which archives a Debian image is made from: those that the host itself uses, when it is a Debian. */

/** One archive, as in sources.list(5). */
export interface AptSource {
  readonly uri: string
  readonly suite: string
  readonly signedBy: string | undefined
}

export interface SourceFile {
  readonly name: string
  readonly text: string
}

const KEYRING = /^\/(usr\/share|etc\/apt)\/(keyrings|trusted\.gpg\.d)\/debian-archive-[\w-]+\.(gpg|asc|pgp)$/
/** Suites that have no updates and no security archive of their own. */
const ROLLING = new Set(['sid', 'unstable', 'experimental'])

/**
 * The archives for `suite`. Of the host's, those that carry Debian's own release `hostSuite` (its updates and security included)
 * are taken over with the name of the suite exchanged; all others, third parties' above all, are not. An own `mirror` stands in
 * their place, but for security, which mirrors do not carry. Empty when nothing is known: mmdebstrap then has its own default.
 */
export function debianSources(
  suite: string,
  mirror: string | undefined,
  host: {readonly suite: string | undefined; readonly files: readonly SourceFile[]},
): AptSource[] {
  const found = hostSources(suite, host)
  if (mirror === undefined) return found
  const main = {uri: mirror.replace(/\/+$/, ''), suite, signedBy: undefined}
  if (ROLLING.has(suite)) return [main]
  return [
    main,
    {...main, suite: `${suite}-updates`},
    ...found.filter(source => source.suite === `${suite}-security`),
  ]
}

function hostSources(
  suite: string,
  {suite: hostSuite, files}: {readonly suite: string | undefined; readonly files: readonly SourceFile[]},
): AptSource[] {
  if (hostSuite === undefined) return []
  const parts = new Set(['', '-updates', '-security'].map(part => hostSuite + part))
  const found = files.flatMap(parseSources).filter(source => parts.has(source.suite))
  if (!found.some(source => source.suite === hostSuite)) return []
  return found
    .map(source => ({...source, suite: suite + source.suite.slice(hostSuite.length)}))
    .filter(source => source.suite === suite || !ROLLING.has(suite))
}

/** As `*.sources` wants it. */
export function renderSources(sources: readonly AptSource[]): string {
  return sources
    .map(({uri, suite, signedBy}) =>
      [
        'Types: deb',
        `URIs: ${uri}`,
        `Suites: ${suite}`,
        'Components: main',
        ...(signedBy === undefined ? [] : [`Signed-By: ${signedBy}`]),
        '',
      ].join('\n'),
    )
    .join('\n')
}

/** Debian's archives in one file of the host, in either format; see sources.list(5). */
export function parseSources({name, text}: SourceFile): AptSource[] {
  const entries = name.endsWith('.sources')
    ? text.split(/\n[ \t]*\n/).map(parseStanza)
    : text.split('\n').map(parseLine)
  return entries.flatMap(({types, uris, suites, components, signedBy, enabled}) => {
    const debian =
      enabled &&
      types.includes('deb') &&
      components.includes('main') &&
      (signedBy === undefined || KEYRING.test(signedBy))
    return debian
      ? uris.flatMap(uri => suites.map(suite => ({uri: uri.replace(/\/+$/, ''), suite, signedBy})))
      : []
  })
}

interface SourceEntry {
  readonly types: readonly string[]
  readonly uris: readonly string[]
  readonly suites: readonly string[]
  readonly components: readonly string[]
  readonly signedBy: string | undefined
  readonly enabled: boolean
}

function parseStanza(stanza: string): SourceEntry {
  const fields = new Map<string, string>()
  let last = ''
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue
    if (/^[ \t]/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ''} ${line.trim()}`)
      continue
    }
    const colon = line.indexOf(':')
    last = line.slice(0, colon).toLowerCase()
    fields.set(last, line.slice(colon + 1).trim())
  }
  const list = (key: string): string[] => words(fields.get(key) ?? '')
  return {
    types: list('types'),
    uris: list('uris'),
    suites: list('suites'),
    components: list('components'),
    signedBy: fields.get('signed-by'),
    enabled: fields.get('enabled')?.toLowerCase() !== 'no',
  }
}

/** `deb [signed-by=FILE arch=amd64] URI SUITE COMPONENT…` */
function parseLine(line: string): SourceEntry {
  const match = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line)
  const [, type = '', options = '', uri = '', suite = '', components = ''] = match ?? []
  const signedBy = words(options)
    .find(option => option.startsWith('signed-by='))
    ?.slice('signed-by='.length)
  return {
    types: [type],
    uris: [uri],
    suites: [suite],
    components: words(components),
    signedBy,
    enabled: match !== null,
  }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(word => word !== '')
}

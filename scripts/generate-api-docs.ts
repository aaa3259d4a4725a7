/*
 * Makes docs/api.md of src/index.ts, which lists all that is public, and of the declarations with their comments. With `--check` it only
 * says whether the page is up to date.
 *
 *   node scripts/generate-api-docs.ts [--check]
 */
import {existsSync, globSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'

const root = join(import.meta.dirname, '..')
const file = join(root, 'docs', 'api.md')
const index = readFileSync(join(root, 'src/index.ts'), 'utf8')
const sources = globSync('src/**/*.ts', {cwd: root})
  .sort()
  .filter(path => path !== 'src/index.ts' && !path.startsWith('src/ui/'))
  .map(path => ({path, text: readFileSync(join(root, path), 'utf8')}))

interface Declaration {
  readonly name: string
  readonly kind: string
  readonly comment: string
  /** As it stands in the source, without a function's or class's body. */
  readonly code: string
}

/** The names that src/index.ts exports, and what they are called where they are declared; each with its room. */
function exported(): {name: string; declared: string; room: string}[] {
  const lists = index.matchAll(/^export (?:type )?\{([^}]+)\} from '\.\/([^']+)'/gm)
  return [...lists].flatMap(([, names = '', from = '']) =>
    names
      .split(',')
      .map(word => word.trim().replace(/^type /, ''))
      .filter(word => word !== '')
      .map(word => {
        const [declared = '', name = declared] = word.split(' as ')
        return {name, declared, room: from.split('/')[0]?.replace(/\.ts$/, '') ?? ''}
      }),
  )
}

const COMMENT = String.raw`((?:\/\*\*(?:[^*]|\*(?!\/))*\*\/\n)?)`

function declarationOf(name: string, room: string): Declaration {
  const start = new RegExp(
    `^${COMMENT}export (?:async )?(interface|type|class|function|const|abstract class) ${name}\\b`,
    'm',
  )
  const own = sources.filter(({path}) => path.startsWith(`src/${room}/`) || path === `src/${room}.ts`)
  for (const {text} of [...own, ...sources]) {
    const match = start.exec(text)
    if (match === null) continue
    const [, comment = '', kind = ''] = match
    const begin = match.index + comment.length
    return {name, kind, comment: prose(comment), code: codeOf(text.slice(begin), kind)}
  }
  throw new Error(`src/index.ts exports ${name}, which is declared nowhere`)
}

/** From `export` to the end of the declaration. */
function codeOf(rest: string, kind: string): string {
  if (kind === 'function') return rest.slice(0, bodyAt(rest)).trim()
  if (kind.endsWith('class')) return rest.slice(0, rest.indexOf('{')).trim()
  const end =
    kind === 'interface'
      ? /^\}$/m.exec(rest)
      : /\n(?=\n|\/\*\*|export |const |function |interface |type )/.exec(`${rest}\n\n`)
  return rest.slice(0, end === null ? undefined : end.index + (kind === 'interface' ? 1 : 0)).trim()
}

/** Where the body of a function or method begins: the first brace at the end of a line that is outside of all others. */
function bodyAt(text: string): number {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? ''
    const opensBody =
      letter === '{' && depth === 0 && /^\{\n/.test(text.slice(at)) && /[)>\]\w] $/.test(text.slice(0, at))
    if (opensBody) return at
    if ('({['.includes(letter)) depth++
    if (')}]'.includes(letter)) depth--
  }
  return text.length
}

function prose(comment: string): string {
  return comment
    .replaceAll(/^\s*\/\*\*\s?|\s*\*\/\s*$/g, '')
    .split('\n')
    .map(line => line.replace(/^\s*\* ?/, ''))
    .join(' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

/** The public methods of a class, in the order of the source. */
function methodsOf(name: string): {signature: string; comment: string}[] {
  const source = sources.find(({text}) => new RegExp(`^export class ${name}\\b`, 'm').test(text))
  if (source === undefined) return []
  const {text} = source
  const pattern = new RegExp(
    `^  ${COMMENT.replace('\\n)?', '\\n  )?')}((?:static )?(?:override )?(?:async )?\\*?[a-z]\\w*)(?:<[^>]*>)?\\(`,
    'gm',
  )
  return [...text.slice(text.search(new RegExp(`^export class ${name}\\b`, 'm'))).matchAll(pattern)].flatMap(
    match => {
      const [, comment = '', head = ''] = match
      if (head === 'constructor' || comment.includes('@internal')) return []
      const body = match.input.slice(match.index + 2 + comment.length)
      const signature = body
        .slice(0, bodyAt(body))
        .trim()
        .replace(/^(static )?(override )?(async )?/, '$1')
        .replaceAll(/^ {2}/gm, '')
      return [{signature, comment: prose(comment)}]
    },
  )
}

/** Every code that an error of vps can have, with what its messages say. */
function errorCodes(): Map<string, string> {
  const codes = new Map<string, string>()
  for (const {text} of sources) {
    for (const match of text.matchAll(/new VpsError\(\s*'([A-Z_]+)',\s*(`[^`]*`|'[^']*'|"[^"]*")?/g)) {
      const [, code = '', quoted = ''] = match
      const message = quoted
        .slice(1, -1)
        .replaceAll(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, '…')
        .replaceAll(/\s+/g, ' ')
      if (!codes.has(code) || (codes.get(code) === '' && message !== '')) codes.set(code, message)
    }
  }
  return new Map([...codes].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function section({name, kind, comment, code}: Declaration): string {
  const shown = code.replace(/^export (?:async )?/, '')
  return [`### ${name}`, comment, kind === 'class' ? '' : `\`\`\`ts\n${shown}\n\`\`\``]
    .filter(part => part !== '')
    .join('\n\n')
}

function methodSection({signature, comment}: {signature: string; comment: string}): string {
  return [`\`\`\`ts\n${signature}\n\`\`\``, comment].filter(part => part !== '').join('\n\n')
}

function page(): string {
  const names = exported()
  const declarations = names
    .map(({declared, name, room}) => ({...declarationOf(declared, room), name}))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const methods = [
    ...methodsOf('Host'),
    ...methodsOf('FleetHost').filter(({signature}) => !signature.startsWith('static')),
  ]
  const values = declarations.filter(({kind}) => ['function', 'const', 'class'].includes(kind))
  const types = declarations.filter(({kind}) => !['function', 'const', 'class'].includes(kind))
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  return `${[
    '# The API',
    "Made from the declarations by `make docs`. What stands here is public, and nothing else is: `import {Host} from 'vps'`. [scripting.md](scripting.md) shows how it is used.",
    '## What stays',
    'Versions are those of semver.org. Within a major version nothing that is listed here is renamed or taken away, no argument becomes required, and no result loses a key or changes its type; codes of errors keep their meaning. New functions, options, keys of results, event types and codes come with minor versions: ignore what you do not know. Messages are for people and may change at any time. Before 1.0 a minor version may break things; the changelog says so.',
    '## Host',
    'Verbs lock the server they are about, repair what a crash left of it, act, and let it go. `progress` is told what is being done; `signal` calls it off, which throws `ABORTED` and leaves nothing half done.',
    ...methods.map(methodSection),
    '## Functions and constants',
    ...values.map(section),
    '## Types',
    ...types.map(section),
    '## Errors',
    'Every error that a caller can do something about is a `VpsError`: `code` says what it is, `message` tells a person, `suggestions` are ways out, `exitCode` is that of the command line, `cause` is what was below.',
    [
      '| code | says, for instance |',
      '| --- | --- |',
      ...[...errorCodes()].map(([code, message]) => `| \`${code}\` | ${cell(message)} |`),
    ].join('\n'),
  ].join('\n\n')}\n`
}

const wanted = page()
if (process.argv.includes('--check')) {
  if ((existsSync(file) ? readFileSync(file, 'utf8') : '') !== wanted) {
    console.error("docs/api.md is stale: run 'make docs' and commit it")
    process.exitCode = 1
  }
} else {
  writeFileSync(file, wanted)
}

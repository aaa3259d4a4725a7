/* What the bundle does beyond bundling, so that a command loads and runs no more code than it needs. */
import {readFileSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import type {Plugin} from 'esbuild'

/**
 * oclif's CommonJS modules require everything at their top, half of Node included. This makes each `const x = require(…)` of
 * theirs happen at its first use: a third of the start of every command.
 */
export const lazyRequires: Plugin = {
  name: 'lazy-requires',
  setup({onLoad}) {
    onLoad({filter: /node_modules\/@oclif\/core\/lib\/.*\.js$/}, async ({path}) => ({
      contents: makeRequiresLazy(await readFile(path, 'utf8')),
      loader: 'js',
    }))
  },
}

/** Only TypeScript's own output has this shape, and there an imported name is used as `name.member` only. */
function makeRequiresLazy(source: string): string {
  const required =
    /^const (\w+) = ((?:__importDefault|__importStar)\(require\("[^"]+"\)\)|require\("[^"]+"\));$/gm
  const names: string[] = []
  let text = source.replaceAll(required, (_line, name: string, value: string) => {
    names.push(name)
    return `let ${name}__value; const ${name}__lazy = () => ${name}__value ??= ${value};`
  })
  for (const name of names) {
    text = text.replaceAll(new RegExp(`(?<![\\w.$])${name}(?=\\.)`, 'g'), `(${name}__lazy())`)
    if (new RegExp(`(?<![\\w.$])${name}(?!\\w)`).test(text))
      throw new Error(`${name} is used in a way that is not lazy`)
  }
  return text
}

/** Makes the imports of our own sources cheap, see the two functions. */
export const cheapImports: Plugin = {
  name: 'cheap-imports',
  setup({onLoad}) {
    onLoad({filter: /\/(bin|commands|src)\/.*\.ts$/}, async ({path}) => ({
      contents: lookUpBuiltins(importFromFiles(await readFile(path, 'utf8'), dirname(path))),
      loader: 'ts',
    }))
  },
}

const builtinImport = /^import (?:(\w+)|\{([^}]*)\}) from '(node:[^']+)'$/gm

/**
 * An ES import of one of Node's modules reads every property of it to know its names: `node:process` opens the standard streams
 * by that, `node:fs` loads streams and readline. As a plain lookup of what is used it costs nothing.
 */
function lookUpBuiltins(source: string): string {
  return source.replaceAll(builtinImport, (_line, whole: string | undefined, list = '', from: string) => {
    if (whole === 'process') return '' // the global is the same object
    const module = `globalThis.process.getBuiltinModule('${from}')`
    if (whole !== undefined) return `const ${whole} = ${module}`
    if (LAZY.has(from))
      return values(list)
        .map(value => lateCall(module, value))
        .join(';')
    const names = values(list).map(({name, local}) => (name === local ? name : `${name}: ${local}`))
    return `const {${names.join(', ')}} = ${module}`
  })
}

/** Take up to 15 ms to load, and most commands call none of their functions, which is all that our sources import of them. */
const LAZY = new Set(['node:crypto', 'node:net'])

/** A function that looks up the one it stands for when it is called first. */
function lateCall(module: string, {name, local}: {readonly name: string; readonly local: string}): string {
  if (!/^[a-z]/.test(name)) throw new Error(`${name} is no function that can be looked up late`)
  return `let ${local}__found; const ${local} = (...args) => (${local}__found ??= ${module}.${name})(...args)`
}

const roomImport = /^import \{([^}]*)\} from '(\.[^']*\/index\.ts)'$/gm
const reExport = /^export \{([^}]*)\} from '(\.\/[^']+)'$/gm

/**
 * esbuild puts modules into chunks file by file, so an import of a room's `index.ts` would load the whole room and all that it
 * imports. This makes `import {a} from '../room/index.ts'` an import of the file that `a` comes from. The ui room is needed by
 * every command, and one chunk loads faster than ten.
 */
function importFromFiles(source: string, directory: string): string {
  return source.replaceAll(roomImport, (line, list: string, from: string) => {
    const index = join(directory, from)
    if (index.endsWith('/ui/index.ts')) return line
    const files = filesOfRoom(index)
    return values(list)
      .map(({name, local}) => {
        const origin = files.get(name)
        return `import {${origin?.name ?? name} as ${local}} from '${origin?.file ?? index}'`
      })
      .join('\n')
  })
}

/** Where each name that an `index.ts` passes on comes from. */
function filesOfRoom(index: string): ReadonlyMap<string, {readonly name: string; readonly file: string}> {
  const found = new Map<string, {name: string; file: string}>()
  for (const [, list = '', from = ''] of readFileSync(index, 'utf8').matchAll(reExport)) {
    for (const {name, local} of values(list)) found.set(local, {name, file: join(dirname(index), from)})
  }
  return found
}

/** The names of `a, b as c, type D` that exist at run time. */
function values(list: string): {readonly name: string; readonly local: string}[] {
  return list
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '' && !entry.startsWith('type '))
    .map(entry => {
      const [name = '', local = name] = entry.split(/\s+as\s+/)
      return {name, local}
    })
}

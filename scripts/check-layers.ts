/*
 * The rule of the house: imports run downwards only, and a room is entered by its index.ts. Prints each import that breaks
 * it and exits with 1.
 *
 *   node scripts/check-layers.ts
 */
import {globSync, readFileSync} from 'node:fs'
import {dirname, join, relative} from 'node:path'
import process from 'node:process'

const root = join(import.meta.dirname, '..')

/** From the bottom to the top; a room may import those of lower floors. */
const FLOORS: readonly (readonly string[])[] = [
  ['errors', 'ip', 'nearest', 'patterns', 'units', 'yaml'],
  ['native'],
  ['definition', 'host'],
  ['security', 'resources', 'storage'],
  ['launch', 'image', 'network'],
  ['server'],
  ['fleet'],
  ['api'],
  ['ui'],
  ['commands', 'bin'],
]

/** The room that a file belongs to: `src/host/lock.ts` is in `host`, `src/index.ts` is the API. */
function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  if (top !== 'src') return top
  if (path === 'src/index.ts') return 'api'
  return second.replace(/\.ts$/, '')
}

function floorOf(room: string): number {
  return FLOORS.findIndex(rooms => rooms.includes(room))
}

function problemOf(from: string, to: string): string | null {
  const own = roomOf(from)
  const other = roomOf(to)
  if (own === other) return null
  if (floorOf(other) >= floorOf(own)) return `${own} may not import ${other}`
  const entered = floorOf(other) === 0 || to.endsWith('/index.ts')
  return entered ? null : `${other} is entered by its index.ts`
}

const problems = globSync(['src/**/*.ts', 'commands/**/*.ts', 'bin/*.ts'], {cwd: root}).flatMap(file => {
  const text = readFileSync(join(root, file), 'utf8')
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) =>
    relative(root, join(root, dirname(file), String(path))),
  )
  return imports
    .filter(path => path.endsWith('.ts'))
    .map(path => problemOf(file, path))
    .filter(problem => problem !== null)
    .map(problem => `${file}: ${problem}`)
})

for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0

/*
 * Writes docs/definition.md, docs/definition.schema.json and docs/fleet.schema.json from the schemas in src/definition and src/fleet/file.
 * With --check it writes nothing and fails when a file is not what the schema says.
 */
import {readFile, writeFile} from 'node:fs/promises'
import {jsonSchema, referencePage} from '../src/definition/index.ts'
import {fleetJsonSchema} from '../src/fleet/file/index.ts'

const docs = new URL('../docs/', import.meta.url)
const files = {
  'definition.md': referencePage(),
  'definition.schema.json': `${json(jsonSchema())}\n`,
  'fleet.schema.json': `${json(fleetJsonSchema())}\n`,
}
const isCheck = process.argv.includes('--check')

for (const [name, wanted] of Object.entries(files)) {
  const file = new URL(name, docs)
  const present = await readFile(file, 'utf8').catch(() => undefined)
  if (present === wanted) continue
  if (isCheck) {
    console.error(`docs/${name} is stale: run node scripts/generate-definition-docs.ts`)
    process.exitCode = 1
  } else {
    await writeFile(file, wanted)
    console.log(`docs/${name} written`)
  }
}

/** JSON as the formatter of this repository writes it: short lists on one line. */
function json(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const line = `[${value.map(item => JSON.stringify(item)).join(', ')}]`
    const isShort = value.every(item => typeof item !== 'object') && indent.length + line.length < 90
    if (isShort) return line
    return `[\n${value.map(item => inner + json(item, inner)).join(',\n')}\n${indent}]`
  }
  const entries = Object.entries(value).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${json(item, inner)}`,
  )
  return entries.length === 0 ? '{}' : `{\n${entries.join(',\n')}\n${indent}}`
}

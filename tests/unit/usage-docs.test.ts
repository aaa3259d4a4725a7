/* Pages written by hand name only keys, commands and flags that there are. */
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {keyInfo, parseDefinition} from '../../src/definition/index.ts'
import {readManifest, spokenName} from '../../src/ui/index.ts'

const root = join(import.meta.dirname, '../..')
const commands = Object.values(readManifest(root).commands)

describe.each(['accounting.md', 'traffic.md', 'from-other-systems.md', 'fleet.md'])('%s', page => {
  const text = readFileSync(join(root, 'docs', page), 'utf8')
  const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, inside = '']) => inside.replaceAll('\\|', '|'))
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, inside = '']) =>
    inside.split('\n'),
  )

  test('keys', () => {
    const keys = new Set(code.flatMap(word => /^resources(?:\.\w+)+/.exec(word)?.[0] ?? []))
    for (const key of keys) expect(keyInfo(key.split('.')), key).toBeDefined()
  })

  test('settings with a value are valid as they stand', () => {
    const written =
      /^(resources\.[\w.]+|security\.(?:allow|capabilities)|limits|sysctl|init|autostart): ([^…]+)$/
    for (const setting of code) {
      const [, path = '', value = ''] = written.exec(setting) ?? []
      if (path === '') continue
      const yaml = path.split('.').reduceRight((inner, key) => `{${key}: ${inner}}`, value)
      const {problems} = parseDefinition(`name: web1\n${yaml.slice(1, -1)}\n`, {file: page, name: 'web1'})
      const errors = problems.filter(({grade}) => grade === 'error')
      expect(
        errors.map(({message}) => message),
        setting,
      ).toEqual([])
    }
  })

  test('commands and flags', () => {
    const lines = [...code, ...blocks].flatMap(line => /\bvps ([a-z].*)/.exec(line)?.[1] ?? [])
    expect(lines.length).toBeGreaterThan(5)
    for (const line of lines) {
      const ours = line.split(/ -- | \|/)[0] ?? ''
      const command = commands
        .filter(({id}) => ours === spokenName(id) || ours.startsWith(`${spokenName(id)} `))
        .sort((a, b) => b.id.length - a.id.length)[0]
      expect(command, line).toBeDefined()
      for (const [, flag = ''] of ours.matchAll(/ --([a-z-]+)/g))
        expect(Object.keys(command?.flags ?? {}), line).toContain(flag)
    }
  })

  test('links lead to a page and a heading that exist', () => {
    for (const [, file = '', anchor] of text.matchAll(/\]\(([\w-]*\.md)?(?:#([\w-]+))?\)/g)) {
      const target = readFileSync(join(root, 'docs', file || page), 'utf8')
      const headings = [...target.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\w\s-]/g, '')
          .replaceAll(' ', '-'),
      )
      if (anchor !== undefined) expect(headings, `${file}#${anchor}`).toContain(anchor)
    }
  })
})

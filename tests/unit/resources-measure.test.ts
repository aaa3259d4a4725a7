import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, expect, test} from 'vitest'
import {hostPaths, silent} from '../../src/host/index.ts'
import {type CgroupPlace, ineffectiveDevices} from '../../src/resources/index.ts'

const root = mkdtempSync(join(tmpdir(), 'vps-measure-'))
afterAll(() => rmSync(root, {recursive: true}))

/** Nobody looks there without an experiment. */
const place: CgroupPlace = {
  mount: '/nowhere',
  parent: '/nowhere/vps',
  pure: true,
  systemd: false,
  directory: name => `/nowhere/vps/${name}`,
  serverOf: entry => entry,
}

test('what was tried once in a boot is not tried again', async () => {
  const paths = hostPaths(root)
  mkdirSync(join(paths.run, 'measured'), {recursive: true})
  const outcomes = {'8-0': 'without-effect', '8-16': 'works', '8-32': 'unknown: it is too slow to tell'}
  for (const [name, text] of Object.entries(outcomes))
    writeFileSync(join(paths.run, 'measured', name), `${text}\n`)
  const devices = ['8:0', '8:16', '8:32', '8:48'].map(number => ({number, name: 'sd'}))
  const found = await ineffectiveDevices(paths, place, devices, {experiment: false, progress: silent})
  expect([...found]).toEqual(['8:0'])
})

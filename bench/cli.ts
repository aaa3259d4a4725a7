/* What a command of vps costs before it does anything, against Node alone. Both alternate. */
import process from 'node:process'
import {execa} from 'execa'
import {repository} from './host.ts'
import {type Figure, median, milliseconds} from './statistics.ts'

const RUNS = 15

async function time(file: string, args: readonly string[]): Promise<number> {
  const begin = performance.now()
  await execa(file, args)
  return performance.now() - begin
}

export async function cliFigures(): Promise<Figure[]> {
  const node: number[] = []
  const version: number[] = []
  const list: number[] = []
  for (let run = 0; run < RUNS; run++) {
    node.push(await time(process.execPath, ['-e', '0']))
    version.push(await time(`${repository}/bin/vps`, ['version']))
    list.push(await time(`${repository}/bin/vps`, ['list']))
  }
  const figure = (what: string, values: readonly number[]): Figure => ({
    what: `${what} (median of ${RUNS})`,
    measured: milliseconds(median(values)),
    against: `${milliseconds(median(node))} of node -e 0`,
    ratio: median(values) / median(node),
    atMost: null,
  })
  return [figure('vps version', version), figure('vps list, no servers', list)]
}

/*
 * Runs vitest and prints its counts once more on a line of their own, as `N passed, N failed, N skipped`.
 *
 *   node scripts/vitest.ts VITEST-ARGUMENT…
 */
import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
}

const directory = await mkdtemp(join(tmpdir(), 'vps-vitest-'))
try {
  const report = join(directory, 'report.json')
  const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const {exitCode = 1} = await execa(
    process.execPath,
    [vitest, 'run', ...reporters, ...process.argv.slice(2)],
    {
      stdio: 'inherit',
      reject: false,
    },
  )
  const {numPassedTests, numFailedTests, numPendingTests} = JSON.parse(
    await readFile(report, 'utf8'),
  ) as Report
  console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`)
  process.exitCode = exitCode
} finally {
  await rm(directory, {recursive: true, force: true})
}

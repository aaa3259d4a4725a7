// How vitest is run in the guest. Emulation makes loading files the dearest part, hence one worker without isolation
// and a compile cache that is part of the saved state.

/** Where a ring's machine-readable results are, in the guest. */
export const resultsDirectory = '/run/vps-test'

/** For every command in the guest. */
export const guestEnvironment = {
  VPS_TEST_VM: '1',
  NODE_COMPILE_CACHE: '/var/cache/node-compile',
  PATH: '/vps/bin:/vps/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
}

/** What whoever runs the tests may say: see `fleet.vm.test.ts` and `hold.vm.test.ts`. */
const passedOn = Object.fromEntries(
  ['VPS_TEST_FLEET', 'VPS_TEST_QUIET', 'VPS_TEST_THOROUGH'].flatMap(name => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)

/** A shell command line, to be run in the checkout. */
export function vitestCommand(ring: string, extra: string[]): string {
  const environment = {
    ...guestEnvironment,
    CI: 'true',
    VPS_TEST_RING: ring,
    VPS_TEST_SLOW: '10',
    ...passedOn,
    NO_COLOR: '1',
  }
  const words = [
    ...['node', 'node_modules/vitest/vitest.mjs', 'run'],
    ...['--config', 'tests/vm/vitest.config.ts', '--configLoader', 'native'],
    ...['--reporter=verbose', '--reporter=json', '--reporter=junit'],
    `--outputFile.json=${resultsDirectory}/${ring}.json`,
    `--outputFile.junit=${resultsDirectory}/${ring}.xml`,
    ...extra.map(word => word.replace(/\.test\.ts$/, '.test.js')), // as they are bundled
  ]
  const exports = Object.entries(environment).map(([key, value]) => `${key}="${value}"`)
  return `${exports.join(' ')} ${words.map(quote).join(' ')}`
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}

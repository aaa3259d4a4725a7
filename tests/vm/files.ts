// Which test files run in the test host.
import {globSync} from 'node:fs'

/**
 * What of the other rings runs there, too: what depends on the kernel, or on systemd running the host, and has no test of its own in
 * this ring. Not what needs a compiler, a tmpfs with shifted owners (Linux 6.3) or a Debian from the network; nor long loops, which
 * emulation makes ten times as long and the machine outside has run already.
 */
const alsoThere: Readonly<Record<string, readonly string[]>> = {
  unit: ['host-facts', 'host-files', 'native', 'storage'],
  host: ['00-snapshot', 'doctor', 'zz-leaks'],
}

/** Rings in the order in which they run. */
export const rings = ['vm', ...Object.keys(alsoThere)]

/** Those of a ring, as TypeScript, below `root`. */
export function testFiles(ring: string, root: string): string[] {
  const patterns = alsoThere[ring]?.map(name => `tests/${ring}/${name}.test.ts`) ?? `tests/${ring}/*.test.ts`
  return globSync(patterns, {cwd: root}).sort()
}

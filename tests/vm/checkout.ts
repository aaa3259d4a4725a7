// The checkout as a disk: what git tracks or would track, and what was built, probes of the host ring included. No file is copied to make it.
import {mkdir, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import {BENCH_PROGRAMS, benchProgram} from '../../bench/programs.ts'
import {STATIC, testProgram} from '../helpers/programs.ts'
import {bundleTests} from './bundle.ts'
import {recipe, repository} from './recipe.ts'

/** Lists files NUL-terminated; without git (an unpacked archive) everything that is not made or brought. */
const listFiles = `
{ git ls-files -z --cached --others --exclude-standard 2>/dev/null ||
  find . \\( -path ./node_modules -o -path ./build -o -path ./dist \\) -prune -o \\( -type f -o -type l \\) -print0
  for built in dist build/test-programs; do if [ -d $built ]; then find $built -print0; fi; done
} | sort -zu`

/** Programs that only tests in the guest use, which has no compiler. */
const programs = ['escape', 'load', 'network-forge', 'reboot-call', 'refused-forks']

/** Makes the ext4 image `image` of the checkout; `scratch` must be a new directory, best on the same file system. */
export async function buildCheckout(image: string, scratch: string): Promise<void> {
  for (const name of programs) testProgram(name, STATIC)
  for (const name of BENCH_PROGRAMS) benchProgram(name)
  const tree = join(scratch, 'checkout')
  await mkdir(join(tree, 'node_modules'), {recursive: true})
  const link = `${listFiles} | cpio --null --pass-through --link --make-directories --quiet "$0" 2>/dev/null`
  // cpio complains about tracked files that were deleted or a moment ago renamed: those are left out
  await execa('sh', ['-c', link, tree], {cwd: repository, reject: false})
  await bundleTests(tree)
  const options = ['-E', 'lazy_itable_init=1,lazy_journal_init=1', '-O', 'quota,project']
  await execa('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-L',
    'checkout',
    '-d',
    tree,
    ...options,
    image,
    `${recipe.checkoutMiB}M`,
  ])
  await rm(tree, {recursive: true})
}

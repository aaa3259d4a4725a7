// The base of the test host: Debian's own kernel (unpacked, not installed), a small initramfs, and a root file
// system packed into an ext4 image with project quotas. Nothing here runs in the guest.
import {chmod, copyFile, cp, mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {execa} from 'execa'
import {guestFiles, recipe} from './recipe.ts'

const quiet = {stdout: 'ignore', stderr: 'pipe'} as const

/** Makes `vmlinux`, `initrd` and `root.img` in `directory`. Needs root, and the network. */
export async function buildBase(directory: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('the test host is built and run by root')
  const root = join(directory, 'root')
  const kernel = join(directory, 'kernel')
  await mkdir(kernel, {recursive: true})
  await bootstrapRoot(root, kernel)
  const version = await unpackKernel(kernel, root, directory)
  await buildInitrd(join(root, 'usr/lib/modules', version), version, root, directory)
  await packRoot(root, join(directory, 'root.img'))
  await rm(root, {recursive: true})
  await rm(kernel, {recursive: true})
}

async function bootstrapRoot(root: string, kernel: string): Promise<void> {
  const programs = join(kernel, 'programs')
  await mkdir(programs)
  for (const name of ['agent', 'idmapped-overlay']) {
    const flags = ['-std=c11', '-O2', '-static', '-Wall', '-Wextra', '-Werror']
    await execa('gcc', [...flags, '-o', join(programs, `vps-test-${name}`), join(guestFiles, `${name}.c`)])
  }
  const leaveOut = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/doc/*', '/usr/share/info/*']
  console.error(`vm: installing Debian ${recipe.release} (${recipe.packages.length} packages asked for)`)
  await execa(
    'mmdebstrap',
    [
      '--variant=minbase',
      '--format=directory',
      `--include=${recipe.packages.join(',')}`,
      ...leaveOut.map(path => `--dpkgopt=path-exclude=${path}`),
      '--aptopt=Acquire::Languages "none"',
      ...(await aptProxies()).map(line => `--aptopt=${line}`),
      `--customize-hook=${join(guestFiles, 'customize.sh')}`,
      `--customize-hook=${join(guestFiles, 'fetch-kernel.sh')}`,
      recipe.release,
      root,
      ...(await aptSources()),
    ],
    {...quiet, env: {PROGRAMS: programs, KERNEL: kernel}},
  )
}

/** The host's own apt sources for the release, as lines of a sources.list; `VPS_VM_SOURCES` overrides. */
async function aptSources(): Promise<string[]> {
  if (process.env.VPS_VM_SOURCES) return process.env.VPS_VM_SOURCES.split(';').map(line => line.trim())
  const format = '$(ORIGIN) $(CODENAME) $(COMPONENT) $(SITE) $(RELEASE)'
  const {stdout} = await execa('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const lines = stdout
    .split('\n')
    .map(line => line.split(' '))
    .filter(([origin, codename, component]) => {
      return origin === 'Debian' && component === 'main' && codename?.split('-')[0] === recipe.release
    })
    .map(([, , component, site, release]) => `deb ${site} ${release} ${component}`)
  if (lines.length > 0) return [...new Set(lines)]
  throw new Error(
    `apt has no source for Debian ${recipe.release}: set VPS_VM_SOURCES="deb URL ${recipe.release} main"`,
  )
}

async function aptProxies(): Promise<string[]> {
  const {stdout} = await execa('apt-config', ['dump'])
  return stdout.split('\n').filter(line => /^Acquire::https?::(.*::)?Proxy "[^"]/.test(line))
}

/** Puts the wanted modules into `root` and a decompressed kernel into `directory`; returns its version. */
async function unpackKernel(kernel: string, root: string, directory: string): Promise<string> {
  const archive = (await readdir(kernel)).find(name => name.endsWith('.deb'))
  if (!archive) throw new Error('the kernel package was not downloaded')
  const unpacked = join(kernel, 'unpacked')
  await execa('dpkg-deb', ['-x', join(kernel, archive), unpacked])
  const [version] = await readdir(join(unpacked, 'lib/modules'))
  if (!version) throw new Error('the kernel package has no modules')
  const from = join(unpacked, 'lib/modules', version)
  const to = join(root, 'usr/lib/modules', version)
  await mkdir(to, {recursive: true})
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'])
    await copyFile(join(from, name), join(to, name))
  for (const part of recipe.modules) {
    await mkdir(dirname(join(to, 'kernel', part)), {recursive: true})
    await cp(join(from, 'kernel', part), join(to, 'kernel', part), {recursive: true}).catch(unlessMissing)
  }
  await mkdir(join(root, 'boot'), {recursive: true})
  await copyFile(join(unpacked, `boot/config-${version}`), join(root, `boot/config-${version}`))
  await execa('depmod', ['-b', root, version])
  const image = await readFile(join(unpacked, `boot/vmlinuz-${version}`))
  await execa('xz', ['-dc', '--single-stream'], {
    input: kernelPayload(image),
    stdout: {file: join(directory, 'vmlinux')},
  })
  await writeFile(join(directory, 'kernel-version'), `${version}\n`)
  return version
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** The xz stream inside a bzImage (Documentation/x86/boot.rst): started directly, it saves 3 s a boot. */
function kernelPayload(image: Buffer): Buffer {
  const setupSectors = image.readUInt8(0x1f1) || 4
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248)
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c))
  if (payload.readUInt32BE(0) !== 0xfd377a58) throw new Error('the kernel is not compressed with xz')
  return payload
}

async function buildInitrd(modules: string, version: string, root: string, directory: string): Promise<void> {
  const tree = join(directory, 'initrd.d')
  for (const name of ['bin', 'modules']) await mkdir(join(tree, name), {recursive: true})
  await copyFile('/bin/busybox', join(tree, 'bin/busybox'))
  await copyFile(join(guestFiles, 'init'), join(tree, 'init'))
  await chmod(join(tree, 'init'), 0o755)
  const order = await loadOrder(modules, version, root)
  for (const file of order) await copyFile(file, join(tree, 'modules', basename(file)))
  await writeFile(join(tree, 'modules.order'), order.map(file => `${basename(file)}\n`).join(''))
  const archive = 'find . -print0 | cpio --null --create --format=newc --quiet'
  await execa('sh', ['-c', archive], {cwd: tree, stdout: {file: join(directory, 'initrd')}})
  await rm(tree, {recursive: true})
}

/** The early modules and what they depend on, in the order in which they load. */
async function loadOrder(modules: string, version: string, root: string): Promise<string[]> {
  const files = new Set<string>()
  for (const name of recipe.earlyModules) {
    const {stdout} = await execa('modprobe', ['-d', root, '-S', version, '--show-depends', name])
    for (const [, file] of stdout.matchAll(/^insmod (\S+)/gm)) files.add(file as string)
  }
  if (files.size === 0) throw new Error(`no module found below ${modules}`)
  return [...files]
}

async function packRoot(root: string, image: string): Promise<void> {
  const features = ['-O', 'quota,project', '-E', 'quotatype=usrquota:grpquota:prjquota,lazy_itable_init=1']
  await execa('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-L',
    'root',
    '-d',
    root,
    ...features,
    image,
    `${recipe.rootMiB}M`,
  ])
}

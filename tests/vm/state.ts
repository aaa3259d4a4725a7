// The saved state: the base booted once, seen to be healthy, warmed (Node and vitest in the page cache and in Node's
// compile cache), stopped and written down. A restore of it is the test host of one run.
import {existsSync} from 'node:fs'
import {mkdir, mkdtemp, open, readdir, rename, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import {buildCheckout} from './checkout.ts'
import {buildModules} from './modules.ts'
import {type Accelerator, type Disk, Machine} from './qemu.ts'
import {cacheDirectory, MiB, recipe, repository} from './recipe.ts'
import {within} from './time.ts'
import {vitestCommand} from './vitest.ts'

const ignoreShared = {capabilities: [{capability: 'x-ignore-shared', state: true}]}

export interface State {
  accelerator: Accelerator
  /** Directory of the base. */
  base: string
  directory: string
}

function disks(directory: string, root: Disk, checkout: Disk): Disk[] {
  return [
    root,
    checkout,
    {name: 'modules', file: join(directory, 'modules.img'), format: 'raw', writes: 'none'},
  ]
}

/** Boots the base and saves it into `state.directory`, which appears only when complete. */
export async function buildState({accelerator, base, directory: final}: State): Promise<void> {
  const directory = `${final}.building`
  await rm(directory, {recursive: true, force: true})
  await mkdir(directory, {recursive: true})
  console.error('vm: packing Node and the npm packages')
  await buildModules(join(directory, 'modules.img'))
  const root = join(directory, 'root.qcow2')
  await execa('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', join(base, 'root.img'), '-F', 'raw', root])
  for (const [name, size] of [
    ['memory', recipe.memoryMiB],
    ['checkout.img', recipe.checkoutMiB],
  ] as const) {
    await using file = await open(join(directory, name), 'w')
    await file.truncate(size * MiB)
  }
  console.error(`vm: booting (${accelerator})`)
  const machine = new Machine({
    accelerator,
    kernel: base,
    memory: {file: join(directory, 'memory'), shared: true},
    disks: disks(
      directory,
      {name: 'root', file: root, format: 'qcow2', writes: 'kept'},
      {name: 'checkout', file: join(directory, 'checkout.img'), format: 'raw', writes: 'kept'},
    ),
    console: join(directory, 'console.log'),
    restore: false,
  })
  try {
    await within(300, 'the boot', Promise.race([machine.agent.hello(), machine.died]))
    await within(300, 'warming up', Promise.race([warm(machine), machine.died]))
    await within(120, 'saving', save(machine, join(directory, 'state')))
  } catch (error) {
    console.error(machine.consoleTail())
    throw error
  } finally {
    await machine.end()
  }
  await execa('fallocate', ['--dig-holes', join(directory, 'memory')])
  await rename(directory, final)
}

async function warm(machine: Machine): Promise<void> {
  const script = `
    state=$(systemctl is-system-running --wait)
    [ "$state" = running ] || { echo "systemd: $state"; systemctl --failed --no-legend; exit 1; } >&2
    mount -o ro,noload /dev/vdc /opt/modules
    mount --bind /opt/modules /vps/node_modules
    tar -C /vps -x
    cd /vps && ${vitestCommand('vm/warm', [])} >&2 || exit
    umount /vps/node_modules && rm -r /vps/tests
    sync`
  const files = [
    'package.json',
    ...['vitest.config.ts', 'files.ts', 'warm/warm.test.ts'].map(name => `tests/vm/${name}`),
  ]
  const {stdout} = await execa('tar', ['-c', ...files], {cwd: repository, encoding: 'buffer'})
  const stdin = Buffer.from(stdout)
  const {status, stderr} = await machine.agent.run({argv: ['sh', '-c', script], stdin})
  if (status !== 0) throw new Error(`the test host is not healthy (status ${status}):\n${stderr}`)
}

async function save(machine: Machine, file: string): Promise<void> {
  await machine.monitor('migrate-set-capabilities', ignoreShared)
  await machine.monitor('stop')
  await machine.monitor('migrate', {uri: `exec:cat > '${file}'`})
  await machine.migrated()
  await machine.quit()
}

/** Restores the state, with the checkout as it is now at /vps. The caller ends the machine. */
export async function restore({accelerator, base, directory}: State): Promise<Machine> {
  await sweep()
  const scratch = await mkdtemp(join(cacheDirectory, `run-${process.pid}-`))
  const checkout = join(scratch, 'checkout.img')
  try {
    await buildCheckout(checkout, scratch)
    const machine = new Machine({
      accelerator,
      kernel: base,
      memory: {file: join(directory, 'memory'), shared: false},
      disks: disks(
        directory,
        {name: 'root', file: join(directory, 'root.qcow2'), format: 'qcow2', writes: 'thrown-away'},
        {name: 'checkout', file: checkout, format: 'raw', writes: 'kept'},
      ),
      console: join(scratch, 'console.log'),
      restore: true,
    })
    await within(120, 'the restore', Promise.race([wake(machine, directory), machine.died]))
    return machine
  } finally {
    await rm(scratch, {recursive: true}) // what QEMU has open lives as long as QEMU
  }
}

/** Removes what drivers left that were killed while they packed a checkout. */
async function sweep(): Promise<void> {
  for (const name of await readdir(cacheDirectory)) {
    const [, pid] = /^run-(\d+)-/.exec(name) ?? []
    if (pid && !existsSync(`/proc/${pid}`))
      await rm(join(cacheDirectory, name), {recursive: true, force: true})
  }
}

async function wake(machine: Machine, directory: string): Promise<void> {
  await machine.monitor('migrate-set-capabilities', ignoreShared)
  await machine.monitor('migrate-incoming', {uri: `exec:cat '${join(directory, 'state')}'`})
  await machine.migrated()
  await machine.monitor('cont')
  const script = `
    date -u -s @${(Date.now() / 1000).toFixed(3)} >/dev/null
    head -c 64 >/dev/urandom
    mount -o noatime,prjquota /dev/vdb /vps && mount --bind /opt/modules /vps/node_modules
    rmdir /vps/lost+found
    [ ${process.getuid?.()} = 0 ] || chown -R --no-dereference 0:0 /vps`
  const stdin = Buffer.from(crypto.getRandomValues(new Uint8Array(64)))
  const {status, stderr} = await machine.agent.run({argv: ['sh', '-c', script], stdin})
  if (status !== 0) throw new Error(`cannot mount the checkout: ${stderr}`)
}

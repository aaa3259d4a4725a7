// Debian packages that the driver needs on the building machine.
import {existsSync} from 'node:fs'
import {execa} from 'execa'

const needed: Record<string, string> = {
  'qemu-system-x86': '/usr/bin/qemu-system-x86_64',
  'qemu-utils': '/usr/bin/qemu-img',
  cpio: '/usr/bin/cpio',
  kmod: '/usr/bin/kmod',
  mmdebstrap: '/usr/bin/mmdebstrap',
  'busybox-static': '/usr/share/doc/busybox-static',
  e2fsprogs: '/usr/share/doc/e2fsprogs',
  'xz-utils': '/usr/bin/xz',
  gcc: '/usr/bin/gcc',
  'libc6-dev': '/usr/share/doc/libc6-dev',
}

/** Installs what is missing, and says so; as another user than root it says what to install. */
export async function ensurePackages(): Promise<void> {
  const missing = Object.keys(needed).filter(name => !existsSync(needed[name] as string))
  if (missing.length === 0) return
  const install = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...missing]
  if (process.getuid?.() !== 0) throw new Error(`packages are missing; as root: ${install.join(' ')}`)
  console.error(`vm: installing with apt: ${missing.join(' ')}`)
  const env = {DEBIAN_FRONTEND: 'noninteractive'}
  const quiet = {stdout: 'ignore', stderr: 'inherit', env} as const
  const first = await execa('apt-get', install.slice(1), {...quiet, stderr: 'ignore', reject: false})
  if (first.exitCode === 0) return
  await execa('apt-get', ['update', '-q'], quiet)
  await execa('apt-get', install.slice(1), quiet)
}

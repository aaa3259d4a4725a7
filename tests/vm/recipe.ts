// What the test host is made of, and the keys under which it is cached. A change here, in guest/ or in build.ts
// makes a new host; a change of package-lock.json only makes a new modules disk and a new saved state.
import {createHash} from 'node:crypto'
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'

export const MiB = 1024 * 1024

export const repository = join(import.meta.dirname, '../..')
export const guestFiles = join(import.meta.dirname, 'guest')

/** Where everything that can be made again is kept; `VPS_VM_CACHE` moves it. */
export const cacheDirectory = process.env.VPS_VM_CACHE ?? join(repository, 'build/vm')

export const recipe = {
  release: 'bookworm',
  memoryMiB: 2048,
  cpus: 2,
  rootMiB: 4096,
  checkoutMiB: 1024,
  /** What the guest's root has beyond Debian's minimal base. */
  packages: [
    'systemd systemd-sysv udev dbus libpam-systemd kmod nftables iproute2 iputils-ping quota e2fsprogs xfsprogs',
    'btrfs-progs apparmor stress-ng tar xz-utils zstd busybox-static procps strace util-linux libcap2-bin',
    'socat psmisc less',
  ].flatMap(line => line.split(' ')),
  /** Parts of /lib/modules/VERSION/kernel that are kept; a path ending in a slash is a whole directory. */
  modules: [
    'arch/ crypto/ fs/ lib/ mm/ net/ block/ security/',
    'drivers/block/ drivers/virtio/ drivers/md/ drivers/char/ drivers/dax/ drivers/nvdimm/',
    'drivers/net/veth.ko drivers/net/tun.ko drivers/net/tap.ko drivers/net/dummy.ko drivers/net/macvlan.ko',
    'drivers/net/macvtap.ko drivers/net/ifb.ko drivers/net/vrf.ko drivers/net/vxlan/ drivers/net/ipvlan/',
    'drivers/net/bonding/ drivers/net/wireguard/ drivers/net/nlmon.ko drivers/net/virtio_net.ko',
    'drivers/net/net_failover.ko',
  ].flatMap(line => line.split(' ')),
  /** Loaded by the initramfs, with all that they depend on. */
  earlyModules: ['virtio_pci', 'virtio_blk', 'virtio_console', 'crc32c_generic', 'ext4', 'quota_v2'],
  kernelCommandLine: 'console=ttyS0 nokaslr mitigations=off norandmaps quiet panic=-1 oops=panic',
}

function digest(parts: (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest('hex').slice(0, 12)
}

/** Key of kernel and root file system. */
export function baseKey(): string {
  const files = readdirSync(guestFiles).sort()
  return digest([
    JSON.stringify(recipe),
    readFileSync(join(import.meta.dirname, 'base.ts')),
    ...files.flatMap(name => [name, readFileSync(join(guestFiles, name))]),
  ])
}

/** Key of the saved state: the base, how it is run, and the npm packages that the guest has. */
export function stateKey(accelerator: string): string {
  const sources = [
    'state.ts',
    'qemu.ts',
    'modules.ts',
    'vitest.ts',
    'warm/warm.test.ts',
    '../../package-lock.json',
  ]
  return digest([
    baseKey(),
    accelerator,
    ...sources.map(name => readFileSync(join(import.meta.dirname, name))),
  ])
}

// Is KVM here, and does it truly work? A device file proves nothing (in a virtual machine it may run a BIOS and hang in
// a kernel), so the test host's own kernel is booted with it, up to its first program.
import {closeSync, existsSync, openSync} from 'node:fs'
import {readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import type {Accelerator} from './qemu.ts'

/** With KVM a kernel is up in a second or two; whoever needs longer is no better than emulation. */
const trialLimit = 10_000

/** `VPS_VM_ACCEL=tcg|kvm` decides, else a trial does, whose verdict is kept beside the base. */
export async function chooseAccelerator(base: string): Promise<Accelerator> {
  const {VPS_VM_ACCEL: forced} = process.env
  if (forced === 'tcg' || forced === 'kvm') return forced
  if (!canOpen('/dev/kvm')) return 'tcg'
  const verdict = join(base, 'accelerator')
  if (!existsSync(verdict)) await writeFile(verdict, (await bootsWithKvm(base)) ? 'kvm' : 'tcg')
  return (await readFile(verdict, 'utf8')) === 'kvm' ? 'kvm' : 'tcg'
}

function canOpen(device: string): boolean {
  try {
    closeSync(openSync(device, 'r+'))
    return true
  } catch {
    return false
  }
}

/** The initramfs powers off at once when it finds `vps-test.trial`; QEMU then ends with status 0. */
async function bootsWithKvm(base: string): Promise<boolean> {
  const {exitCode, stdout} = await execa(
    'qemu-system-x86_64',
    [
      ...['-accel', 'kvm', '-cpu', 'host', '-machine', 'q35', '-m', '512', '-nodefaults', '-display', 'none'],
      ...[
        '-no-reboot',
        '-serial',
        'stdio',
        '-kernel',
        join(base, 'vmlinux'),
        '-initrd',
        join(base, 'initrd'),
      ],
      ...['-append', 'console=ttyS0 quiet panic=-1 vps-test.trial'],
    ],
    {reject: false, timeout: trialLimit, killSignal: 'SIGKILL', stdin: 'ignore', stderr: 'ignore'},
  )
  return exitCode === 0 && stdout.includes('vps-test: trial passed')
}

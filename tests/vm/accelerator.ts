// Is KVM here, and does it truly work? A device file proves nothing (a virtual machine may have one and abort at the
// first instruction), so a few bytes are booted with it.
import {closeSync, openSync} from 'node:fs'
import {rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {execa} from 'execa'
import type {Accelerator} from './qemu.ts'

/** mov dx, 0xf4; mov al, 0x10; out dx, al; hlt: the exit device then ends QEMU with status 0x10 * 2 + 1. */
const program = Buffer.from([0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee, 0xf4])
const expected = 33

/** `VPS_VM_ACCEL=tcg|kvm` decides, else the trial does. */
export async function chooseAccelerator(): Promise<Accelerator> {
  const {VPS_VM_ACCEL: forced} = process.env
  if (forced === 'tcg' || forced === 'kvm') return forced
  return canOpen('/dev/kvm') && (await boots('kvm')) ? 'kvm' : 'tcg'
}

function canOpen(device: string): boolean {
  try {
    closeSync(openSync(device, 'r+'))
    return true
  } catch {
    return false
  }
}

/** Boots a seven-byte program from a floppy, through the whole BIOS. */
export async function boots(accelerator: Accelerator): Promise<boolean> {
  const sector = Buffer.alloc(1440 * 1024)
  program.copy(sector)
  sector.writeUInt16LE(0xaa55, 510)
  const file = join(tmpdir(), `vps-vm-trial-${process.pid}.img`)
  await writeFile(file, sector)
  const {exitCode} = await execa(
    'qemu-system-x86_64',
    [
      ...[
        '-accel',
        accelerator,
        '-cpu',
        'max',
        '-machine',
        'pc',
        '-m',
        '64',
        '-nodefaults',
        '-display',
        'none',
      ],
      ...['-no-reboot', '-drive', `file=${file},format=raw,if=floppy`, '-boot', 'a'],
      ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
    ],
    {reject: false, timeout: 10_000, forceKillAfterDelay: 100, stdio: 'ignore'},
  )
  await rm(file)
  return exitCode === expected
}

import {lstatSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {resolveInRoot} from './resolve.ts'

/*
 * Who a machine is must not come along in its root file system: every server of an image would be the same one.
 */

const KEYS = '/etc/ssh'
const KEYGEN = '/usr/bin/ssh-keygen'
const UNITS = '/etc/systemd/system'
const UNIT = 'vps-ssh-keys.service'

/** Debian makes host keys when the package is installed, and never again. */
const UNIT_TEXT = `[Unit]
Description=Make this server's own SSH host keys
ConditionPathExists=${KEYGEN}
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
ConditionPathIsDirectory=/etc/ssh
Before=ssh.service ssh.socket sshd.service sshd.socket

[Service]
Type=oneshot
ExecStart=${KEYGEN} -A

[Install]
WantedBy=multi-user.target
`

/**
 * Takes machine id and SSH host keys out of a root. systemd makes the id from the server's uuid; keys are made at the first boot, by a unit
 * of ours where systemd runs and has none of its own for that. Returns what was taken.
 */
export function removeIdentity(rootfs: string): string[] {
  const keys = removeKeys(rootfs)
  const ids = ['/etc/machine-id', '/var/lib/dbus/machine-id'].filter(path => emptyId(rootfs, path))
  if (keys.length > 0) makeKeysAtBoot(rootfs)
  return [...keys, ...ids]
}

function removeKeys(rootfs: string): string[] {
  const {onHost, stat} = resolveInRoot(rootfs, KEYS)
  if (!stat?.isDirectory()) return []
  const names = readdirSync(onHost).filter(name => /^ssh_host_.+_key(\.pub)?$/.test(name))
  for (const name of names) rmSync(join(onHost, name), {recursive: true, force: true})
  return names.map(name => `${KEYS}/${name}`)
}

/** Empty, not missing: systemd takes a missing one for a system that never booted, and asks questions. */
function emptyId(rootfs: string, path: string): boolean {
  const {onHost, stat} = resolveInRoot(rootfs, path, {followLast: false})
  if (!stat?.isFile() || stat.size === 0) return false
  if (readFileSync(onHost, 'utf8').trim() === 'uninitialized') return false
  rmSync(onHost) // it may have other names
  writeFileSync(onHost, '', {mode: 0o444, flag: 'wx'})
  return true
}

function makeKeysAtBoot(rootfs: string): void {
  const units = resolveInRoot(rootfs, UNITS)
  const hasOwn = [
    '/usr/lib/systemd/system/sshd-keygen@.service',
    '/lib/systemd/system/sshd-keygen.service',
  ].some(path => resolveInRoot(rootfs, path).stat !== undefined)
  const wants = resolveInRoot(rootfs, `${UNITS}/multi-user.target.wants`)
  if (hasOwn || !units.stat?.isDirectory() || !wants.stat?.isDirectory()) return
  const file = join(units.onHost, UNIT)
  if (lstatSync(file, {throwIfNoEntry: false}) !== undefined) return
  writeFileSync(file, UNIT_TEXT, {mode: 0o644, flag: 'wx'})
  const link = join(wants.onHost, UNIT)
  if (lstatSync(link, {throwIfNoEntry: false}) === undefined) symlinkSync(`${UNITS}/${UNIT}`, link)
}

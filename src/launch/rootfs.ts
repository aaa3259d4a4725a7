import type {Definition, Loaded} from '../definition/index.ts'
import {devices, masks} from '../security/index.ts'
import type {LaunchInput} from './input.ts'
import type {LaunchStep} from './plan.ts'
import {own} from './step.ts'

/** The steps that build a server's file tree, outermost mount first. */
export function rootfsSteps(input: LaunchInput): LaunchStep[] {
  const {loaded, image, server} = input
  return [
    own('layer', image.rootfs),
    own('overlay', server.layer),
    ...image.hostTrees.map(({source, target}) => own('bind', source, target, 'readonly,nodev')),
    ...deviceSteps(loaded.definition),
    ...kernelSteps(),
    ...runSteps(),
    ...mountSteps(loaded),
    ...maskSteps(loaded.definition),
  ]
}

/** `/dev` is made anew at each start: exactly these nodes, whatever the root holds. */
function deviceSteps({security}: Definition): LaunchStep[] {
  return [
    own('tmpfs', '/dev', 'nosuid,noexec', 'mode=755,size=4m,nr_inodes=16k'),
    ...devices(security).map(({path, major, minor, mode}) =>
      own('device', path, String(major), String(minor), mode.toString(8)),
    ),
    own('symlink', '/proc/self/fd', '/dev/fd'),
    own('symlink', '/proc/self/fd/0', '/dev/stdin'),
    own('symlink', '/proc/self/fd/1', '/dev/stdout'),
    own('symlink', '/proc/self/fd/2', '/dev/stderr'),
    own('devpts', '/dev/pts', 'nosuid,noexec'),
    own('symlink', 'pts/ptmx', '/dev/ptmx'),
    own('tmpfs', '/dev/shm', 'nosuid,nodev', 'mode=1777'),
    own('mqueue', '/dev/mqueue', 'nosuid,nodev,noexec'),
    own('console', '/dev/console'),
  ]
}

/** A read-only /sys also tells systemd to leave devices alone: https://systemd.io/CONTAINER_INTERFACE */
function kernelSteps(): LaunchStep[] {
  return [
    own('proc', '/proc', 'nosuid,nodev,noexec'),
    own('sysfs', '/sys', 'readonly,nosuid,nodev,noexec'),
    own('cgroup2', '/sys/fs/cgroup', 'nosuid,nodev,noexec'),
  ]
}

function runSteps(): LaunchStep[] {
  return [
    own('tmpfs', '/run', 'nosuid,nodev', 'mode=755'),
    own('directory', '/run/host', '755'),
    own('notify', '/run/host/notify'),
    own('usage', '/run/host/vps/usage'),
  ]
}

function mountSteps(loaded: Loaded): LaunchStep[] {
  return loaded.definition.mounts.map((mount, index) => {
    const flags = [
      'nodev',
      ...(mount.readonly ? ['readonly'] : []),
      ...(mount.optional ? ['optional'] : []),
      ...mount.options,
    ]
    return {
      op: 'bind',
      arguments: [mount.source, mount.target, [...new Set(flags)].join(',')],
      origin: loaded.origin(['mounts', index, 'source']),
    }
  })
}

function maskSteps({security}: Definition): LaunchStep[] {
  const {masked, readOnly} = masks(security)
  return [...masked.map(path => own('mask', path)), ...readOnly.map(path => own('readonly', path))]
}

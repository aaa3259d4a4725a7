import type {Rule} from './rule.ts'

/** Whether a path is a directory or below it. */
function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`)
}

/** Made by vps in every server. */
const GUEST_OWN = ['/proc', '/sys', '/dev', '/run/host']

export const targetsAreFree: Rule = ({definition, report}) => {
  for (const [index, {target}] of definition.mounts.entries()) {
    const path = ['mounts', index, 'target']
    const own = GUEST_OWN.find(directory => isWithin(target, directory))
    if (target === '/')
      report(
        'error',
        path,
        `mounts[${index}].target must not be /, the root of the server`,
        'choose a template instead',
      )
    else if (own)
      report('error', path, `mounts[${index}].target must not be in ${own}, which vps makes for every server`)
  }
}

export const targetsOnce: Rule = ({definition, report}) => {
  for (const [index, {target}] of definition.mounts.entries()) {
    const first = definition.mounts.findIndex(mount => mount.target === target)
    if (target === '' || first === index) continue
    report(
      'error',
      ['mounts', index, 'target'],
      `mounts[${index}].target ${target} is already the target of mounts[${first}]`,
    )
  }
}

export const targetsInOrder: Rule = ({definition, report}) => {
  for (const [index, {target}] of definition.mounts.entries()) {
    const hider = definition.mounts.findIndex(
      (mount, later) =>
        later > index && mount.target !== '' && mount.target !== target && isWithin(target, mount.target),
    )
    if (target === '' || hider < 0) continue
    const over = definition.mounts[hider]?.target
    const message = `mounts[${index}].target ${target} is hidden by mounts[${hider}], which is mounted on ${over} after it`
    report('error', ['mounts', index, 'target'], message, `put it after mounts[${hider}]`)
  }
}

/** Symbolic links in every usual root file system, and where they lead. */
const LINKS = [
  ['/var/run', '/run'],
  ['/var/lock', '/run/lock'],
] as const

export const targetsAreNoLinks: Rule = ({definition, report}) => {
  for (const [index, {target}] of definition.mounts.entries()) {
    const link = LINKS.find(([from]) => isWithin(target, from))
    if (!link) continue
    const [from, to] = link
    const message = `mounts[${index}].target is below ${from}, a link to ${to} in most root file systems`
    report('recommendation', ['mounts', index, 'target'], message, `write ${to}${target.slice(from.length)}`)
  }
}

export const sourcesAreNotOurs: Rule = ({definition, reserved, report}) => {
  for (const [index, {source}] of definition.mounts.entries()) {
    const tree = reserved.find(directory => isWithin(source, directory))
    if (tree)
      report(
        'error',
        ['mounts', index, 'source'],
        `mounts[${index}].source must not be in ${tree}, which belongs to vps`,
      )
  }
}

export const sourcesAreNoKernelTrees: Rule = ({definition, report}) => {
  for (const [index, {source}] of definition.mounts.entries()) {
    const tree = ['/proc', '/sys', '/dev'].find(directory => isWithin(source, directory))
    if (!tree) continue
    const message = `mounts[${index}].source must not be in ${tree} of the host: the server has its own`
    report(
      'error',
      ['mounts', index, 'source'],
      message,
      tree === '/dev' ? 'see security.allow for devices' : undefined,
    )
  }
}

/** Whoever can write to one of these is root on the host. */
const CONTROL_SOCKETS = [
  '/run/docker.sock',
  '/run/containerd',
  '/run/podman',
  '/run/crio',
  '/run/libvirt',
  '/run/dbus',
  '/run/systemd',
]

export const sourcesAreNoControlSockets: Rule = ({definition, report}) => {
  for (const [index, {source}] of definition.mounts.entries()) {
    const real = source.replace(/^\/var\/run(?=\/|$)/, '/run')
    if (!CONTROL_SOCKETS.some(socket => isWithin(real, socket))) continue
    const message = `mounts[${index}].source ${source} lets root of the server take over the host`
    report(
      'warning',
      ['mounts', index, 'source'],
      message,
      'for Docker inside the server use security.allow: [nesting]',
    )
  }
}

/** Directories that are the host itself, not data of it. */
const HOST = [
  '/',
  '/etc',
  '/boot',
  '/root',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/var',
  '/run',
  '/home',
  '/var/lib',
]
/** Of these, the ones that hold secrets even when they cannot be written. */
const SECRET = ['/', '/etc', '/root', '/home', '/var', '/var/lib', '/run']

export const sourcesAreNotTheHost: Rule = ({definition, report}) => {
  for (const [index, {source, readonly}] of definition.mounts.entries()) {
    const path = ['mounts', index, 'source']
    if (!readonly && HOST.includes(source)) {
      report(
        'warning',
        path,
        `mounts[${index}] lets the server change ${source} of the host`,
        'add readonly: true, or mount only the directory that is needed',
      )
    } else if (SECRET.includes(source)) {
      report(
        'warning',
        path,
        `mounts[${index}] shows the server everything in ${source} of the host, secrets included`,
        'mount only the directory that is needed',
      )
    }
  }
}

export const optionsOnce: Rule = ({definition, report}) => {
  for (const [index, {options}] of definition.mounts.entries()) {
    for (const [position, option] of options.entries()) {
      if (options.indexOf(option) === position || !option) continue
      report(
        'warning',
        ['mounts', index, 'options', position],
        `mounts[${index}]: option ${option} is written twice`,
      )
    }
  }
}

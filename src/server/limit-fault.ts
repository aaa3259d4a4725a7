/** The parts of a fault that the way out depends on. */
interface Refusal {
  readonly op: string
  /** The errno's name. */
  readonly code: string
  readonly path: string
  /** The definition's key, or empty. */
  readonly key: string
}

const WITHOUT = 'start without it: `--allow-unenforced`, or `enforce: best-effort` in the definition'

/** The way out of a fault of a step that sets a limit; empty when it is of another. */
export function limitAdvice(refusal: Refusal): string[] {
  return ADVICE[refusal.op]?.(refusal) ?? []
}

const ADVICE: Readonly<Record<string, (refusal: Refusal) => string[]>> = {
  controllers: ({path}) => {
    const name = /\+(\S+)$/.exec(path)?.[1] ?? ''
    return [
      `see what this host can limit with \`vps doctor\`: it has no controller ${name} for servers`,
      WITHOUT,
    ]
  },
  'cgroup-write': ({code, key}) =>
    code === 'ENOENT' || code === 'EOPNOTSUPP'
      ? [`this kernel does not have it: take ${key || 'that key'} out of the definition`]
      : [`give ${key || 'that key'} a value that the kernel keeps as it is`],
  devices: () => [
    'devices are guarded by a BPF program, which takes Linux 5.1 or later with CONFIG_CGROUP_BPF, and CAP_BPF or CAP_SYS_ADMIN',
    WITHOUT,
  ],
  rlimit: ({code, path}) => {
    if (code !== 'EPERM') return []
    return path.includes('fs.nr_open')
      ? ['ask for less, or raise fs.nr_open on the host']
      : ['ask for no more, or let the host’s root have CAP_SYS_RESOURCE']
  },
  sysctl: sysctlAdvice,
  'ipc-sysctl': sysctlAdvice,
}

function sysctlAdvice({code}: Refusal): string[] {
  if (code === 'EINVAL' || code === 'ERANGE') return ['give it a value that the kernel takes']
  if (code === 'ENOENT')
    return ['take it out: this kernel does not give that one to namespaces, or does not have it at all']
  return code === 'EACCES' || code === 'EPERM'
    ? ['set it on the host: it is not one of the server’s own namespaces']
    : []
}

/** A ceiling or a guarantee: `max` is without end; `null` is not known, as there is no such file here. */
export type Bound = number | 'max' | null

/** What went to and came from one block device, and what may. */
export interface IoDevice {
  readonly rbytes: number
  readonly wbytes: number
  readonly rios: number
  readonly wios: number
  /** Bytes and operations a second. */
  readonly rbps: Bound
  readonly wbps: Bound
  readonly riops: Bound
  readonly wiops: Bound
}

/** A file of one number. */
export function parseFlat(text: string | undefined): number | null {
  return text === undefined || !/^\d+\s*$/.test(text) ? null : Number(text)
}

/** A file of one number or `max`. */
export function parseBound(text: string | undefined): Bound {
  return text?.trim() === 'max' ? 'max' : parseFlat(text)
}

/** `cpu.max`, `150000 100000`, in CPUs. */
export function parseQuota(text: string | undefined): Bound {
  const [quota = '', period = ''] = text?.trim().split(' ') ?? []
  if (quota === 'max') return 'max'
  const cpus = Number(quota) / Number(period)
  return quota !== '' && Number.isFinite(cpus) ? cpus : null
}

/** A file of `name value` lines, such as cpu.stat. */
export function parseKeyed(text: string | undefined): Map<string, number> {
  const values = new Map<string, number>()
  for (const line of (text ?? '').split('\n')) {
    const [name, value] = line.split(' ')
    if (name && value) values.set(name, Number(value))
  }
  return values
}

/** `io.stat` and `io.max`: lines of a device and `key=value` words, see the kernel's cgroup-v2.rst. */
export function parseIoDevices(stat: string | undefined, max: string | undefined): Map<string, IoDevice> {
  const used = parseNested(stat)
  const limited = parseNested(max)
  const devices = new Map<string, IoDevice>()
  for (const device of new Set([...used.keys(), ...limited.keys()])) {
    const count = (key: string) => Number(used.get(device)?.get(key) ?? 0)
    const limit = (key: string) =>
      parseBound(limited.get(device)?.get(key) ?? (max === undefined ? undefined : 'max'))
    devices.set(device, {
      rbytes: count('rbytes'),
      wbytes: count('wbytes'),
      rios: count('rios'),
      wios: count('wios'),
      rbps: limit('rbps'),
      wbps: limit('wbps'),
      riops: limit('riops'),
      wiops: limit('wiops'),
    })
  }
  return devices
}

/** `8:0 rbytes=1 wbytes=2`; a device that was never used has a line without words. */
function parseNested(text: string | undefined): Map<string, Map<string, string>> {
  const devices = new Map<string, Map<string, string>>()
  for (const line of (text ?? '').split('\n')) {
    const [device, ...words] = line.trim().split(' ')
    if (!device?.includes(':')) continue
    devices.set(device, new Map(words.map(word => word.split('=', 2) as [string, string])))
  }
  return devices
}

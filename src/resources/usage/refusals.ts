import {readIfThere, type UsageFiles} from './files.ts'

/** The kernel refused a server something, or held it back. */
export interface Refusal {
  /** ISO 8601, with milliseconds. */
  readonly time: string
  /** `memory`, `swap`, `pids`, `cpu`, `hugetlb_2MB` */
  readonly resource: string
  /** `max`, `oom`, `oom_kill`, `fail`, `throttled` */
  readonly kind: string
  /** How often since the last refusal of this resource and kind. */
  readonly count: number
  /** At that time, as far as it is known. Of cpu: the microseconds held back, and the microseconds a second that it may have. */
  readonly held: number | null
  readonly limit: number | 'max' | null
  /** The process it hit, where the kernel tells: its number on the host, and its name. */
  readonly pid: number | null
  readonly command: string | null
}

/** Those that are still in the log, oldest first. @param after Unix milliseconds */
export function readRefusals({refusals, olderRefusals}: UsageFiles, after = 0): Refusal[] {
  return [olderRefusals, refusals].flatMap(file =>
    (readIfThere(file) ?? '').split('\n').flatMap(line => parseRefusal(line, after)),
  )
}

/** A line that is not whole, as a power cut may leave one, is passed over. */
function parseRefusal(line: string, after: number): Refusal[] {
  const [time, resource, kind, count, held = '', limit = '', process = ''] = line.split('\t')
  const milliseconds = Number(time)
  if (!resource || !kind || !count || !Number.isFinite(milliseconds) || milliseconds < after) return []
  const [, pid, command] = /^(\d+)(?: (.*))?$/.exec(process) ?? []
  return [
    {
      time: new Date(milliseconds).toISOString(),
      resource,
      kind,
      count: Number(count),
      held: numberOrNull(held),
      limit: limit === 'max' ? 'max' : numberOrNull(limit),
      pid: pid === undefined ? null : Number(pid),
      command: command ?? null,
    },
  ]
}

function numberOrNull(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null
}

import {basename} from 'node:path'
import {getSystemErrorMap} from 'node:util'
import type {Origin} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import type {LaunchPlan} from '../launch/index.ts'
import {limitAdvice} from './limit-fault.ts'
import type {Fault} from './report.ts'

/** A value that was set and reads otherwise. */
const READ_BACK = 'read back'

/** What made a start fail, with its parts for programs. */
export class StartFault extends Error {
  override readonly name = 'StartFault'
  readonly op: string
  readonly syscall: string
  /** The errno's name: `ENOENT`. */
  readonly code: string
  readonly path: string
  readonly origin: Origin | null
  /** Index into the plan's steps, -1 for none. */
  readonly step: number

  constructor(fault: Fault, origin: Origin | null) {
    const {name, text} = describeErrno(fault.errno)
    super(renderFault(fault, origin, text, name))
    this.op = fault.op
    this.syscall = fault.syscall
    this.code = name
    this.path = fault.path
    this.origin = origin
    this.step = fault.step
  }
}

/** The error of a start that `fault` ended: its cause leads to the definition's line, its suggestions to the way out. */
export function startError(name: string, fault: Fault, plan: Pick<LaunchPlan, 'steps'>): VpsError {
  const cause = new StartFault(fault, plan.steps[fault.step]?.origin ?? null)
  return new VpsError('START_FAILED', `cannot start server ${name}`, {cause, suggestions: suggest(cause)})
}

/** `web1.yaml:14:5 mounts[2].source: /srv/data: No such file or directory (mount-bind: open_tree, ENOENT)` */
function renderFault(fault: Fault, origin: Origin | null, text: string, code: string): string {
  const place =
    origin === null ? fault.origin : `${basename(origin.file)}:${origin.line}:${origin.column} ${origin.key}`
  const how = [fault.op, fault.syscall].filter(word => word !== '').join(': ')
  // Not refused, but not kept either: the path says what was asked and what is, and the errno is one that C had to choose.
  const other = fault.syscall === READ_BACK
  const parts = [place, fault.path, other ? '' : text].filter(word => word !== '')
  if (other) return `${parts.join(': ')} (${how})`
  return `${parts.join(': ')} (${how === '' ? code : `${how}, ${code}`})`
}

function suggest({code, origin, path, op, syscall}: StartFault): string[] {
  const key = origin?.key ?? ''
  const advice = limitAdvice({code, key, path, op})
  if (advice.length > 0) return advice
  if (/^mounts\[\d+\]/.test(key) && code === 'ENOENT')
    return [`create ${path || 'it'} on the host, or set \`optional: true\` on the mount`]
  if (/^mounts\[\d+\]/.test(key) && code === 'ENOTDIR')
    return ['mount a directory on a directory, and a file on a file']
  if (syscall === 'mount_setattr MOUNT_ATTR_IDMAP' && (code === 'EINVAL' || code === 'EPERM'))
    return [
      'this file system cannot be idmapped: add `options: [noidmap]` to the mount, or use ext4, xfs or btrfs',
    ]
  if (code === 'ENOSPC' && /^(unshare|clone)/.test(syscall))
    return ['the kernel allows no more namespaces: raise the limits in /proc/sys/user/']
  if (code === 'ENOSPC') return ['free some space on that file system']
  if (code === 'EMFILE' || code === 'ENFILE') return ['raise the limit of open files']
  if (code === 'EAGAIN' && syscall.startsWith('clone')) return ['raise kernel.pid_max or kernel.threads-max']
  if (op.includes('exec') && (code === 'ENOENT' || code === 'EACCES' || code === 'ENOEXEC'))
    return ['check `init` in the definition: that program must be in the image and executable']
  if (code === 'ENODEV' || code === 'ENOSYS' || code === 'EPERM')
    return ['run `vps doctor`: this kernel may lack something that servers need']
  return []
}

/** The name and the sentence of an errno: `ENOENT`, `No such file or directory`. */
export function describeErrno(number: number): {name: string; text: string} {
  const [name, text] = getSystemErrorMap().get(-number) ?? [`errno ${number}`, `error ${number}`]
  return {name, text: `${text.charAt(0).toUpperCase()}${text.slice(1)}`}
}

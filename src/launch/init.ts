import {type Definition, signalNumber} from '../definition/index.ts'
import type {LaunchImage} from './input.ts'

/** What becomes pid 1. */
export interface InitChoice {
  /** `exec`: a program of the root; `exec-vps-init`: ours, handed over by descriptor. */
  readonly op: 'exec' | 'exec-vps-init'
  readonly argv: readonly string[]
  /** The number of the signal that asks it to shut down. */
  readonly stopSignal: number
  /** `notify`: it says READY=1 over its notify socket; `exec`: it counts as up once it runs. */
  readonly ready: 'notify' | 'exec'
}

/** SIGRTMIN+3: systemd(1). SIGPWR: sysvinit's init(8). SIGUSR2: busybox init. OpenRC's init listens on SIGTERM. */
const STOP_SIGNALS: Readonly<Record<string, string>> = {
  systemd: 'SIGRTMIN+3',
  sysvinit: 'SIGPWR',
  openrc: 'SIGTERM',
  busybox: 'SIGUSR2',
}

/** Which program becomes init, from the definition's `init` and what the image has. */
export function chooseInit(definition: Definition, image: LaunchImage): InitChoice {
  const {init, stop} = definition
  const stopSignal = (kind: string): number =>
    signalNumber(stop.signal === 'auto' ? (STOP_SIGNALS[kind] ?? 'SIGTERM') : stop.signal) ?? 15
  const ours = (argv: readonly string[]): InitChoice => ({
    op: 'exec-vps-init',
    argv: ['vps-init', ...argv],
    stopSignal: stopSignal('vps-init'),
    ready: 'notify',
  })
  if (Array.isArray(init)) return ours(init)
  if (init === 'persist' || (init === 'auto' && !image.init.path)) return ours([])
  const path = init === 'auto' ? String(image.init.path) : String(init)
  const kind = path === image.init.path ? image.init.kind : kindOfPath(path)
  return {
    op: 'exec',
    argv: [path],
    stopSignal: stopSignal(kind),
    ready: kind === 'systemd' ? 'notify' : 'exec',
  }
}

function kindOfPath(path: string): string {
  return path.endsWith('/systemd') ? 'systemd' : 'other'
}

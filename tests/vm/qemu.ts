// One QEMU process: its command line, its monitor (QMP on stdin and stdout), and the two ports to the guest's agents.
// It dies with the driver: the kernel kills it when its parent is gone.
import {type ChildProcess, spawn} from 'node:child_process'
import {fstatSync, openSync, readSync} from 'node:fs'
import type {Duplex} from 'node:stream'
import {Agent} from './agent.ts'
import {recipe} from './recipe.ts'

export type Accelerator = 'kvm' | 'tcg'

export interface Disk {
  name: string
  file: string
  format: 'raw' | 'qcow2'
  /** kept: writes go to the file; thrown-away: to a temporary file that is already unlinked; none: read-only. */
  writes: 'kept' | 'thrown-away' | 'none'
}

export interface MachineOptions {
  accelerator: Accelerator
  /** Directory with `vmlinux` and `initrd`. */
  kernel: string
  /** RAM is a file: shared while a state is made, mapped privately (copy on write) when restored. */
  memory: {file: string; shared: boolean}
  disks: Disk[]
  /** File that gets the serial console. */
  console: string
  /** Wait for a saved state rather than boot. */
  restore: boolean
}

interface Reply {
  return?: unknown
  error?: {desc: string}
  event?: string
  id?: number
}

export class Machine {
  /** Runs the driver's commands. */
  readonly agent: Agent
  /** A second agent, to look at a guest whose first one is busy. */
  readonly rescue: Agent
  /** Rejects when the machine ends without having been asked to. */
  readonly died: Promise<never>
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #console: number
  readonly #replies = new Map<number, PromiseWithResolvers<unknown>>()
  #wanted = false
  #next = 0

  constructor(options: MachineOptions) {
    this.#console = openSync(options.console, 'w+')
    this.#child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', ...qemuArguments(options)],
      {
        stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
        env: {...process.env, TMPDIR: process.env.TMPDIR ?? '/var/tmp'},
      },
    )
    let errors = ''
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    this.#ended = new Promise(resolve => this.#child.once('close', () => resolve()))
    this.died = this.#ended.then(() => {
      if (this.#wanted) return new Promise<never>(() => {})
      throw new Error(
        `the machine ended by itself (${this.#child.exitCode ?? this.#child.signalCode}) ${errors}`,
      )
    })
    this.died.catch(() => {}) // whoever waits for something races against it
    this.#readMonitor()
    this.agent = new Agent(this.#child.stdio[3] as Duplex)
    this.rescue = new Agent(this.#child.stdio[4] as Duplex)
    process.once('exit', () => this.#child.kill('SIGKILL'))
  }

  /** A command of QEMU's machine protocol; rejects with QEMU's words. */
  monitor(execute: string, parameters: object = {}): Promise<unknown> {
    const id = ++this.#next
    const reply = Promise.withResolvers<unknown>()
    this.#replies.set(id, reply)
    this.#child.stdin?.write(`${JSON.stringify({execute, arguments: parameters, id})}\n`)
    return Promise.race([reply.promise, this.died])
  }

  /** Waits until a migration that was begun (a save or a restore) is through. */
  async migrated(): Promise<void> {
    for (;;) {
      const {status, 'error-desc': reason} = (await this.monitor('query-migrate')) as Record<string, string>
      if (status === 'completed') return
      if (status === 'failed' || status === 'cancelled') throw new Error(`state: ${status} ${reason ?? ''}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  /** Ends the machine, without a word to the guest. */
  async end(): Promise<void> {
    this.#wanted = true
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Ends it after QEMU has closed its disks. */
  async quit(): Promise<void> {
    this.#wanted = true
    this.#child.stdin?.write('{"execute":"quit"}\n')
    await this.#ended
  }

  /** The last lines of the serial console. */
  consoleTail(lines = 40): string {
    const {size} = fstatSync(this.#console)
    const bytes = Buffer.alloc(Math.min(size, 64 * 1024))
    readSync(this.#console, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString().replaceAll('\r', '').trimEnd().split('\n').slice(-lines).join('\n')
  }

  #readMonitor(): void {
    let rest = ''
    this.#child.stdin?.on('error', () => {})
    this.#child.stdin?.write('{"execute":"qmp_capabilities"}\n')
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.trim()) this.#receive(JSON.parse(line) as Reply)
    })
  }

  #receive(reply: Reply): void {
    const waiting = this.#replies.get(reply.id ?? 0)
    if (!waiting) return
    this.#replies.delete(reply.id ?? 0)
    if (reply.error) waiting.reject(new Error(`QEMU: ${reply.error.desc}`))
    else waiting.resolve(reply.return)
  }
}

/** The same for a boot and for every restore, apart from memory, disks' files and where it starts from. */
function qemuArguments(options: MachineOptions): string[] {
  const {memory, kernel} = options
  const emulated = options.accelerator === 'tcg'
  return [
    ...['-accel', emulated ? 'tcg,thread=multi,tb-size=512' : 'kvm'],
    ...['-cpu', emulated ? 'max' : 'host', '-smp', `${recipe.cpus}`],
    ...['-machine', 'q35,memory-backend=ram', '-m', `${recipe.memoryMiB}`],
    '-object',
    `memory-backend-file,id=ram,size=${recipe.memoryMiB}M,mem-path=${memory.file},share=${memory.shared ? 'on' : 'off'}`,
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', `${kernel}/vmlinux`, '-initrd', `${kernel}/initrd`, '-append', recipe.kernelCommandLine],
    ...['-chardev', `file,id=console,path=${options.console}`, '-serial', 'chardev:console'],
    ...['-chardev', 'stdio,id=monitor,signal=off', '-mon', 'chardev=monitor,mode=control'],
    ...['-device', 'virtio-serial-pci'],
    ...['-chardev', 'socket,id=agent,fd=3', '-device', 'virtserialport,chardev=agent,name=vps.agent'],
    ...['-chardev', 'socket,id=rescue,fd=4', '-device', 'virtserialport,chardev=rescue,name=vps.rescue'],
    ...['-device', 'virtio-rng-pci'],
    ...options.disks.flatMap(diskArguments),
    ...(options.restore ? ['-incoming', 'defer'] : []),
  ]
}

function diskArguments({name, file, format, writes}: Disk): string[] {
  const flags = {kept: '', 'thrown-away': ',snapshot=on', none: ',readonly=on'}[writes]
  const drive = `file=${file},format=${format},id=${name},if=none,cache=unsafe,discard=unmap${flags}`
  return ['-drive', drive, '-device', `virtio-blk-pci,drive=${name},serial=${name}`]
}

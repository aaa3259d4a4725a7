/* What is compared: a way to start servers, as an admin who has it would. */
import {execa} from 'execa'

/** Started at the same time, by all. */
export const AT_ONCE = 4
/** Runs in every server. */
export const INIT = ['sleep', 'infinity'] as const
/** The ids that servers of peers have on the host: one range for all of them, which is the least work. */
export const FIRST_ID = 1_000_000
export const IDS = 65_536

/** What the servers of peers are made from. */
export interface Scene {
  /** A directory of the contender's own. */
  readonly directory: string
  /** The root file system, owned by ids from 0. */
  readonly rootfs: string
  /** The same, owned by the ids that it has on the host. */
  readonly shifted: string
  /** A bridge of the host, and its address. */
  readonly bridge: string
  readonly gateway: string
}

export type Command = readonly [string, ...string[]]

/** Starts all that were prepared: one command, or a loop of one for each, with `{}` for the number. */
export type Start = {readonly all: Command} | {readonly each: Command}

export interface Contender {
  /** What the admin types. */
  readonly title: string
  /** Asked for its version, to see whether it is there. */
  readonly program: Command
  /**
   * Makes ready what stays between starts, for the numbers 1 to `count`; and starts number 0 or something like it, so that what is
   * done once on a host is done.
   */
  prepare(scene: Scene, count: number): Promise<Start>
}

/** The address of a server of a peer on the bridge. */
export function addressOf(number: number): string {
  return `10.88.${1 + (number >> 8)}.${number & 255}/16`
}

export function numbersTo(count: number): number[] {
  return Array.from({length: count}, (_, index) => index + 1)
}

/** The loop of an admin's shell, over these numbers. */
export async function loop([program, ...words]: Command, numbers: readonly number[]): Promise<void> {
  await execa('xargs', ['-P', String(AT_ONCE), '-I{}', program, ...words], {
    input: numbers.join('\n'),
    // Not to be waited for: servers keep them open.
    stdout: 'ignore',
    stderr: 'inherit',
  })
}

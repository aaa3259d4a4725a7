import type {Contender} from './contender.ts'
import {lxc} from './lxc.ts'
import {podman} from './podman.ts'
import {crun, runc} from './runc.ts'
import {vpsApply, vpsStart} from './vps.ts'

export const CONTENDERS = {vpsStart, vpsApply, lxc, runc, crun, podman} as const satisfies Record<
  string,
  Contender
>
export type ContenderName = keyof typeof CONTENDERS

import type {Definition} from '../definition/index.ts'
import type {Wishes} from './wishes.ts'

export function memoryLimits(
  wishes: Wishes,
  {high, limit, swap, oomGroup, guarantee, reserve}: Definition['resources']['memory'],
): void {
  const {pageSize} = wishes.facts
  // The kernel counts pages, and rounds down.
  const pages = (bytes: number): string => String(Math.floor(bytes / pageSize) * pageSize)
  const key = (name: string): string[] => ['resources', 'memory', name]
  // First the one that slows down, then the one that kills.
  if (high !== null) wishes.want(key('high'), 'payload', 'memory.high', pages(high))
  if (limit !== null) wishes.want(key('limit'), 'payload', 'memory.max', pages(limit))
  if (swap !== null) wishes.want(key('swap'), 'payload', 'memory.swap.max', swapText(swap, pages))
  if (oomGroup) wishes.want(key('oomGroup'), 'payload', 'memory.oom.group', '1')
  // Protection ends where the parent has none: it must stand on both levels.
  for (const group of ['server', 'payload'] as const) {
    if (guarantee !== null) wishes.want(key('guarantee'), group, 'memory.min', pages(guarantee))
    if (reserve !== null) wishes.want(key('reserve'), group, 'memory.low', pages(reserve))
  }
}

function swapText(swap: number | 'none' | 'max', pages: (bytes: number) => string): string {
  if (swap === 'max') return 'max'
  return swap === 'none' ? '0' : pages(swap)
}

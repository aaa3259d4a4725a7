import type {ServerRoot} from './root.ts'

/** Distributions that do the same things in the same way. `plain`: none that is known, only what every Unix has. */
export type Family = 'debian' | 'alpine' | 'rhel' | 'plain'

const FAMILIES: Readonly<Record<string, Family>> = {
  debian: 'debian',
  ubuntu: 'debian',
  alpine: 'alpine',
  rhel: 'rhel',
  fedora: 'rhel',
  centos: 'rhel',
  rocky: 'rhel',
  almalinux: 'rhel',
  ol: 'rhel',
  amzn: 'rhel',
}

/** The family by the text of os-release(5): by its own id, else by those it is like. */
export function familyOf(osRelease: string | undefined): Family {
  const value = (key: string): string =>
    new RegExp(`^${key}=["']?([^"'\\n]*)`, 'm').exec(osRelease ?? '')?.[1] ?? ''
  const ids = [value('ID'), ...value('ID_LIKE').split(/\s+/)]
  return ids.map(id => FAMILIES[id]).find(family => family !== undefined) ?? 'plain'
}

export function readFamily(root: ServerRoot): Family {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    const text = root.shown(path)
    if (text !== undefined) return familyOf(text)
  }
  return 'plain'
}

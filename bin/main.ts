/*
 * The entry of the CLI. Only what must happen before anything else is loaded stands here: the compile cache is switched
 * on, so that everything imported after it comes precompiled on the second run.
 */
import {lstatSync, mkdirSync} from 'node:fs'
import {enableCompileCache} from 'node:module'
import {dirname, join} from 'node:path'
import process from 'node:process'

const root = dirname(import.meta.dirname)
enableSafeCompileCache()
const {main} = await import('../src/ui/index.ts')
await main({root, argv: process.argv.slice(2)})

/**
 * Code read from the cache is executed, so the directory must be one that nobody but the user who runs vps can write:
 * made by us or owned by us, and closed to others. A checkout keeps its cache in `dist`, an installation in /var/cache.
 */
function enableSafeCompileCache(): void {
  const user = process.geteuid?.() ?? -1
  const checkout = isDirectory(join(root, 'src'))
  const places = [checkout ? join(root, 'dist', '.cache') : '/var/cache/vps', `/tmp/.vps-cache-${user}`]
  for (const place of places) {
    try {
      mkdirSync(place, {mode: 0o700})
    } catch {
      // There already, or not writable: the check below tells.
    }
    if (isPrivate(place, user)) {
      enableCompileCache(place)
      return
    }
  }
}

function isDirectory(path: string): boolean {
  return lstatSync(path, {throwIfNoEntry: false})?.isDirectory() ?? false
}

function isPrivate(path: string, user: number): boolean {
  const status = lstatSync(path, {throwIfNoEntry: false})
  return status?.isDirectory() === true && status.uid === user && (status.mode & 0o022) === 0
}

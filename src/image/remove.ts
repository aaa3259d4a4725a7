/**
 * Removes a tree that others made; a missing one is fine. By rm(1): it walks by descriptors, so that paths deeper than PATH_MAX,
 * which an archive can make on purpose, are no obstacle, and it stays on one file system.
 */
export async function removeRoot(path: string): Promise<void> {
  const {execa} = await import('execa') // lists and the like do without
  await execa('rm', ['-rf', '--one-file-system', '--', path])
}

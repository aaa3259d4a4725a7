/** Where the profile `name` is, or would be. */
export function profileFile(directory: string, name: string): string {
  return `${directory}/${name}.yaml`
}

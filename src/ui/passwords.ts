/** Passwords that were made for users of a server, for the one time that they are told. */
export function passwordLines(
  server: string,
  generated: readonly {readonly user: string; readonly password: string}[] = [],
): string[] {
  return generated.map(({user, password}) => `${server}: password of ${user}: ${password}`)
}

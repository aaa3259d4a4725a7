import type {Paint} from './color.ts'

/** What each exit code means; help and docs/commands.md print this list. */
export const exitCodes: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'done'],
  ['1', 'failed'],
  ['2', 'wrong use, or an invalid definition'],
  ['3', 'no such server'],
  ['4', 'the server is in the wrong state for this'],
  ['5', 'the host cannot: a privilege or a kernel feature is missing (see vps doctor)'],
  [
    '6',
    'vps capacity: the servers were promised more than the host may promise; vps plan: applying would change something',
  ],
  ['130', 'vps apply was interrupted; the same command goes on'],
]

/** How `exec`, `enter` and `run` end instead. */
export const commandExitCodes: readonly (readonly [code: string, meaning: string])[] = [
  ['0…255', "the command's own status"],
  ['128+n', 'the command was ended by signal n'],
  ['127', 'the command was not found in the server'],
  ['126', 'the command is there but cannot be executed'],
  ['125', 'vps itself failed; the message on standard error says why'],
]

export function exitCodesPage(paint: Paint): string {
  const list = (rows: typeof exitCodes) =>
    rows.map(([code, meaning]) => `  ${code.padEnd(7)}${meaning}`).join('\n')
  return [
    `${paint('strong', 'Every command')}\n${list(exitCodes)}`,
    `${paint('strong', 'exec, enter, run')}\n${list(commandExitCodes)}`,
    'With several names every server is tried, and the exit code is that of the first one that failed.',
  ].join('\n\n')
}

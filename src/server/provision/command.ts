import type {Provision} from '../../definition/index.ts'
import {references, reveal} from './secrets.ts'
import type {Step} from './steps.ts'

/** A command to run in a server: nothing that is secret stands in its arguments, which everybody sees. */
export interface StepCommand {
  readonly argv: readonly string[]
  /** Its standard input. */
  readonly input: string
  /** What must not be seen in its output either. */
  readonly secrets: readonly string[]
}

/** The shell reads all of the script before it runs any of it, so that what it runs finds its standard input empty. */
const READ_AND_RUN = ['/bin/sh', '-c', 'eval "$(cat)"']

/**
 * By the package manager that is there. The lists of a server that just started may be locked by its own timers, and its network
 * may take a moment: so they are fetched more than once.
 */
const INSTALL = `
if command -v apt-get > /dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  for pause in 2 5 10 0; do
    apt-get -q update && break
    [ $pause = 0 ] && exit 100
    sleep $pause
  done
  exec apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install -- "$@"
fi
command -v apk > /dev/null && exec apk add --no-progress --update-cache -- "$@"
for manager in dnf microdnf yum; do
  command -v $manager > /dev/null && exec $manager -y install "$@"
done
echo 'this server has none of apt-get, apk, dnf and yum' >&2
exit 127
`

/** Only Debian and its kin make locales; elsewhere they are packages. */
const GENERATE_LOCALE = `
command -v locale-gen > /dev/null || exit 0
exec locale-gen
`

export function commandOf({kind, index}: Step, {packages, run}: Provision): StepCommand {
  if (kind === 'packages') return plain(['/bin/sh', '-c', INSTALL, 'vps-packages', ...packages])
  if (kind === 'generate-locale') return plain(['/bin/sh', '-c', GENERATE_LOCALE])
  const command = run[index] ?? []
  return Array.isArray(command) ? plain(command) : script(command)
}

function plain(argv: readonly string[]): StepCommand {
  return {argv, input: '', secrets: []}
}

/** Secrets become variables of the shell, so that what is in them is never taken for a part of the script. */
function script(text: string): StepCommand {
  const written = references(text)
  const secrets = written.map(reveal)
  const assignments = secrets.map(
    (secret, index) => `${variable(index)}='${secret.replaceAll("'", `'\\''`)}'\n`,
  )
  const body = written.reduce(
    (rest, reference, index) => rest.replaceAll(reference, `\${${variable(index)}}`),
    text,
  )
  return {argv: READ_AND_RUN, input: `${assignments.join('')}${body}\n`, secrets}
}

function variable(index: number): string {
  return `VPS_SECRET_${index + 1}`
}

import {readdirSync} from 'node:fs'
import {join} from 'node:path'
import {type CommandInfo, type FlagInfo, type Manifest, spokenName} from './manifest.ts'

export type CompletionShell = 'bash' | 'zsh'

/** What stands at a place of the command line. */
type Kind = 'server' | 'file' | 'profile' | 'template' | 'image' | 'command' | 'shell' | 'key' | ''

/** Kinds of words by the name of an argument or a flag. */
const kinds: Readonly<Record<string, Kind>> = {
  name: 'server',
  names: 'server',
  old: 'server',
  file: 'file',
  files: 'file',
  profile: 'profile',
  template: 'template',
  image: 'image',
  images: 'image',
  command: 'command',
  shell: 'shell',
}

/** Commands whose words after the first are assignments to keys of a definition. */
const assigning = new Set(['set'])

/** The names of new servers cannot be completed. */
const namesNew = new Set(['create'])

/**
 * The completion script of a shell. It knows commands and flags by heart and reads the names of servers, templates and images
 * as file names, so that pressing Tab starts no vps.
 * @param keys the keys of a definition, for what is assigned to them
 */
export function completionScript(
  shell: CompletionShell,
  manifest: Manifest,
  root: string,
  keys: readonly string[],
): string {
  const commands = Object.values(manifest.commands).filter(command => command.hidden !== true)
  const script = {commands, root, keys}
  return shell === 'bash' ? bashScript(script) : zshScript(script)
}

interface Script {
  readonly commands: readonly CommandInfo[]
  readonly root: string
  readonly keys: readonly string[]
}

function builtInTemplates(root: string): string[] {
  try {
    return readdirSync(join(root, 'rootfs-templates'))
      .filter(name => name.endsWith('.yaml'))
      .map(name => name.slice(0, -'.yaml'.length))
      .sort()
  } catch {
    return []
  }
}

function argumentKind(command: CommandInfo): Kind {
  const [first] = Object.keys(command.args)
  return first === undefined || namesNew.has(command.id) ? '' : (kinds[first] ?? '')
}

function flagWords(flags: readonly FlagInfo[]): string[] {
  return flags.flatMap(flag => [`--${flag.name}`, ...(flag.char === undefined ? [] : [`-${flag.char}`])])
}

function visibleFlags(command: CommandInfo): FlagInfo[] {
  return Object.values(command.flags).filter(flag => flag.hidden !== true)
}

/** Flags that take a value, as a `case` pattern, with the kind of the value. */
function valueFlags(commands: readonly CommandInfo[]): [pattern: string, kind: Kind][] {
  const found = new Map<string, Kind>()
  for (const flag of commands.flatMap(visibleFlags)) {
    if (flag.type !== 'option') continue
    for (const word of flagWords([flag])) found.set(word, kinds[flag.name] ?? '')
  }
  const byKind = Map.groupBy(found, ([, kind]) => kind)
  return [...byKind].map(([kind, words]) => [words.map(([word]) => word).join('|'), kind])
}

const listings = (root: string): string => `
__vps_servers() {
  local file
  for file in "\${VPS_ROOT:-}"/etc/vps/servers/*.yaml; do
    [ -e "$file" ] || continue
    file=\${file##*/}
    printf '%s\\n' "\${file%.yaml}"
  done
}
__vps_profiles() {
  local file
  for file in "\${VPS_ROOT:-}"/etc/vps/profiles/*.yaml; do
    [ -e "$file" ] || continue
    file=\${file##*/}
    printf '%s\\n' "\${file%.yaml}"
  done
}
__vps_templates() {
  local file
  printf '%s\\n' ${builtInTemplates(root).join(' ')}
  for file in "\${VPS_ROOT:-}"/etc/vps/templates/*.yaml; do
    [ -e "$file" ] || continue
    file=\${file##*/}
    printf '%s\\n' "\${file%.yaml}"
  done
}
__vps_images() {
  local file
  for file in "\${VPS_ROOT:-}"/var/lib/vps/images/*/; do
    [ -e "$file" ] || continue
    file=\${file%/}
    printf '%s\\n' "\${file##*/}"
  done
}`

/** `first words` that a command line may start with: `image` before `list`, too. */
function firstWords(commands: readonly CommandInfo[]): string[] {
  return [...new Set(commands.map(command => command.id.split(':')[0] ?? ''))].sort()
}

function topics(commands: readonly CommandInfo[]): [topic: string, words: string[]][] {
  const nested = commands.filter(command => command.id.includes(':'))
  const byTopic = Map.groupBy(nested, command => command.id.split(':')[0] ?? '')
  return [...byTopic].map(([topic, members]) => [
    topic,
    members.map(command => command.id.split(':')[1] ?? ''),
  ])
}

/** Where another program's words begin, completion is the shell's own. */
function passesOn(commands: readonly CommandInfo[]): string {
  return commands
    .filter(command => command.ownWords !== undefined)
    .map(command => command.id)
    .join('|')
}

function bashScript({commands, root, keys}: Script): string {
  return `# bash completion for vps; put it into /etc/bash_completion.d/vps, or: source <(vps completion bash)
${listings(root).trimStart()}
__vps() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local command=\${COMP_WORDS[1]} first=2 words='' kind='' index
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '${firstWords(commands).join(' ')} --help --version' -- "$current")
    return
  fi
  case $command in
${topics(commands)
  .map(
    ([topic, words]) => `  ${topic})
    if [ "$COMP_CWORD" -eq 2 ]; then
      mapfile -t COMPREPLY < <(compgen -W '${words.join(' ')}' -- "$current")
      return
    fi
    command="$command \${COMP_WORDS[2]}"
    first=3
    ;;`,
  )
  .join('\n')}
  esac
  case $command in
  ${passesOn(commands)})
    for ((index = first; index < COMP_CWORD; index++)); do
      if [ "\${COMP_WORDS[index]}" = -- ]; then
        mapfile -t COMPREPLY < <(compgen -o default -A command -- "$current")
        return
      fi
    done
    ;;
  esac
  case $previous in
${valueFlags(commands)
  .map(([pattern, kind]) => `  ${pattern}) kind=${kind === '' ? 'none' : kind} ;;`)
  .join('\n')}
  esac
  if [ -z "$kind" ]; then
    case $command in
${commands
  .map(
    command =>
      `    '${spokenName(command.id)}') words='${flagWords(visibleFlags(command)).join(' ')} --help' kind=${argumentKind(command)} ;;`,
  )
  .join('\n')}
    esac
    case $command in
    ${[...assigning].join('|')}) [ "$COMP_CWORD" -le "$first" ] || kind=key ;;
    esac
  fi
  case $current in
  -*) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current") ;;
  *)
    case $kind in
    server) mapfile -t COMPREPLY < <(compgen -W "$(__vps_servers)" -- "$current") ;;
    profile) mapfile -t COMPREPLY < <(compgen -W "$(__vps_profiles)" -- "$current") ;;
    template) mapfile -t COMPREPLY < <(compgen -W "$(__vps_templates)" -- "$current") ;;
    image) mapfile -t COMPREPLY < <(compgen -W "$(__vps_images)" -- "$current") ;;
    command) mapfile -t COMPREPLY < <(compgen -W '${firstWords(commands).join(' ')} exit-codes' -- "$current") ;;
    shell) mapfile -t COMPREPLY < <(compgen -W 'bash zsh' -- "$current") ;;
    key)
      [ "$previous" = = ] || [ "$current" = = ] && return
      compopt -o nospace
      mapfile -t COMPREPLY < <(compgen -S = -W '${keys.join(' ')}' -- "$current")
      ;;
    file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    esac
    ;;
  esac
}
complete -F __vps vps
`
}

function zshScript({commands, root, keys}: Script): string {
  return `#compdef vps
# zsh completion for vps; put it into a directory of $fpath as _vps, or: source <(vps completion zsh)
${listings(root).trimStart()}
_vps() {
  setopt localoptions nullglob
  local current=\${words[CURRENT]} previous=\${words[CURRENT-1]} command=\${words[2]} kind='' index first=3
  local -a flags
  if (( CURRENT == 2 )); then
    local -a commands
    commands=(
${describedWords(commands)}
    )
    _describe -t commands 'vps command' commands
    return
  fi
  case $command in
${topics(commands)
  .map(
    ([topic, words]) => `  ${topic})
    if (( CURRENT == 3 )); then
      compadd -- ${words.join(' ')}
      return
    fi
    command="$command \${words[3]}"
    first=4
    ;;`,
  )
  .join('\n')}
  esac
  case $command in
  ${passesOn(commands)})
    for (( index = first; index < CURRENT; index++ )); do
      if [[ \${words[index]} == -- ]]; then
        shift index words
        (( CURRENT -= index ))
        _normal
        return
      fi
    done
    ;;
  esac
  case $previous in
${valueFlags(commands)
  .map(([pattern, kind]) => `  ${pattern}) kind=${kind === '' ? 'none' : kind} ;;`)
  .join('\n')}
  esac
  if [[ -z $kind ]]; then
    case $command in
${commands
  .map(
    command =>
      `    '${spokenName(command.id)}') flags=(${flagWords(visibleFlags(command)).join(' ')} --help) kind='${argumentKind(command)}' ;;`,
  )
  .join('\n')}
    esac
    case $command in
    ${[...assigning].join('|')}) (( CURRENT > first )) && kind=key ;;
    esac
  fi
  if [[ $current == -* ]]; then
    compadd -- $flags
    return
  fi
  case $kind in
  server) compadd -- \${(f)"$(__vps_servers)"} ;;
  profile) compadd -- \${(f)"$(__vps_profiles)"} ;;
  template) compadd -- \${(f)"$(__vps_templates)"} ;;
  image) compadd -- \${(f)"$(__vps_images)"} ;;
  command) compadd -- ${firstWords(commands).join(' ')} exit-codes ;;
  shell) compadd -- bash zsh ;;
  key) compadd -S = -- ${keys.join(' ')} ;;
  file) _files ;;
  esac
}
if [[ $funcstack[1] == _vps ]]; then
  _vps "$@"
else
  compdef _vps vps
fi
`
}

function describedWords(commands: readonly CommandInfo[]): string {
  return firstWords(commands)
    .map(word => {
      const summary = commands.find(command => command.id === word)?.summary ?? `${word} commands`
      return `      '${word}:${summary.replaceAll("'", "'\\''").replaceAll(':', '\\:')}'`
    })
    .join('\n')
}

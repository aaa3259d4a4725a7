import {formatDuration} from '../../units.ts'
import {pathCheck} from '../checks.ts'
import {signalNumber} from '../signals.ts'
import {quote} from '../words.ts'
import type {Rule} from './rule.ts'

export const nameIsThatOfTheFile: Rule = ({definition, expectedName, isNameOfFile, report, written}) => {
  const {name} = definition
  if (expectedName === undefined || name === expectedName || name === '' || !written(['name'])) return
  const message = `name must be ${expectedName}${isNameOfFile ? ', as the file is called' : ''}, not ${quote(name)}`
  report('error', ['name'], message, `write ${expectedName}, or rename the server with vps rename`)
}

export const tagsOnce: Rule = ({definition, report}) => {
  for (const [index, tag] of definition.tags.entries()) {
    if (tag !== '' && definition.tags.indexOf(tag) < index)
      report('warning', ['tags', index], `tag ${tag} is written twice`)
  }
}

export const hostnameIsNotLocalhost: Rule = ({definition, report}) => {
  if (!/^localhost(\.|$)/i.test(definition.hostname)) return
  report(
    'warning',
    ['hostname'],
    'hostname localhost makes the server look like every other host',
    'give it a name of its own',
  )
}

/** Set by vps for every server. */
const OURS = ['container', 'container_uuid', 'NOTIFY_SOCKET']

export const environmentLeavesOursAlone: Rule = ({definition, report}) => {
  for (const name of OURS) {
    if (Object.hasOwn(definition.env, name))
      report('error', ['env', name], `env.${name} is set by vps itself`, 'remove it')
  }
}

export const restartLimitsNeedAPolicy: Rule = ({definition, report, written}) => {
  if (definition.restart.policy !== 'no' || definition.health.action === 'restart') return
  for (const name of ['max', 'window', 'delay', 'maxDelay']) {
    if (!written(['restart', name])) continue
    report(
      'warning',
      ['restart', name],
      `restart.${name} has no effect while restart.policy is no`,
      'set policy to on-failure or always',
    )
  }
}

export const afterIsNotItself: Rule = ({definition, expectedName, report}) => {
  const name = expectedName ?? definition.name
  for (const [index, other] of definition.after.entries()) {
    if (other === '') continue
    if (other === name)
      report('error', ['after', index], `server ${name} cannot come after itself`, 'remove it')
    else if (definition.after.indexOf(other) < index)
      report('warning', ['after', index], `server ${other} is named twice in after`)
  }
}

export const delayNeedsAutostart: Rule = ({definition, report, written}) => {
  const {enabled, delay} = definition.autostart
  if (enabled || delay === 0 || !written(['autostart', 'delay'])) return
  report(
    'warning',
    ['autostart', 'delay'],
    'autostart.delay has no effect without autostart.enabled',
    'write {enabled: true, delay: …}',
  )
}

const HOOKS = ['preStart', 'postStart', 'preStop', 'postStop', 'onFailure'] as const

export const hooksAreProgramsOfTheHost: Rule = ({definition, report}) => {
  for (const hook of HOOKS) {
    const [program] = definition.hooks[hook]
    const complaint = program === undefined ? undefined : pathCheck(program)
    if (complaint === undefined) continue
    const way = 'a hook is a program of the host, without a shell: write its path in full'
    report('error', ['hooks', hook, 0], `hooks.${hook}[0] ${complaint.says}`, way)
  }
}

export const stopGivesTime: Rule = ({definition, report}) => {
  if (definition.stop.timeout > 0) return
  report(
    'warning',
    ['stop', 'timeout'],
    'stop.timeout 0 kills the server at once: nothing in it can shut down',
  )
}

export const stopSignalCanBeHandled: Rule = ({definition, report}) => {
  const number = definition.stop.signal === 'auto' ? undefined : signalNumber(definition.stop.signal)
  if (number !== signalNumber('SIGKILL') && number !== signalNumber('SIGSTOP')) return
  const message = `stop.signal ${definition.stop.signal} cannot be handled by any program: nothing in the server can shut down`
  report('warning', ['stop', 'signal'], message, 'use auto')
}

const LONG_STOP = 10 * 60_000

export const stopDoesNotHoldUpTheHost: Rule = ({definition, report}) => {
  const {timeout} = definition.stop
  if (timeout <= LONG_STOP) return
  const message = `stop.timeout ${formatDuration(timeout)} can hold up a shutdown of the host as long`
  report('recommendation', ['stop', 'timeout'], message, `${formatDuration(LONG_STOP)} is enough for most`)
}

export const consoleKeepsThePast: Rule = ({definition, report}) => {
  if (definition.console.files !== 1) return
  report(
    'recommendation',
    ['console', 'files'],
    'console.files 1 throws the whole log away when it is full',
    'keep at least 2',
  )
}

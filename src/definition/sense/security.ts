import type {AllowName} from '../allow.ts'
import type {Rule} from './rule.ts'

export const capabilitiesEitherWay: Rule = ({definition, report}) => {
  const {add, drop} = definition.security.capabilities
  for (const [index, name] of drop.entries()) {
    if (name === '' || !add.includes(name)) continue
    report(
      'error',
      ['security', 'capabilities', 'drop', index],
      `capability ${name} is both added and dropped`,
      'remove one of them',
    )
  }
}

export const capabilitiesOnce: Rule = ({definition, report}) => {
  for (const way of ['add', 'drop'] as const) {
    const names = definition.security.capabilities[way]
    for (const [index, name] of names.entries()) {
      if (name === '' || names.indexOf(name) === index) continue
      report(
        'warning',
        ['security', 'capabilities', way, index],
        `security.capabilities.${way}: ${name} is written twice`,
      )
    }
  }
}

export const allowOnce: Rule = ({definition, report}) => {
  const {allow} = definition.security
  for (const [index, name] of allow.entries()) {
    if (name && allow.indexOf(name) < index)
      report('warning', ['security', 'allow', index], `security.allow: ${name} is written twice`)
  }
}

/** What is opened, and the capability without which it is of no use. */
const NEEDS: readonly (readonly [AllowName, string])[] = [
  ['nesting', 'sys_admin'],
  ['fuse', 'sys_admin'],
  ['tun', 'net_admin'],
]

export const allowHasItsCapability: Rule = ({definition, report}) => {
  const {allow, capabilities} = definition.security
  for (const [name, capability] of NEEDS) {
    if (!allow.includes(name) || !capabilities.drop.includes(capability)) continue
    const message = `security.allow: ${name} is of no use without the capability ${capability}, which is dropped`
    report('warning', ['security', 'allow', allow.indexOf(name)], message)
  }
}

/**
 * Capabilities count in the user namespace that owns the object; the host's network belongs to the host's
 * (user_namespaces(7)).
 */
export const hostNetworkHasNoMaster: Rule = ({definition, report}) => {
  if (definition.network.mode !== 'host') return
  const {allow, capabilities} = definition.security
  for (const name of ['net_admin', 'net_raw', 'net_bind_service']) {
    const index = capabilities.add.indexOf(name)
    if (index < 0) continue
    report(
      'warning',
      ['security', 'capabilities', 'add', index],
      `capability ${name} has no effect with network: host`,
    )
  }
  const tun = allow.indexOf('tun')
  if (tun >= 0)
    report('warning', ['security', 'allow', tun], 'security.allow: tun has no effect with network: host')
}

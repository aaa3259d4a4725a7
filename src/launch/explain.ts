import {type LaunchPlan, type LaunchStep, originText} from './plan.ts'

type Words = (args: readonly string[]) => string

/** `flags` of a mount as words after a comma, or nothing. */
const flags = (list = ''): string => (list === '' ? '' : `, ${list.replaceAll(',', ', ')}`)

/** One sentence an operation; what is not here is shown as it is. */
const SENTENCES: Readonly<Record<string, Words>> = {
  cgroup: ([path]) => `make the cgroup ${path} with supervisor and payload`,
  'user-namespace': ([first, count]) =>
    `make a user namespace: ids 0 to ${Number(count) - 1} are ${first} and up on the host`,
  'network-namespace': () => 'make a network namespace',
  'link-veth': ([name, host, mtu]) =>
    `make the link ${host}, whose other end is ${name} in the server (MTU ${mtu})`,
  'link-macvlan': ([name, parent]) => `make ${name} in the server on top of ${parent}`,
  'link-physical': ([name, parent]) => `move ${parent} into the server as ${name}`,
  'bridge-port': ([host, bridge, vlan]) =>
    `make ${host} a port of the bridge ${bridge}${vlan === '0' ? '' : `, in VLAN ${vlan}`}`,
  'link-address': ([name, address]) => `give ${name} the address ${address}`,
  'link-neighbour': ([name, address, mac]) => `tell ${name} that ${address} is ${mac}`,
  'link-route': ([name, destination, gateway, source]) =>
    `lead ${destination} to ${name}${gateway === '' ? '' : ` by ${gateway}`}${source === '' ? '' : `, from ${source}`}`,
  'link-rule': ([name, source, table]) => `lead what is from ${source} by ${name} (table ${table})`,
  'host-address': ([host, address]) => `give ${host} on the host the address ${address}`,
  'host-neighbour': ([host, address, mac]) => `tell the host that ${address} on ${host} is ${mac}`,
  'host-route': ([host, destination, gateway]) =>
    `lead ${destination} to ${host}${gateway === undefined || gateway === '' ? '' : `, by ${gateway}`}`,
  'host-localhost': ([host]) => `let answers to the host's ::1 come by ${host}`,
  'host-setting': ([family, host, name, value]) => `set ${name} of ${host} to ${value} (${family})`,
  shape: ([host, into, out]) => `hold ${host} to ${into} bit/s in and ${out} bit/s out (0: no ceiling)`,
  'nft-element': ([, table, set]) => `put it into the set ${set} of the rules (table ${table})`,
  'nft-chain': ([, table, chain]) => `have the chain ${chain} of the rules (table ${table})`,
  'guest-namespaces': () => 'make mount, pid, ipc, uts and cgroup namespaces, init being born in the cgroup',
  controllers: ([required = '', wanted = '']) => `hand down the controllers ${words(required, wanted)}`,
  'cgroup-write': ([group, file, value, expect]) =>
    `write \`${value}\` to ${file} of ${group === 'server' ? 'the server' : 'its payload'}${expect === '' ? '' : ', and read it back'}`,
  devices: rules => `let no other devices be used than ${rules.join(' ')}`,
  sysctl: ([name, value]) => `set ${name} to ${value}, as the server's root`,
  'ipc-sysctl': ([name, value]) => `set ${name} to ${value} in the ipc namespace`,
  rlimit: ([name, soft, hard]) => `limit ${name} to ${soft} (at most ${hard})`,
  'oom-score-adjust': ([score]) => `set the OOM score adjustment to ${score}`,
  layer: ([source]) => `take ${source} as a read-only layer, owner ids shifted`,
  overlay: ([layer]) => `mount the root: the layers below, ${layer} on top, owner ids shifted`,
  bind: ([source, target, list]) => `mount ${source} at ${target}${flags(list)}`,
  tmpfs: ([target, list, options]) => `mount memory at ${target} (${options})${flags(list)}`,
  proc: ([target, list]) => `mount proc at ${target}${flags(list)}`,
  sysfs: ([target, list]) => `mount sysfs at ${target}${flags(list)}`,
  cgroup2: ([target, list]) => `mount the server's own cgroup tree at ${target}${flags(list)}`,
  devpts: ([target, list]) => `mount the server's own pty devices at ${target}${flags(list)}`,
  mqueue: ([target, list]) => `mount POSIX message queues at ${target}${flags(list)}`,
  directory: ([path, mode]) => `make the directory ${path} (mode ${mode})`,
  symlink: ([text, path]) => `link ${path} to ${text}`,
  device: ([path, major, minor, mode]) => `make the device ${path} (${major}:${minor}, mode ${mode})`,
  console: ([path]) => `open a pty as ${path}, its other end held by the supervisor`,
  notify: ([path]) => `open the socket ${path} where init says that it is ready`,
  usage: ([path]) => `show its account at ${path}, read-only`,
  mask: ([path]) => `hide ${path}`,
  readonly: ([path]) => `write-protect ${path}`,
  hostname: ([name]) => `set the hostname ${name}`,
  loopback: () => 'bring lo up',
  root: () => "make the new root /, let go of the host's tree",
  file: ([path]) => `write ${path}`,
  'own-file': ([path]) => `write ${path}, unless somebody in the server has written another`,
  keyring: () => 'join an empty session keyring',
  capabilities: ([list = '']) => `keep ${list.split(',').length} capabilities in the bounding set (${list})`,
  seccomp: ([hex = '']) => `load the seccomp filter (${hex.length / 16} instructions)`,
  environment: ([assignment]) => `set ${assignment} in the environment`,
  exec: args => `execute ${args.join(' ')}`,
  'exec-vps-init': args => `execute ${args.join(' ')} (brought by vps)`,
}

function words(required: string, wanted: string): string {
  const all = [required, wanted === '' ? '' : `${wanted} (as far as there are)`].filter(text => text !== '')
  return all.length === 0
    ? 'nobody asks for: none'
    : all.join(', ').replaceAll(',', ', ').replaceAll('  ', ' ')
}

function sentence({op, arguments: args, origin}: LaunchStep): string {
  const words = SENTENCES[op]?.(args) ?? [op, ...args].join(' ')
  return origin ? `${words}  [${originText(origin)}]` : words
}

/** The plan in words, a numbered line a step; `vps start --explain` prints it. */
export function explain(plan: LaunchPlan): string {
  const width = String(plan.steps.length).length
  return plan.steps.map((step, index) => `${String(index + 1).padStart(width)}. ${sentence(step)}\n`).join('')
}

/*
 * The YAML language of a server, each key declared once: its kind, default, check, documentation, and when a change takes
 * effect. Everything else that knows the keys (types, validator, JSON Schema, reference page, editor) walks this.
 * The order here is the order in which keys are documented.
 */
import {ALLOW} from './allow.ts'
import {CAPABILITIES} from './capabilities.ts'
import * as check from './checks.ts'
import {health, restart} from './health-keys.ts'
import {hooks} from './hook-keys.ts'
import {
  bytes,
  choice,
  duration,
  either,
  flag,
  group,
  key,
  list,
  openSection,
  required,
  section,
  table,
  text,
  type ValueOf,
  whole,
} from './kinds.ts'
import {NAME_PATTERN} from './names.ts'
import {network, project} from './network-keys.ts'
import {networkWord} from './network-words.ts'

import {after, autostart} from './order-keys.ts'

import {provision} from './provision-keys.ts'

import {enforce, limits, profiles, resources, sysctl} from './resource-keys.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const DAY = 24 * HOUR
const KIB = 1024
const GIB = 1024 ** 3

const path = text({
  expected: 'an absolute path',
  check: check.pathCheck,
  normalise: check.plainPath,
  pattern: check.PATH_PATTERN,
})

const capability = text({
  expected: 'a capability such as net_raw',
  check: check.capabilityCheck,
  words: CAPABILITIES,
  closed: true,
})

const argument = text({expected: 'text', anyScalar: true, lines: true, maxLength: 131_000})

const mountOption = choice({
  nosuid: 'Set-user-id and set-group-id bits and file capabilities have no effect below the mount.',
  nodev: 'Device nodes below the mount cannot be opened.',
  noexec: 'No program below the mount can be run.',
  noatime: 'Reading does not update the access time of files.',
  recursive:
    'Mounts below the source come along; without it the server sees the empty directories beneath them.',
  noidmap:
    'Owner ids are not shifted: every file shows as nobody in the server. Only for file systems that cannot be idmapped.',
})

const mount = section(
  {
    source: required(path, {
      says: 'The directory or file on the host.',
      example: '/srv/web1',
      change: 'restart',
      aka: ['src', 'host', 'from', 'device'],
    }),
    target: required(path, {
      says: 'Where it appears in the server. Made if it is missing.',
      example: '/srv/www',
      change: 'restart',
      aka: ['destination', 'dest', 'dst', 'path', 'to', 'mountpoint'],
    }),
    readonly: key(flag, {
      says: 'The server can read it but not change it.',
      example: 'true',
      change: 'restart',
      default: false,
      aka: ['ro', 'read_only'],
    }),
    optional: key(flag, {
      says: 'Start without it when the source does not exist, instead of failing.',
      example: 'true',
      change: 'restart',
      default: false,
      aka: ['nofail'],
    }),
    options: key(list(mountOption), {
      says: 'Restrictions and variations of the mount.',
      example: '[nosuid, nodev]',
      change: 'restart',
      default: [],
      aka: ['flags'],
    }),
  },
  {instead: check.mountInstead},
)

export const definitionSchema = section(
  {
    name: key(
      text({
        expected: 'the name of a server',
        check: check.serverNameCheck,
        pattern: NAME_PATTERN,
        maxLength: 4096,
      }),
      {
        says: 'What the server is called. Must be the name of the file; change both with `vps rename`.',
        example: 'web1',
        change: 'restart',
        default: '',
        defaultSays: 'the name of the file without `.yaml`',
      },
    ),
    description: key(text({expected: 'text', lines: true}), {
      says: 'A note for people, shown by `vps show`.',
      example: 'The shop of Miller Ltd, moved here in May',
      change: 'live',
      default: '',
      aka: ['comment', 'notes'],
    }),
    tags: key(list(text({expected: 'a tag', check: check.tagCheck, pattern: check.TAG_PATTERN})), {
      says: 'Words to select servers by, as in `vps stop --tag miller`.',
      example: '[web, miller]',
      change: 'live',
      default: [],
      aka: ['labels', 'groups'],
    }),
    profiles: key(profiles, {
      says: 'Partial definitions to build on, from `/etc/vps/profiles/NAME.yaml`, in this order: what a later one says wins, and what is written here wins over all of them. Mappings are merged key by key; a list or a single value replaces the one before. `vps show --effective` says where each value comes from.',
      example: '[debian, small]',
      change: 'live',
      default: [],
      aka: ['profile', 'extends', 'inherit', 'inherits', 'base', 'include', 'ostemplate'],
    }),
    template: key(
      openSection(
        {
          name: required(
            text({
              expected: 'the name of a template',
              check: check.templateNameCheck,
              pattern: check.TEMPLATE_PATTERN,
            }),
            {
              says: 'Which template. `vps template list` shows those of this host.',
              example: 'debian',
              change: 'restart',
            },
          ),
        },
        'name',
      ),
      {
        says: 'The recipe of the root file system: a name, or a mapping with a name and parameters of the template, which `vps template show` lists. Used when the server is created; a later change does not touch its files.',
        example: '{name: debian, suite: bookworm, packages: [nginx]}',
        change: 'restart',
        default: {name: 'host'},
        aka: ['image', 'os', 'rootfs', 'distribution'],
      },
    ),
    hostname: key(
      text({
        expected: 'a host name',
        check: check.hostnameCheck,
        pattern: check.HOSTNAME_PATTERN,
        maxLength: check.HOSTNAME_MAX,
      }),
      {
        says: 'The host name inside the server, after RFC 1123, at most 64 characters.',
        example: 'web1.example.net',
        change: 'restart',
        default: '',
        defaultSays: 'the name of the server',
        aka: ['host', 'fqdn', 'domainname'],
      },
    ),
    init: key(
      either(
        text({
          expected: 'auto, persist, the absolute path of a program, or a list: a command and its arguments',
          check: check.initCheck,
          words: check.INIT_WORDS,
          pattern: '^(auto|persist|/.*)$',
        }),
        list(argument, {min: 1}),
      ),
      {
        says: "The first process. `auto`: the root file system's own init, or `vps-init` if it has none. `persist`: `vps-init` without any service, a jail that stays up. A path: that program is process 1. A list: that command, run below `vps-init`; the server ends with it.",
        example: '[nginx, -g, daemon off;]',
        change: 'restart',
        default: 'auto',
        aka: ['command', 'cmd', 'entrypoint', 'exec'],
      },
    ),
    env: key(table(argument, {checkName: check.envNameCheck, namePattern: check.ENV_PATTERN}), {
      says: 'Environment variables of the first process. Numbers, true and false are taken exactly as they are written.',
      example: '{LANG: C.UTF-8, PORT: 8080}',
      change: 'restart',
      default: {},
      aka: ['environment', 'variables'],
    }),
    mounts: key(list(mount), {
      says: 'Directories and files of the host to show in the server. Owner ids are shifted: root of the server is the owner of what root owns on the host. So a file with the set-user-id bit that the server makes there counts on the host too: keep a writable source below a directory that users of the host cannot enter (mode 0700).',
      example: '[{source: /srv/web1, target: /srv/www, readonly: true}]',
      change: 'restart',
      default: [],
      aka: ['volumes', 'binds', 'mount', 'disks'],
    }),
    security: group(
      section({
        capabilities: group(
          section({
            add: key(list(capability), {
              says: 'Capabilities to keep beyond the default ones. They count inside the server only, never on the host.',
              example: '[sys_nice]',
              change: 'restart',
              default: [],
              aka: ['keep'],
            }),
            drop: key(list(capability), {
              says: 'Capabilities to take away from the default ones, for every process of the server.',
              example: '[net_raw]',
              change: 'restart',
              default: [],
              aka: ['remove', 'deny'],
            }),
          }),
          {
            says: 'Changes to the bounding set of capabilities(7). Names in lower case without `cap_`.',
            example: '{drop: [net_raw]}',
            change: 'restart',
            aka: ['caps'],
          },
        ),
        allow: key(list(choice(ALLOW)), {
          says: 'What to open that is closed by default.',
          example: '[fuse, tun]',
          change: 'restart',
          default: [],
          aka: ['features'],
        }),
      }),
      {
        says: 'How the server is confined. The default is tight and lets systemd, package managers and usual services work.',
        example: '{capabilities: {drop: [net_raw]}}',
        change: 'restart',
        aka: ['confinement'],
      },
    ),
    resources: group(resources, {
      says: 'What the server may take of the host, and what it always has. Everything is enforced by cgroup v2 and read back; a limit that this host cannot enforce keeps the server from starting (see `enforce`).',
      example: '{cpu: {limit: 1.5}, memory: {limit: 1GiB, swap: 0}, pids: 500}',
      change: 'live',
      aka: ['resource', 'cgroup', 'quota', 'quotas'],
    }),
    limits: key(limits, {
      says: 'Limits of setrlimit(2), for every process of the server. A number is both the soft and the hard limit; `soft:hard` sets them apart; `unlimited` is none. They bound a process or a user; for the server as a whole see `resources`.',
      example: '{nofile: 1024:65536, memlock: 64MiB, core: 0}',
      change: 'restart',
      default: {},
      aka: [
        'rlimits',
        'rlimit',
        'ulimit',
        'ulimits',
        'prlimit',
        'numfile',
        'nofile',
        'openfiles',
        'memlock',
        'LimitNOFILE',
        'LimitNPROC',
        'LimitMEMLOCK',
        'LimitCORE',
        'LimitSTACK',
      ],
    }),
    sysctl: key(sysctl, {
      says: 'Settings of the kernel that the namespaces of a server have for themselves: `net.*` (not with `network: host`), `fs.mqueue.*`, `user.max_*` and the `kernel.{sem,shm*,msg*}` of System V IPC. With dots, or with slashes as below `/proc/sys`.',
      example: '{net.ipv4.ip_forward: 1, net.ipv4.ip_unprivileged_port_start: 80}',
      change: 'restart',
      default: {},
      aka: ['sysctls', 'kernel', 'tunables'],
    }),
    enforce: key(enforce, {
      says: 'What to do when this host cannot enforce a limit that is written here, for example because a controller is mounted as cgroup v1.',
      example: 'best-effort',
      change: 'restart',
      default: 'strict',
      aka: ['allow-unenforced', 'allowUnenforced', 'unenforced', 'strict'],
    }),
    restart: group(restart, {
      says: 'Whether the server is started again when it ends by itself. A reboot from inside always starts it again.',
      example: '{policy: on-failure, max: 5, window: 10m}',
      change: 'live',
    }),
    after: key(after, {
      says: 'Servers of this host that come before this one: `vps boot` and `vps apply` start it once these are up (ready and, where they have a `health` check, healthy), and `vps shutdown` stops it before them. `vps start` looks at no order.',
      example: '[db1, cache1]',
      change: 'live',
      default: [],
      aka: ['depends_on', 'depends', 'dependsOn', 'requires', 'wants', 'needs', 'order', 'startup'],
    }),
    autostart: group(autostart, {
      says: 'Whether `vps boot` starts the server, which the service of `vps install-service` runs when the host boots. A server without it comes up again too if it ran when the host went down and `restart.policy` is not `no`.',
      example: '{enabled: true, delay: 5s}',
      change: 'live',
      aka: ['onboot', 'boot', 'enabled'],
    }),
    stop: group(
      section({
        signal: key(
          text({
            expected: 'auto or the name of a signal such as SIGTERM',
            check: check.signalCheck,
            normalise: check.fullSignal,
            words: ['auto', 'SIGTERM', 'SIGPWR', 'SIGUSR2', 'SIGRTMIN+3'],
          }),
          {
            says: 'The signal that asks the first process to shut down. `auto`: the one its init understands.',
            example: 'SIGTERM',
            change: 'live',
            default: 'auto',
          },
        ),
        timeout: key(duration(0, DAY), {
          says: 'How long it may take before every process of the server is killed.',
          example: '30s',
          change: 'live',
          default: 30 * SECOND,
          aka: ['grace', 'wait'],
        }),
      }),
      {says: 'How the server is stopped.', example: '{timeout: 2m}', change: 'live'},
    ),
    hooks: group(hooks, {
      says: 'Programs of the host that are run when something happens to the server: each a list, the absolute path of a program of root and its arguments, without a shell. They learn which server it is from `VPS_NAME` and others in their environment, and from JSON on standard input.',
      example: '{postStart: [/usr/local/sbin/note, started], timeout: 10s}',
      change: 'live',
      aka: ['hook', 'scripts', 'actions', 'exec.created', 'hookscript', 'triggers'],
    }),
    health: group(health, {
      says: 'Whether the server does its work, found out by a check every now and then: one of `exec`, `tcp` and `http`. Without one nothing is checked. A server with a check counts as up once it was passed: for `vps start --wait` and for servers that start `after` it.',
      example: '{http: "http://localhost/healthz", interval: 10s, retries: 3, action: restart}',
      change: 'live',
      aka: [
        'healthcheck',
        'health_check',
        'healthCheck',
        'livenessProbe',
        'readinessProbe',
        'probe',
        'check',
      ],
    }),
    console: group(
      section({
        size: key(bytes(4 * KIB, GIB), {
          says: 'How large the file may grow before it is rotated.',
          example: '1MiB',
          change: 'restart',
          default: KIB * KIB,
          aka: ['max_size', 'log_size'],
        }),
        files: key(whole(1, 100), {
          says: 'How many files are kept, the current one included.',
          example: '4',
          change: 'restart',
          default: 4,
          aka: ['count', 'keep'],
        }),
      }),
      {
        says: "The log of the server's console, which `vps logs` reads.",
        example: '{size: 1MiB, files: 4}',
        change: 'restart',
        aka: ['log', 'logs', 'logging'],
      },
    ),
    project: key(project, {
      says: 'Servers of one project reach each other and know each other by name; servers of different projects do neither, unless a rule of a firewall says so.',
      example: 'miller',
      change: 'restart',
      default: 'default',
      aka: ['tenant', 'customer', 'namespace', 'zone', 'stack'],
    }),
    network: group(network, {
      says: 'The network of the server. `none` and `host` are short for `{mode: none}` and `{mode: host}`.',
      example: '{links: [{addresses: [auto]}], publish: ["8080:80/tcp"], firewall: {in: deny}}',
      change: 'restart',
      aka: ['net', 'networking'],
    }),
    provision: group(provision, {
      says: 'What is set up in the server once, when it is made: users, keys, files, packages, commands. What is added later is done at the next start. `vps provision` does what is not done yet; with `--again` it does everything anew.',
      example:
        '{users: [{name: admin, sudo: true, password: generate}], packages: [nginx], timezone: Europe/Berlin}',
      change: 'restart',
      aka: [
        'cloud-init',
        'cloud_init',
        'cloudinit',
        'user-data',
        'user_data',
        'setup',
        'firstboot',
        'provisioning',
      ],
    }),
  },
  {otherwise: networkWord},
)

const {name: _name, profiles: _profiles, ...profileKeys} = definitionSchema.keys

/** What may stand in a profile. */
export const profileSchema = section(profileKeys, {
  otherwise: networkWord,
  refused: {
    name: 'a profile serves many servers',
    profiles: 'a profile cannot build on others: name them one after the other in the definition',
  },
})

/** What a server shall be: a definition after its defaults. */
export type Definition = ValueOf<typeof definitionSchema>
export type Mount = Definition['mounts'][number]
export type MountOption = Mount['options'][number]
export type RestartPolicy = Definition['restart']['policy']
export type Network = Definition['network']
export type Link = Network['links'][number]
export type Firewall = Network['firewall']
export type Resources = Definition['resources']
export type Provision = Definition['provision']
export type Rates = Resources['io']['read']

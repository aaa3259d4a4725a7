/*
 * The keys below `provision`, for `schema.ts`: what is set up in a server once, when it is made. How, is the business of
 * `src/server/provision`.
 */
import {PATH_PATTERN, pathCheck, plainPath} from './checks.ts'
import {either, key, list, optional, required, section, text, whole} from './kinds.ts'
import * as check from './provision-checks.ts'

const LONGEST_TEXT = 131_000
const LAST_ID = 65_533

const account = text({
  expected: 'the name of an account',
  check: check.accountCheck,
  pattern: check.ACCOUNT_PATTERN,
  maxLength: 32,
})

const owner = text({
  expected: 'the name or the number of an account',
  anyScalar: true,
  check: check.ownerCheck,
})

const sudo = text({
  expected: 'true, false or nopasswd',
  anyScalar: true,
  words: ['true', 'false', 'nopasswd'],
  closed: true,
  check: value =>
    ['true', 'false', 'nopasswd'].includes(value) ? undefined : {says: 'must be true, false or nopasswd'},
})

const user = section({
  name: required(account, {
    says: 'What the user is called. One that the image has already, `root` for example, is completed.',
    example: 'admin',
    change: 'restart',
    aka: ['username', 'user', 'login'],
  }),
  sudo: key(sudo, {
    says: 'Whether the user may become root with sudo(8): as a member of the group `sudo` or `wheel`, and with `nopasswd` without being asked for the password. The program itself is a package.',
    example: 'true',
    change: 'restart',
    default: 'false',
    aka: ['admin', 'wheel', 'sudoer', 'doas'],
  }),
  sshKeys: key(
    list(
      text({expected: 'a public key of OpenSSH', check: check.sshKeyCheck, lines: true, maxLength: 16_384}),
      {
        single: true,
      },
    ),
    {
      says: 'Public keys that the user logs in with, as in `authorized_keys`. Those that are there already stay.',
      example:
        '["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKo8bVwbLDK096hBEh72upohOgIlxidx1hjrTDBz1Pjz anna@example.net"]',
      change: 'restart',
      default: [],
      aka: [
        'ssh_authorized_keys',
        'ssh-authorized-keys',
        'ssh_keys',
        'keys',
        'key',
        'sshKey',
        'authorized_keys',
      ],
    },
  ),
  password: optional(
    text({
      expected: 'generate, a hash of crypt(5) or a reference',
      check: check.passwordCheck,
      words: ['generate'],
    }),
    {
      says: `The password: a hash of crypt(5), a reference to one such as \`\${file:/root/hash}\` or \`\${env:HASH}\`, or \`generate\`: a random one, shown once when the user is made and kept nowhere.`,
      example: 'generate',
      change: 'restart',
      defaultSays: 'none: the user can log in with a key only',
      aka: ['passwd', 'hashed_passwd', 'hashedPassword', 'password_hash', 'pw'],
    },
  ),
  shell: optional(text({expected: 'an absolute path', check: check.fieldPathCheck, pattern: PATH_PATTERN}), {
    says: 'The login shell.',
    example: '/bin/zsh',
    change: 'restart',
    defaultSays: '`/bin/bash` where it is there, else `/bin/sh`',
  }),
  groups: key(list(account, {single: true}), {
    says: 'Further groups; those that are not there are made.',
    example: '[adm, docker]',
    change: 'restart',
    default: [],
    aka: ['group', 'extraGroups', 'supplementary_groups'],
  }),
  uid: optional(whole(1, LAST_ID), {
    says: 'The number of the user, and of the group of the same name.',
    example: '1000',
    change: 'restart',
    defaultSays: 'the first that is free from 1000 up',
    aka: ['id', 'user_id'],
  }),
  home: optional(
    text({
      expected: 'an absolute path',
      check: check.fieldPathCheck,
      normalise: plainPath,
      pattern: PATH_PATTERN,
    }),
    {
      says: 'The home directory.',
      example: '/srv/www',
      change: 'restart',
      defaultSays: '`/home/NAME`',
      aka: ['homedir', 'home_dir', 'directory'],
    },
  ),
  comment: key(text({expected: 'text', check: check.gecosCheck}), {
    says: 'The full name, or what else the account is for.',
    example: 'Anna Miller',
    change: 'restart',
    default: '',
    aka: ['gecos', 'fullName', 'full_name', 'description'],
  }),
})

const file = section({
  path: required(text({expected: 'an absolute path', check: check.filePathCheck, pattern: PATH_PATTERN}), {
    says: 'Where the file is in the server. Directories on the way are made.',
    example: '/etc/motd',
    change: 'restart',
    aka: ['target', 'dest', 'destination', 'name'],
  }),
  content: optional(
    text({
      expected: 'text',
      anyScalar: true,
      lines: true,
      check: check.secretsCheck,
      maxLength: LONGEST_TEXT,
    }),
    {
      says: `What is in it, as it is written. References such as \`\${file:/root/token}\` and \`\${env:TOKEN}\` are replaced by what is behind them.`,
      example: 'Managed by vps',
      change: 'restart',
      defaultSays: 'what is in `source`',
      aka: ['text', 'contents', 'data', 'body'],
    },
  ),
  source: optional(
    text({expected: 'an absolute path', check: pathCheck, normalise: plainPath, pattern: PATH_PATTERN}),
    {
      says: 'The file of the host that it is a copy of, at most 16MiB.',
      example: '/srv/vps/motd',
      change: 'restart',
      defaultSays: 'none: `content` says what is in it',
      aka: ['src', 'from'],
    },
  ),
  mode: key(
    text({expected: 'octal digits', anyScalar: true, check: check.modeCheck, pattern: check.MODE_PATTERN}),
    {
      says: 'Its permissions in octal.',
      example: '"0600"',
      change: 'restart',
      default: '0644',
      aka: ['permissions', 'perm', 'perms', 'chmod'],
    },
  ),
  owner: key(owner, {
    says: 'Whose it is: a name or a number of the server.',
    example: 'www-data',
    change: 'restart',
    default: 'root',
    aka: ['user', 'uid'],
  }),
  group: key(owner, {
    says: 'The group that it belongs to.',
    example: 'www-data',
    change: 'restart',
    default: '',
    defaultSays: 'the first group of the owner',
    aka: ['gid'],
  }),
})

const shellCommand = text({
  expected: 'a command',
  lines: true,
  check: check.secretsCheck,
  maxLength: LONGEST_TEXT,
})
const argument = text({
  expected: 'text',
  anyScalar: true,
  lines: true,
  check: check.argumentCheck,
  maxLength: LONGEST_TEXT,
})

export const provision = section({
  users: key(list(user), {
    says: 'Users to make, or to complete where the image has them.',
    example: '[{name: admin, sudo: true, password: generate}]',
    change: 'restart',
    default: [],
    aka: ['user', 'accounts'],
  }),
  groups: key(list(account, {single: true}), {
    says: 'Groups to make.',
    example: '[deploy]',
    change: 'restart',
    default: [],
    aka: ['group'],
  }),
  files: key(list(file), {
    says: 'Files to write, each in one go.',
    example: '[{path: /etc/motd, content: Managed by vps}]',
    change: 'restart',
    default: [],
    aka: ['write_files', 'file', 'copy'],
  }),
  packages: key(
    list(text({expected: 'a package', check: check.packageCheck, pattern: check.PACKAGE_PATTERN})),
    {
      says: 'Packages to install, by the package manager of the distribution (apt-get, apk or dnf), once the server runs.',
      example: '[openssh-server, sudo]',
      change: 'restart',
      default: [],
      aka: ['package', 'install', 'apt', 'pkgs'],
    },
  ),
  run: key(list(either(shellCommand, list(argument, {min: 1}))), {
    says: 'Commands to run in the server as root, one after the other, after everything else. A text is run by `/bin/sh`, and may hold references to secrets; a list is a command and its arguments. The first that fails ends it.',
    example: '[systemctl enable --now nginx, [touch, /etc/done]]',
    change: 'restart',
    default: [],
    aka: ['runcmd', 'commands', 'exec', 'script', 'cmd'],
  }),
  timezone: optional(
    text({expected: 'a time zone', check: check.timezoneCheck, pattern: check.TIMEZONE_PATTERN}),
    {
      says: 'The time zone, by its name.',
      example: 'Europe/Berlin',
      change: 'restart',
      defaultSays: 'that of the image',
      aka: ['tz', 'time_zone', 'timeZone'],
    },
  ),
  locale: optional(text({expected: 'a locale', check: check.localeCheck, pattern: check.LOCALE_PATTERN}), {
    says: 'The default locale; generated in the server where the distribution has `locale-gen`.',
    example: 'de_DE.UTF-8',
    change: 'restart',
    defaultSays: 'that of the image',
    aka: ['lang', 'language', 'LANG'],
  }),
})

/** What is in the files of a service. */
export interface ServiceFacts {
  /** The absolute path of `vps`. */
  readonly program: string
  /** `VPS_ROOT`, or an empty text. */
  readonly root: string
  readonly bootDeadlineMs: number
  readonly shutdownDeadlineMs: number
}

/** What a start and a stop may take beyond the deadlines that `vps` keeps by itself, in seconds. */
const MARGIN_S = 60

const seconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000)

/**
 * The unit of systemd.
 *
 * Scopes of servers are ordered before it (src/resources/scope.ts): when the host goes down, systemd stops this first, and scopes
 * only once it is done. All that servers need is behind it in the same way: the bus, over which scopes are asked for, the network,
 * programs that load rules anew, file systems. A server that fails must not make the unit fail, as a failed unit is not stopped
 * when the host goes down: hence the dash before ExecStart.
 */
export function systemdUnit({program, root, bootDeadlineMs, shutdownDeadlineMs}: ServiceFacts): string {
  const environment = root === '' ? '' : `Environment=${quoted(`VPS_ROOT=${root}`)}\n`
  return `# Written by vps install-service; a change belongs into a drop-in: systemctl edit vps
[Unit]
Description=Private servers
Wants=network-online.target
After=network-online.target local-fs.target remote-fs.target dbus.service dbus.socket
After=nftables.service firewalld.service ufw.service iptables.service
RequiresMountsFor=${quoted(`${root}/etc/vps`)} ${quoted(`${root}/var/lib/vps`)}

[Service]
Type=oneshot
RemainAfterExit=yes
${environment}ExecStart=-${quoted(program)} boot --deadline ${seconds(bootDeadlineMs)}s
ExecStop=${quoted(program)} shutdown --deadline ${seconds(shutdownDeadlineMs)}s
TimeoutStartSec=${seconds(bootDeadlineMs) + MARGIN_S}
TimeoutStopSec=${seconds(shutdownDeadlineMs) + MARGIN_S}
StandardOutput=journal
StandardError=journal

[Install]
WantedBy=multi-user.target
`
}

/** See systemd.syntax(7) and systemd.unit(5): % is a specifier, $ a variable. */
function quoted(word: string): string {
  return `"${word.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`
}

/** The script for hosts without systemd, after the Linux Standard Base. */
export function initScript({program, root, bootDeadlineMs, shutdownDeadlineMs}: ServiceFacts): string {
  const environment = root === '' ? '' : `VPS_ROOT=${shellWord(root)}\nexport VPS_ROOT\n`
  return `#!/bin/sh
# Written by vps install-service.
### BEGIN INIT INFO
# Provides:          vps
# Required-Start:    $local_fs $remote_fs $network
# Required-Stop:     $local_fs $remote_fs $network
# Should-Start:      nftables firewalld ufw cgroupfs-mount
# Should-Stop:       nftables firewalld ufw cgroupfs-mount
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Private servers
# Description:       Starts private servers in their order, and stops them in reverse.
### END INIT INFO

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
${environment}vps=${shellWord(program)}
[ -x "$vps" ] || exit 5

case "\${1-}" in
start) exec "$vps" boot --deadline ${seconds(bootDeadlineMs)}s ;;
stop) exec "$vps" shutdown --deadline ${seconds(shutdownDeadlineMs)}s ;;
restart | force-reload)
  "$vps" shutdown --deadline ${seconds(shutdownDeadlineMs)}s || exit 1
  exec "$vps" boot --deadline ${seconds(bootDeadlineMs)}s
  ;;
status) exec "$vps" list ;;
*)
  echo "usage: $0 start|stop|restart|force-reload|status" >&2
  exit 2
  ;;
esac
`
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

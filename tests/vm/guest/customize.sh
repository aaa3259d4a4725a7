#!/bin/sh
# Makes a freshly installed Debian root into the test host. Run by mmdebstrap as a hook: $1 is the root,
# PROGRAMS the directory with the compiled programs of the guest.
set -eu
root=$1

echo vps-test >"$root/etc/hostname"
printf '127.0.0.1 localhost vps-test\n::1 localhost\n' >"$root/etc/hosts"
chroot "$root" passwd -q -d root
# The driver's shell and exec are root's; nobody logs in on a console.
chroot "$root" systemctl -q mask getty@tty1.service serial-getty@ttyS0.service console-getty.service

# Nothing may wake up in the middle of a measurement, nor fail for want of a network.
chroot "$root" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
        e2scrub_all.timer e2scrub_reap.service xfs_scrub_all.timer systemd-tmpfiles-clean.timer \
        systemd-networkd-wait-online.service

mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n' >"$root/etc/systemd/journald.conf.d/test.conf"

# Modules that tests use, loaded once so that they are part of the saved state.
printf '%s\n' loop overlay xfs btrfs quota_v2 fuse tun veth bridge macvlan dummy nf_tables nft_ct nft_chain_nat \
        dm_mod sch_htb sch_ingress tcp_diag >"$root/etc/modules-load.d/test.conf"

# The emulated processor offers SVM; nobody needs it, and half of kvm's modules were left out.
printf 'blacklist %s\n' kvm kvm_amd kvm_intel >"$root/etc/modprobe.d/test.conf"

install -m 0755 "$PROGRAMS"/* "$root/usr/local/sbin"
cat >"$root/etc/systemd/system/vps-test-agent@.service" <<'UNIT'
[Unit]
Description=Agent of the vps test host on port %i
After=basic.target

[Service]
ExecStart=/usr/local/sbin/vps-test-agent /dev/virtio-ports/%i
Environment=HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WorkingDirectory=/root
TasksMax=infinity
OOMPolicy=continue
KillMode=process

[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl -q enable vps-test-agent@vps.agent.service vps-test-agent@vps.rescue.service

mkdir -p "$root/vps/node_modules" "$root/opt/modules"

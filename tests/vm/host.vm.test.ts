// Is the test host what it claims to be? What the other rings rely on in it, tried for real.
import {readFileSync} from 'node:fs'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {must, run} from './guest-shell.ts'

const scratch = '/tmp/vm-host-test'

beforeAll(() => {
  must(`mkdir -p ${scratch}`)
})

afterAll(() => {
  must(`
    for point in $(awk '$2 ~ "^${scratch}" {print $2}' /proc/mounts | tac); do umount "$point"; done
    rm -r ${scratch}`)
})

/** A file system of its own, in a file, mounted at the returned directory. */
function mountedImage(name: string, make: string, options = ''): string {
  const directory = `${scratch}/${name}`
  must(`
    truncate -s 320M ${directory}.img
    ${make} ${directory}.img >/dev/null 2>&1
    mkdir ${directory}
    mount -o loop${options && `,${options}`} ${directory}.img ${directory}`)
  return directory
}

/** As a process that quotas bind: root with CAP_SYS_RESOURCE may exceed them on ext4. */
const bound = 'setpriv --bounding-set -sys_resource --inh-caps -all'

describe('kernel and init', () => {
  test('the kernel is Debian 12’s 6.1', () => {
    expect(must('uname -r')).toMatch(/^6\.1\.0-\d+-amd64$/)
  })

  test('systemd is running and no unit failed', () => {
    expect(must('systemctl is-system-running')).toBe('running')
    expect(must('systemctl --failed --no-legend')).toBe('')
    expect(readFileSync('/proc/1/comm', 'utf8')).toBe('systemd\n')
  })

  test('the clock is set after a restore', () => {
    expect(Date.now()).toBeGreaterThan(Date.parse('2026-01-01'))
  })
})

describe('cgroups', () => {
  test('cgroup v2 alone is mounted, with every controller', () => {
    expect(must(`awk '$3 ~ /^cgroup/ {print $2, $3}' /proc/mounts`)).toBe('/sys/fs/cgroup cgroup2')
    const controllers = must('cat /sys/fs/cgroup/cgroup.controllers').split(' ')
    for (const name of ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc'])
      expect(controllers).toContain(name)
  })

  test('memory.max kills who exceeds it, and counts it', () => {
    const {status, stdout} = run(`
      systemd-run --quiet --scope -p MemoryMax=32M -p MemorySwapMax=0 -p Delegate=yes sh -c '
        cgroup=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
        mkdir $cgroup/in && echo $$ >$cgroup/in/cgroup.procs && echo +memory >$cgroup/cgroup.subtree_control
        dd if=/dev/zero of=/dev/null bs=200M count=1 status=none & wait $! || :
        grep -w oom_kill $cgroup/in/memory.events'`)
    expect({status, stdout}).toEqual({status: 0, stdout: 'oom_kill 1'})
  })

  test('cpu.max holds a busy loop to its share', () => {
    const busy = must(`
      systemd-run --quiet --wait --pipe -p CPUQuota=20% sh -c '
        timeout 4 sh -c "while :; do :; done" || :
        sed -n "s/^usage_usec //p" /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cpu.stat'`)
    expect(Number(busy) / 4e6).toBeGreaterThan(0.1)
    expect(Number(busy) / 4e6).toBeLessThan(0.3)
  })

  test('pids.max refuses the next process', () => {
    const {status, stderr} = run(`systemd-run --quiet --wait --pipe -p TasksMax=3 dash -c '
      sleep 2 & sleep 2 & sleep 2 & wait'`)
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/Cannot fork/)
  })

  test('io.max slows writes down', () => {
    const milliseconds = must(`
      start=$(date +%s%N)
      systemd-run --quiet --wait --pipe -p "IOWriteBandwidthMax=/dev/vda 2M" \\
        dd if=/dev/zero of=${scratch}/io bs=64k count=96 oflag=direct status=none
      echo $((($(date +%s%N) - start) / 1000000))`)
    expect(Number(milliseconds)).toBeGreaterThan(2000)
    expect(Number(milliseconds)).toBeLessThan(8000)
  })

  test('pressure is measured', () => {
    expect(must('cat /proc/pressure/memory /sys/fs/cgroup/system.slice/cpu.pressure')).toMatch(/some avg10=/)
  })
})

describe('security', () => {
  test('AppArmor is on and a profile confines', () => {
    expect(readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8')).toBe('Y\n')
    // `network` because Node's pipes are sockets
    must(`
      cp /bin/cat ${scratch}/confined
      printf 'profile vm-test ${scratch}/confined { file, network, deny /etc/hostname r, }' | apparmor_parser --replace`)
    expect(must(`${scratch}/confined /proc/self/attr/apparmor/current`)).toBe('vm-test (enforce)')
    expect(run(`${scratch}/confined /etc/hostname`).stderr).toMatch(/Permission denied/)
    must('printf "profile vm-test { }" | apparmor_parser --remove')
  })

  test('seccomp, Landlock and user namespaces are there', () => {
    expect(must('cat /proc/sys/kernel/seccomp/actions_avail')).toMatch(/user_notif/)
    expect(must('unshare --user --map-root-user id -u')).toBe('0')
    expect(must('unshare --time --boottime 1000 --fork true; echo ok')).toBe('ok')
  })
})

describe('storage', () => {
  test('a project quota on ext4 refuses to exceed itself', () => {
    const directory = mountedImage('ext4', 'mkfs.ext4 -O quota,project -E quotatype=prjquota', 'prjquota')
    must(`
      mkdir ${directory}/limited && chattr +P -p 42 ${directory}/limited
      setquota -P 42 0 4M 0 0 ${directory}`)
    const {status, stderr} = run(`${bound} dd if=/dev/zero of=${directory}/limited/file bs=1M count=8`)
    expect(status).toBe(1)
    expect(stderr).toMatch(/Disk quota exceeded/)
    const size = Number(must(`stat -c %s ${directory}/limited/file`))
    expect(size).toBeGreaterThan(3.9 * 1024 * 1024)
    expect(size).toBeLessThanOrEqual(4 * 1024 * 1024)
  })

  test('the root file system has project quotas on', () => {
    expect(must('findmnt -no FSTYPE,OPTIONS /')).toMatch(/^ext4 .*prjquota/)
    expect(must('quotaon -Pp / || :')).toMatch(/project quota on \/ .* is on/)
  })

  test('a project quota on XFS refuses to exceed itself', () => {
    const directory = mountedImage('xfs', 'mkfs.xfs -q', 'prjquota')
    must(`
      mkdir ${directory}/limited
      xfs_quota -x -c 'project -s -p ${directory}/limited 42' ${directory}
      xfs_quota -x -c 'limit -p bhard=4m 42' ${directory}`)
    const {status, stderr} = run(`dd if=/dev/zero of=${directory}/limited/file bs=1M count=8`)
    expect(status).toBe(1)
    expect(stderr).toMatch(/No space left on device|Disk quota exceeded/)
  })

  test('btrfs takes snapshots', () => {
    const directory = mountedImage('btrfs', 'mkfs.btrfs -q')
    must(`
      btrfs subvolume create ${directory}/one && echo before >${directory}/one/file
      btrfs subvolume snapshot ${directory}/one ${directory}/two
      echo after >${directory}/one/file`)
    expect(must(`cat ${directory}/one/file ${directory}/two/file`)).toBe('after\nbefore')
  })

  test('an overlay of idmapped layers shows shifted ids, is writable, and keeps canonical ids on disk', () => {
    const directory = `${scratch}/idmapped`
    const first = 1879048192
    must(`
      mkdir -p ${directory}/{image,data/upper,data/work,root,seen} && cd ${directory}
      echo hello >image/file && chown 33:33 image/file
      mount --bind ${directory}/data seen && umount -l seen
      vps-test-idmapped-overlay $PWD/image $PWD/data $PWD/root ${first}`)
    expect(must(`stat -c '%u %g' ${directory}/root/file`)).toBe(`${first + 33} ${first + 33}`)
    const asServerRoot = `setpriv --reuid ${first + 33} --regid ${first + 33} --clear-groups`
    must(`${asServerRoot} sh -c 'echo changed >>${directory}/root/file'`)
    must(`umount ${directory}/root ${directory}/data ${directory}/image`)
    expect(must(`stat -c '%u %g' ${directory}/data/upper/file`)).toBe('33 33')
    expect(must(`cat ${directory}/image/file`)).toBe('hello')
  })
})

describe('network', () => {
  test('veth pairs reach another network namespace, and nftables counts', () => {
    must(`
      ip netns add vmtest
      ip link add vmtest0 type veth peer name eth0 netns vmtest
      ip address add 192.0.2.1/32 dev vmtest0 && ip link set vmtest0 up && ip route add 192.0.2.2 dev vmtest0
      ip -n vmtest address add 192.0.2.2/32 dev eth0 && ip -n vmtest link set eth0 up
      ip -n vmtest route add 192.0.2.1 dev eth0
      nft 'add table inet vmtest; add chain inet vmtest in { type filter hook input priority 0; };
        add rule inet vmtest in iifname "vmtest0" counter'`)
    const answer = run('ping -c 1 -W 5 192.0.2.2')
    const counted = must('nft list table inet vmtest')
    must('ip netns delete vmtest; nft delete table inet vmtest')
    expect(answer.status).toBe(0)
    expect(counted).toMatch(/counter packets [1-9]/)
  })
})

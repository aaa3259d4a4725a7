/**
 * What `security.allow` can open, each with what it lets in. Everything here is closed by default; `src/security` acts
 * on the names.
 */
export const ALLOW = {
  nesting:
    'Containers inside the server (Docker, Podman, nspawn, vps itself): an unmasked `/proc` and `/sys`, which the kernel demands before it lets a nested user namespace mount its own. What the kernel shows there of the host can be read by the server.',
  fuse: 'The device `/dev/fuse`, so that the server can mount file systems that are programs (sshfs, rclone, fuse-overlayfs). Such a file system can stall whoever reads it, also a process of the host.',
  tun: 'The device `/dev/net/tun`, so that the server can make its own tun and tap interfaces (OpenVPN, WireGuard in user space, tailscale).',
  bpf: 'The system call bpf(2). What it may do is still bounded by the capabilities of the server; the verifier of the kernel is within reach.',
  perf: 'The system call perf_event_open(2), to profile the processes of the server. Hardware counters can tell something about the neighbours.',
  userfaultfd:
    'The system call userfaultfd(2), for programs that handle their own page faults (CRIU, some runtimes). It also makes races in the kernel easier to win.',
  keyctl:
    'The system calls add_key(2), request_key(2) and keyctl(2), on the own session keyring of the server. Keys of the kernel are counted per user id, never shared with another server.',
} as const

export type AllowName = keyof typeof ALLOW

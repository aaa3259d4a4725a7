// An interactive root shell in the guest: the terminal here in raw mode, a terminal of the guest's own there.
import type {Machine} from './qemu.ts'
import {guestEnvironment} from './vitest.ts'

export async function shell({agent}: Machine): Promise<number> {
  const {stdin, stdout} = process
  if (!stdin.isTTY) throw new Error('a shell needs a terminal; use exec for one command')
  console.error('vm: root shell in the test host; everything in it is thrown away at exit')
  stdin.setRawMode(true)
  try {
    const {status} = await agent.run({
      argv: ['bash', '-l'],
      cwd: '/vps',
      tty: true,
      env: {...guestEnvironment, TERM: process.env.TERM ?? 'xterm'},
      stdin,
      onOutput: bytes => stdout.write(bytes),
      onStart: control => {
        const resize = () => control.resize(stdout.rows, stdout.columns)
        stdout.on('resize', resize)
        resize()
      },
    })
    return status
  } finally {
    stdin.setRawMode(false)
    stdin.destroy()
  }
}

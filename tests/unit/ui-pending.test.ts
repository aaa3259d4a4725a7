import {expect, test} from 'vitest'
import {pendingEntries} from '../../src/ui/pending.ts'

test.each([
  [{nofile: {soft: '200', hard: '200'}}, 'nofile 200'],
  [
    {nofile: {soft: '200', hard: '400'}, core: {soft: '0', hard: 'infinity'}},
    'nofile 200:400, core 0:infinity',
  ],
  [{'net.ipv4.ip_forward': '1'}, 'net.ipv4.ip_forward 1'],
  [{mode: 'routed', links: [{name: 'eth0', mtu: null}]}, 'mode routed, links {name eth0}'],
  [['a', 'b'], 'a, b'],
  [{}, 'nothing'],
  [null, 'nothing'],
  [true, 'true'],
])('%j waits as `%s`', (file, words) => {
  const afterRestart = [{key: 'limits', running: null, file}]
  expect(pendingEntries({pending: {afterRestart, live: []}})).toEqual([
    ['limits', `${words} after a restart, now nothing`],
  ])
})

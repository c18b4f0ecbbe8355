import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { findPortHolder, nameProgram, readListeners, readLsof } from '../../src/cli/port-holder.ts'

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1092 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 00000000de0a6091 100 0 0 10 0
   1: 0100007F:1092 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 12 1 00000000cd121f6f 100 0 0 10 0
   2: 0200007F:1092 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1 00000000cd121f6f 100 0 0 10 0
   3: 00000000:1093 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 14 1 00000000cd121f6f 100 0 0 10 0
`
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1092 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1 00000000f0 100 0 0 10 0
`

test('only listeners on that port that are in the way count', () => {
  const cases: ReadonlyArray<readonly [string, string, number, string[]]> = [
    [TCP, '127.0.0.1', 4242, ['11']],
    [TCP, '127.0.0.2', 4242, ['13']],
    [TCP, '0.0.0.0', 4242, ['11', '13']],
    [TCP, 'localhost', 4242, ['11', '13']],
    [TCP, '10.0.0.1', 4243, ['14']],
    [TCP, '127.0.0.1', 80, []],
    [TCP6, '::1', 4242, ['21']],
    ['', '127.0.0.1', 4242, []],
    ['nonsense\n0: x', '127.0.0.1', 4242, []],
  ]
  for (const [table, host, port, inodes] of cases) {
    assert.deepEqual(readListeners(table, { host, port }), inodes, `${host}:${port}`)
  }
})

test('a program is named by what it runs, and never by its arguments', () => {
  assert.equal(
    nameProgram(['/usr/bin/python3.12', 'server.py', '--token=secret', '']),
    'python3.12 server.py',
  )
  assert.equal(nameProgram(['node', '/srv/app/main.js', '']), 'node main.js')
  assert.equal(nameProgram(['node', '--env-file=secret', 'main.js']), 'node')
  assert.equal(nameProgram(['/usr/sbin/nginx', '-g', 'daemon off;']), 'nginx')
  assert.equal(nameProgram(['']), '')
})

test('what lsof says is read by its field letters', () => {
  assert.deepEqual(readLsof('p4711\ncnode\nf23\n'), { pid: 4711, name: 'node' })
  assert.equal(readLsof(''), undefined)
  assert.equal(readLsof('lsof: unknown option'), undefined)
})

test(
  'the program that listens is found, at least where /proc tells',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const server = createServer()
    t.after(() => server.close())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // oxlint-disable-next-line no-unsafe-type-assertion -- a TCP server has an address with a port
    const { port } = server.address() as AddressInfo
    const holder = await findPortHolder({ host: '127.0.0.1', port }, 'linux')
    assert.equal(holder?.pid, process.pid)
    assert.match(holder?.name ?? '', /^node/)
  },
)

test('where a platform does not tell, nothing is said', async () => {
  assert.equal(await findPortHolder({ host: '127.0.0.1', port: 4242 }, 'win32'), undefined)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localZoneName } from '../../src/usage/local-zone.ts'
import { resolveZone } from '../../src/usage/zone.ts'

const DAY_MS = 86_400_000

function underZone(t: { after: (undo: () => void) => void }, name: string | undefined): void {
  const before = process.env['TZ']
  t.after(() => {
    setZone(before)
  })
  setZone(name)
}

function setZone(name: string | undefined): void {
  if (name === undefined) delete process.env['TZ']
  else process.env['TZ'] = name
}

for (const name of [
  'Europe/London',
  'Europe/Berlin',
  'America/New_York',
  'America/Argentina/Buenos_Aires',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Atlantic/Reykjavik',
  'UTC',
  'Etc/UTC',
]) {
  test(`the local zone is ${name} where TZ says so, with the offsets that Intl has for it`, (t) => {
    underZone(t, name)
    const local = resolveZone('local')
    const byName = resolveZone(name)
    // Intl may know the zone under an older name: Asia/Katmandu.
    assert.equal(resolveZone(local.name).name, byName.name)
    // From 1890, when offsets had seconds, to 2040; the step meets every hour of the day.
    for (let atMs = Date.UTC(1890, 0); atMs < Date.UTC(2040, 0); atMs += 9 * DAY_MS + 3_599_999) {
      assert.equal(local.offsetMs(atMs), byName.offsetMs(atMs), new Date(atMs).toISOString())
    }
  })
}

for (const name of [
  '',
  'Nowhere/At_All',
  'CET',
  'EST5EDT',
  ':Europe/Paris',
  '../etc/passwd',
  'GMT',
]) {
  test(`of a TZ like ${JSON.stringify(name)} the local zone is what Intl makes of it`, (t) => {
    underZone(t, name)
    assert.equal(localZoneName(), new Intl.DateTimeFormat().resolvedOptions().timeZone)
  })
}

test('without TZ the local zone has the offsets that Date has', (t) => {
  underZone(t, undefined)
  const local = resolveZone('LOCAL')
  assert.notEqual(local.name, '')
  const atMs = Date.UTC(2026, 6, 1)
  assert.equal(local.offsetMs(atMs), 0 - new Date(atMs).getTimezoneOffset() * 60_000)
})

test('UTC needs no calendar of Intl, however it is written', () => {
  for (const name of ['UTC', 'utc']) {
    assert.equal(resolveZone(name).name, 'UTC')
    assert.equal(resolveZone(name).offsetMs(Date.UTC(2026, 6, 1)), 0)
  }
})

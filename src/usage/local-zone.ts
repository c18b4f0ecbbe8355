/**
 * The time zone this machine is set to, without Intl where that can be: to load its calendars takes half as
 * long as Node takes to start. Date knows the offsets of the same zone, but not what it is called.
 */
import { existsSync, readlinkSync } from 'node:fs'

const FOLDER = '/usr/share/zoneinfo/'

/**
 * Its IANA name: what `TZ` says, else where /etc/localtime leads. Without either it is Intl that is asked,
 * and where the clock does not show what the name says: then Node does not know this zone.
 */
export function localZoneName(): string {
  const name = writtenName()
  if (name !== undefined) {
    const neverAhead = [0, 6].every((month) => new Date(2026, month).getTimezoneOffset() === 0)
    if (name === 'UTC' || name === 'Etc/UTC') {
      if (neverAhead) return 'UTC'
    } else if (!neverAhead) return name
  }
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

function writtenName(): string | undefined {
  const wanted = process.env['TZ']
  if (wanted === 'UTC') return wanted
  if (wanted !== undefined) {
    return isPlace(wanted) && existsSync(FOLDER + wanted) ? wanted : undefined
  }
  try {
    const place = /\/zoneinfo\/(.+)$/.exec(readlinkSync('/etc/localtime'))?.[1]
    return place !== undefined && isPlace(place) ? place : undefined
  } catch {
    // A copy and no link, or another system.
    return undefined
  }
}

/** `Europe/London`; not `CET`, `EST5EDT` or a path. */
function isPlace(name: string): boolean {
  return /^[A-Z][A-Za-z]+(\/[A-Za-z0-9_+-]+){1,2}$/.test(name) && !/^(posix|right)\//i.test(name)
}

/** What keys are called on the screen, and by `--revoke`. */

const SHOWN_FINGERPRINT = 8

/** A key for people: `aip_…k3Qd`, or the beginning of its digest where its end is not known. */
export function renderKeyName(digest: string, hints: ReadonlyMap<string, string>): string {
  const hint = hints.get(digest)
  return hint === undefined ? `sha256:${fingerprintOf(digest)}…` : `aip_…${hint}`
}

/** The beginning of a digest, by which `--revoke` knows the key. */
export function fingerprintOf(digest: string): string {
  return digest.slice(0, SHOWN_FINGERPRINT)
}

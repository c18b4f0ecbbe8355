import { sha256Hex } from '../../wire/hash.ts'

const MAX_CHARS = 128

/**
 * A tool-call id or tool name that Anthropic takes (`^[a-zA-Z0-9_-]+$`, 128 characters): unchanged where
 * it already fits, else with every bad character replaced and a digest of the original behind it. A pure
 * function, so a call and its result agree without shared state (wire-formats A.3).
 */
export function fitName(original: string): string {
  if (/^[a-zA-Z0-9_-]{1,128}$/.test(original)) return original
  const digest = sha256Hex(original).slice(0, 8)
  const safe = original.replaceAll(/[^a-zA-Z0-9_-]/g, '_')
  return `${safe.slice(0, MAX_CHARS - 9)}_${digest}`
}

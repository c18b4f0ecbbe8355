/** The version of this program. `scripts/bundle.js` puts the number in the place of this file. */
import { readFileSync } from 'node:fs'

/** The version in package.json, three directories above the compiled file. */
export function readVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const content: unknown = JSON.parse(text)
  const version =
    typeof content === 'object' && content !== null && 'version' in content ? content.version : ''
  return typeof version === 'string' ? version : ''
}

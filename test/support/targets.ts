/**
 * A config with providers of its own for every case of a table. A failing provider may rest for a
 * while, so cases that share one would depend on each other's order.
 */
import type { Upstream } from './upstream.ts'

export interface Target {
  /** Name of the model; its provider is `p-<name>`, its paths at the upstream begin with `/<name>/`. */
  readonly name: string
  readonly dialect: 'openai' | 'anthropic'
  /** Default: this upstream, under `/<name>`. Without `/v1`. */
  readonly origin?: string
  /** YAML flow members of the provider beyond dialect, base_url and api_key. */
  readonly provider?: string
  /** YAML flow members of the model beyond provider. */
  readonly model?: string
}

export interface Grant {
  readonly model: string
  readonly failover?: readonly string[]
}

/** The key every test provider is given; long enough to be looked for in what comes out. */
export const TEST_KEY = 'sk-test-0123456789abcdefghijklmnopqrstuvwxyz'

/** YAML of the targets, and one user `caller` who may call the granted models. */
export function targetsConfig(
  upstream: Upstream,
  targets: readonly Target[],
  grants: readonly Grant[],
  more: string = '',
): string {
  const lines: string[] = ['providers:']
  for (const target of targets) {
    const origin = target.origin ?? `${upstream.origin}/${target.name}`
    const baseUrl = target.dialect === 'openai' ? `${origin}/v1` : origin
    const extra = target.provider === undefined ? '' : `, ${target.provider}`
    lines.push(
      `  p-${target.name}: { dialect: ${target.dialect}, base_url: "${baseUrl}", api_key: "\${TEST_KEY}"${extra} }`,
    )
  }
  lines.push('models:')
  for (const target of targets) {
    const extra = target.model === undefined ? '' : `, ${target.model}`
    lines.push(`  ${target.name}: { provider: p-${target.name}${extra} }`)
  }
  lines.push('users:', '  caller:', '    models:')
  for (const grant of grants) {
    const failover =
      grant.failover === undefined ? '' : `, failover: [${grant.failover.join(', ')}]`
    lines.push(`      - { name: ${grant.model}${failover} }`)
  }
  return `${lines.join('\n')}\n${more}`
}

/** One proxy between two scripted providers, one of each language. */
import type { Owner } from './owner.ts'
import { startProxy } from './proxy.ts'
import type { Proxy } from './proxy.ts'
import { anthropicAnswers, openaiAnswers } from './replies.ts'
import { createUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'

export interface Stage {
  readonly proxy: Proxy
  readonly openai: Upstream
  readonly anthropic: Upstream
}

/** Starts all three; `config` names the built-in providers `openai` and `anthropic`. Both answer well at first. */
export async function startStage(owner: Owner, config: string): Promise<Stage> {
  const openai = await createUpstream(owner, openaiAnswers)
  const anthropic = await createUpstream(owner, anthropicAnswers)
  const proxy = await startProxy(owner, {
    config,
    env: {
      OPENAI_API_KEY: 'sk-test-openai',
      ANTHROPIC_API_KEY: 'sk-ant-test',
      OPENAI_BASE_URL: `${openai.origin}/v1`,
      ANTHROPIC_BASE_URL: anthropic.origin,
    },
  })
  return { proxy, openai, anthropic }
}

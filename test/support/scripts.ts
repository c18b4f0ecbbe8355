/**
 * Streams that go wrong after their first content, in either language: they die, or they stall until
 * the reader leaves.
 */
import {
  ANTHROPIC_PING,
  ANTHROPIC_START,
  ANTHROPIC_TEXT_START,
  HELLO,
  OPENAI_ROLE,
  anthropicFrame,
  anthropicText,
  dataFrame,
  openaiChunk,
} from './replies.ts'
import type { Script } from './upstream.ts'

const IDLE = 'timeouts: { idle: 150ms }'
/** A stream's beginning up to its first content. */
export const OPENAI_PART = [OPENAI_ROLE, openaiChunk({ content: 'Par' })]
/** A stream's beginning up to its first content. */
export const ANTHROPIC_PART = [
  ANTHROPIC_START,
  ANTHROPIC_TEXT_START,
  ANTHROPIC_PING,
  anthropicText('Par'),
]

/** One way for a stream to die after its first content. */
export interface Death {
  readonly name: string
  readonly title: string
  readonly dialect: 'openai' | 'anthropic'
  readonly frames: readonly string[]
  readonly last: Script
  readonly provider?: string
  /** What the caller can still read of the text. */
  readonly text: string
  /** The provider's words where it had any. */
  readonly words?: RegExp
}

const reset: Script = (reply) => {
  reply.reset()
}
const end: Script = (reply) => {
  reply.end()
}

export const DEATHS: readonly Death[] = [
  {
    name: 'o-reset',
    title: 'OpenAI resets the connection',
    dialect: 'openai',
    frames: OPENAI_PART,
    last: reset,
    text: 'Par',
  },
  {
    name: 'o-end',
    title: 'OpenAI ends cleanly without an end mark',
    dialect: 'openai',
    frames: OPENAI_PART,
    last: end,
    text: 'Par',
  },
  {
    name: 'o-half',
    title: 'OpenAI is cut inside a frame',
    dialect: 'openai',
    frames: [...OPENAI_PART, openaiChunk({ content: 'is' }).slice(0, 60)],
    last: end,
    text: 'Par',
  },
  {
    name: 'o-idle',
    title: 'OpenAI falls silent',
    dialect: 'openai',
    frames: OPENAI_PART,
    last: (reply) => reply.stall(),
    provider: IDLE,
    text: 'Par',
  },
  {
    name: 'o-error',
    title: 'OpenAI sends an error chunk',
    dialect: 'openai',
    frames: [
      ...OPENAI_PART,
      dataFrame({
        error: {
          message: 'The server had an error.',
          type: 'server_error',
          param: null,
          code: null,
        },
      }),
    ],
    last: end,
    text: 'Par',
    words: /The server had an error\./,
  },
  {
    name: 'o-tool',
    title: 'OpenAI is reset after a tool call began',
    dialect: 'openai',
    frames: [
      OPENAI_ROLE,
      openaiChunk({
        tool_calls: [
          { index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } },
        ],
      }),
    ],
    last: reset,
    text: '',
  },
  {
    name: 'o-reasoning',
    title: 'OpenAI-compatible reasoning is reset',
    dialect: 'openai',
    frames: [OPENAI_ROLE, openaiChunk({ reasoning_content: 'Let me see.' })],
    last: reset,
    text: '',
  },
  {
    name: 'a-reset',
    title: 'Anthropic resets the connection',
    dialect: 'anthropic',
    frames: ANTHROPIC_PART,
    last: reset,
    text: 'Par',
  },
  {
    name: 'a-end',
    title: 'Anthropic ends cleanly without message_stop',
    dialect: 'anthropic',
    frames: ANTHROPIC_PART,
    last: end,
    text: 'Par',
  },
  {
    name: 'a-idle',
    title: 'Anthropic falls silent',
    dialect: 'anthropic',
    frames: ANTHROPIC_PART,
    last: (reply) => reply.stall(),
    provider: IDLE,
    text: 'Par',
  },
  {
    name: 'a-error',
    title: 'Anthropic sends an error event',
    dialect: 'anthropic',
    frames: [
      ...ANTHROPIC_PART,
      anthropicFrame({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
    ],
    last: end,
    text: 'Par',
    words: /Overloaded/,
  },
]

/** Plays a stream to its death. */
export const dies =
  (death: Death): Script =>
  async (reply, request) => {
    reply.openStream()
    for (const frame of death.frames) await reply.write(frame)
    await death.last(reply, request)
  }

/** Content, then silence. */
export const openaiStalls: Script = async (reply) => {
  reply.openStream()
  await reply.write(OPENAI_ROLE)
  await reply.write(openaiChunk({ content: HELLO }))
  await reply.stall()
}

/** Content, then silence. */
export const anthropicStalls: Script = async (reply) => {
  reply.openStream()
  await reply.write(ANTHROPIC_START)
  await reply.write(ANTHROPIC_TEXT_START)
  await reply.write(anthropicText(HELLO))
  await reply.stall()
}

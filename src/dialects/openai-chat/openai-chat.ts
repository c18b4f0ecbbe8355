import type { Dialect } from '../dialect.ts'
import { encodeRequest } from './encode-request.ts'
import { decodeError } from './error.ts'
import { decodeReply, encodeReply, readReply, writeReply } from './reply.ts'
import { decodeRequest } from './request.ts'
import { createStreamDecoder } from './stream-decoder.ts'
import { createStreamEncoder } from './stream.ts'
import { createStreamTap } from './tap.ts'

/** OpenAI Chat Completions: https://platform.openai.com/docs/api-reference/chat */
export const openaiChat: Dialect = {
  name: 'openai-chat',
  path: '/chat/completions',
  decodeRequest,
  encodeReply,
  writeReply,
  createStreamEncoder,
  encodeRequest,
  decodeReply,
  createStreamDecoder,
  decodeError,
  readReply,
  createStreamTap,
}

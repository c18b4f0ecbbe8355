import type { Dialect } from '../dialect.ts'
import { encodeRequest } from './encode-request.ts'
import { decodeError } from './error.ts'
import { relayEdits } from './input.ts'
import { decodeReply, encodeReply, readReply } from './reply.ts'
import { decodeRequest } from './request.ts'
import { createStreamDecoder } from './stream-decoder.ts'
import { createStreamEncoder } from './stream.ts'
import { createStreamTap } from './tap.ts'

/** OpenAI Responses: https://platform.openai.com/docs/api-reference/responses */
export const openaiResponses: Dialect = {
  name: 'openai-responses',
  path: '/responses',
  decodeRequest,
  encodeReply,
  createStreamEncoder,
  encodeRequest,
  decodeReply,
  createStreamDecoder,
  decodeError,
  readReply,
  createStreamTap,
  relayEdits,
}

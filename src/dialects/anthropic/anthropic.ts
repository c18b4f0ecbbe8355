import type { Dialect } from '../dialect.ts'
import { decodeRequest } from './decode-request.ts'
import { encodeReply, writeReply } from './encode-reply.ts'
import { createStreamEncoder } from './encode-stream.ts'
import { decodeError } from './error.ts'
import { relayEdits } from './relay-edits.ts'
import { decodeReply, readReply } from './reply.ts'
import { encodeRequest, PATH } from './request.ts'
import { createStreamDecoder } from './stream-decoder.ts'
import { createStreamTap } from './tap.ts'

/** Anthropic Messages: https://docs.anthropic.com/en/api/messages */
export const anthropic: Dialect = {
  name: 'anthropic',
  path: PATH,
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
  relayEdits,
}

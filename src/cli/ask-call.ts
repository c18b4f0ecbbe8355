/** The call a server would have made of the same request, and its parts as a person typed them. */
import type { Config, User } from '../config/config.ts'
import type { JsonObject } from '../dialects/neutral.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import type { Call } from '../exchange/call.ts'
import type { AskOptions } from './ask-options.ts'
import type { Prompt } from './ask-prompt.ts'
import type { ProgramIo } from './io.ts'
import { hostOf } from './who.ts'
import { renderBytes } from './words.ts'

/** One prompt, ready to be sent. */
export interface Question {
  readonly user: User
  readonly model: string
  readonly prompt: Prompt
  readonly options: AskOptions
}

/** The call a server would have made of a request with this body. */
export function createCall(
  io: ProgramIo,
  { user, options }: Question,
  body: Uint8Array,
  id: string,
): Call {
  return {
    id,
    api: 'chat',
    headers: { 'content-type': 'application/json', 'x-user': user.name },
    readBody: () => Promise.resolve(body),
    startedMs: io.monotonic(),
    trustedUser: user.name,
    noFailover: !options.failover,
    deadlineMs: options.timeoutMs,
  }
}

/** The bytes of the request. Throws `usage_wrong` for more than the port would take. */
export function encodeBody(config: Config, question: Question): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(createBody(config, question)))
  const { bodyLimitBytes } = config
  if (body.length > bodyLimitBytes) {
    // Each file fits, and all of them do not; or one does, and not in base64.
    const size = `${renderBytes(body.length)}, and it may have ${renderBytes(bodyLimitBytes)}`
    throw new ProxyError('usage_wrong', `the request with its attachments has ${size}`)
  }
  return body
}

/** A Chat Completions body. */
function createBody(config: Config, { model, prompt, options }: Question): JsonObject {
  const { system, temperature, maxTokens, stream } = options
  return {
    model,
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: prompt.content },
    ],
    stream,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { [limitField(config, model)]: maxTokens }),
    ...Object.fromEntries(options.extras),
  }
}

// OpenAI's newer models refuse `max_tokens`, most compatible servers know nothing else, and between
// equal dialects the body is relayed as it is (wire-formats §0.4).
function limitField(config: Config, model: string): 'max_tokens' | 'max_completion_tokens' {
  const provider = config.providers.get(config.models.get(model)?.provider ?? '')
  if (provider === undefined || provider.dialect !== 'openai' || provider.mock) {
    return 'max_completion_tokens'
  }
  return /(^|\.)(openai|azure)\.com(:\d+)?$/.test(hostOf(provider))
    ? 'max_completion_tokens'
    : 'max_tokens'
}

/** One thing that was asked for: its name for people, and the field of the request it is in. */
export interface RequestPart {
  readonly label: string
  readonly field: string
}

/** What the request consists of, in the order in which it was meant; the model's name is not among it. */
export function listParts(config: Config, { model, prompt, options }: Question): RequestPart[] {
  const { system, temperature, maxTokens, extras } = options
  return [
    ...(system === undefined ? [] : [{ label: 'system', field: 'messages' }]),
    ...prompt.parts.map((label) => ({ label, field: 'messages' })),
    ...(temperature === undefined
      ? []
      : [{ label: `temperature ${temperature}`, field: 'temperature' }]),
    ...(maxTokens === undefined
      ? []
      : [{ label: `max tokens ${maxTokens}`, field: limitField(config, model) }]),
    ...[...extras.keys()].map((name) => ({ label: name, field: name })),
  ]
}

/** Scripts of an upstream that says what a test wants, in whichever of the three languages it is asked. */
import { digText } from '../json.ts'
import { asksForStream, playFrames } from '../replies.ts'
import type { Received, Script } from '../upstream.ts'
import { sayFrames, sayWhole } from './said.ts'
import type { ApiName, Said } from './said.ts'

/** The id under which each provider answers, and the header that carries it. */
export const PROVIDER_ID = 'req_provider_01'

export function providerIdHeader(api: ApiName): Record<string, string> {
  return { [api === 'messages' ? 'request-id' : 'x-request-id']: PROVIDER_ID }
}

/** Which API a path belongs to; throws for any other. */
export function apiOf(path: string): ApiName {
  if (path.startsWith('/v1/chat/completions')) return 'chat'
  if (path.startsWith('/v1/messages')) return 'messages'
  if (path.startsWith('/v1/responses')) return 'responses'
  throw new Error(`no API of a model: ${path}`)
}

/** Answers every request with what `says` makes of it, streamed where a stream was asked for. */
export function speaks(says: (request: Received) => Said): Script {
  return async (reply, request) => {
    const api = apiOf(request.path)
    const said = says(request)
    const model = digText(request.json(), 'model')
    if (asksForStream(request.json())) {
      await playFrames(reply, sayFrames(api, said, model), providerIdHeader(api))
    } else reply.json(200, sayWhole(api, said, model), providerIdHeader(api))
  }
}

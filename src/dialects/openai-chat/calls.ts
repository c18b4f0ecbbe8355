/**
 * Puts streamed tool calls together from the fragments of many servers (wire-formats C.4), and gives
 * them out one after the other: the current call streams, a call that begins before the current one is
 * complete waits. Nothing is lost; only the later call is delayed.
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import { isJsonObject, readNumber, readObject, readString, readText } from '../../wire/json.ts'
import type { ChatEvent, JsonObject, JsonValue } from '../neutral.ts'
import { argumentsText, madeUpId } from './messages.ts'

interface Call {
  /** Number of the call in order of first appearance. */
  readonly ordinal: number
  /** The server's index, where it gave one. */
  readonly index: number | undefined
  id: string
  name: string
  readonly kind: 'function' | 'custom'
  /** What the server wants back with the next turn (Gemini). */
  echo: JsonObject | undefined
  state: 'waiting' | 'open' | 'ended'
  /** Input not yet given out. */
  held: string
  /** Any input came. */
  sawInput: boolean
  readonly scan: JsonScan
}

export interface CallAssembly {
  /** One `tool_calls` element. `replyId` makes ids for servers that send none. */
  push(fragment: JsonValue, replyId: string): ChatEvent[]
  /** A legacy `function_call` delta. */
  pushLegacy(fragment: JsonValue, replyId: string): ChatEvent[]
  /** No more fragments: gives out what waits and ends every call. */
  flush(): ChatEvent[]
  /** Some call was seen. */
  any(): boolean
  /** A call is open whose input is not yet complete. */
  busy(): boolean
}

export function createCallAssembly(): CallAssembly {
  const calls: Call[] = []
  // The call whose input is given out as it comes; those after it wait.
  let current = 0
  let last: Call | undefined

  function add(index: number | undefined, id: string, kind: Call['kind']): Call {
    const call: Call = {
      ordinal: calls.length,
      index,
      id,
      name: '',
      kind,
      echo: undefined,
      state: 'waiting',
      held: '',
      sawInput: false,
      scan: createJsonScan(),
    }
    calls.push(call)
    return call
  }

  function findCall(fragment: Fragment, replyId: string): Call {
    const { index, id, name, kind } = fragment
    const known =
      index === undefined ? last : calls.findLast((candidate) => candidate.index === index)
    const fresh =
      known === undefined ||
      // One index for every call (Ollama, some vLLM parsers), or whole calls without one (Gemini).
      (name !== '' &&
        (index === undefined
          ? id === '' || id !== known.id
          : id !== '' && known.id !== '' && id !== known.id && known.name !== ''))
    if (!fresh) return known
    return add(index, id === '' ? madeUpId(`${replyId}:${calls.length}`) : id, kind)
  }

  /** Gives out what may be given out now, in order. */
  function advance(): ChatEvent[] {
    const events: ChatEvent[] = []
    for (;;) {
      const call = calls[current]
      if (call === undefined) return events
      if (call.state === 'waiting') {
        if (call.name === '') return events
        call.state = 'open'
        const { ordinal, id, name, kind, echo } = call
        events.push({
          type: 'tool-start',
          call: ordinal,
          id,
          name,
          kind,
          ...(echo === undefined ? {} : { echo }),
        })
      }
      if (call.held !== '') {
        events.push({ type: 'tool-input', call: call.ordinal, text: call.held })
        call.held = ''
      }
      if (current === calls.length - 1 || !isComplete(call)) return events
      call.state = 'ended'
      events.push({ type: 'tool-end', call: call.ordinal })
      current += 1
    }
  }

  function take(fragment: Fragment, replyId: string): ChatEvent[] {
    const call = findCall(fragment, replyId)
    last = call
    if (call.state === 'waiting') call.echo ??= fragment.echo
    // A name in pieces is joined only while nothing of the call has been given out.
    if (fragment.name !== '' && call.state === 'waiting' && !call.sawInput) {
      if (call.name === '') call.name = fragment.name
      else if (call.name !== fragment.name) call.name += fragment.name
    }
    if (fragment.input !== '') {
      if (call.state === 'ended') {
        if (fragment.input.trim() === '') return []
        throw new ProxyError(
          'upstream_protocol',
          `The provider went on with tool call "${call.name}" after it was complete.`,
        )
      }
      call.sawInput = true
      call.held += fragment.input
      call.scan.push(fragment.input)
    }
    return advance()
  }

  return {
    push(value, replyId) {
      return isJsonObject(value) ? take(readFragment(value), replyId) : []
    },
    pushLegacy(value, replyId) {
      const called = readObject(value)
      if (called === undefined) return []
      const fragment = readFragment({ index: -1, function: called })
      return take(fragment, replyId)
    },
    flush() {
      const events: ChatEvent[] = []
      while (current < calls.length) {
        events.push(...advance())
        const call = calls[current]
        if (call === undefined) break
        if (call.state !== 'open') {
          throw new ProxyError('upstream_protocol', 'The provider sent a tool call without a name.')
        }
        call.state = 'ended'
        events.push({ type: 'tool-end', call: call.ordinal })
        current += 1
      }
      return events
    },
    any() {
      return calls.length > 0
    },
    busy() {
      const call = calls[current]
      return call !== undefined && !isComplete(call)
    },
  }
}

/** Free text has no end of its own: another call's beginning is its end. */
function isComplete(call: Call): boolean {
  return call.kind === 'custom' || call.scan.complete
}

interface Fragment {
  readonly index: number | undefined
  readonly id: string
  readonly name: string
  readonly kind: Call['kind']
  readonly input: string
  readonly echo: JsonObject | undefined
}

/** The members of a call that only mean something to its own server. */
export function readEcho(call: { readonly [key: string]: JsonValue }): JsonObject | undefined {
  const extra = readObject(call['extra_content'])
  return extra === undefined ? undefined : { extra_content: extra }
}

function readFragment(fragment: { readonly [key: string]: JsonValue }): Fragment {
  const custom = readObject(fragment['custom'])
  const called = readObject(fragment['function'])
  return {
    index: readNumber(fragment['index']),
    id: readText(fragment['id']) ?? '',
    name: readString(custom?.['name']) ?? readString(called?.['name']) ?? '',
    kind: custom === undefined ? 'function' : 'custom',
    input:
      custom === undefined
        ? argumentsText(called?.['arguments'])
        : (readString(custom['input']) ?? ''),
    echo: readEcho(fragment),
  }
}

interface JsonScan {
  push(text: string): void
  /** The outermost object or array has been closed. */
  complete: boolean
}

/** Follows JSON text as it arrives, without parsing it again and again. */
function createJsonScan(): JsonScan {
  let depth = 0
  let inString = false
  let escaped = false
  const scan: JsonScan = {
    complete: false,
    push(text) {
      for (let at = 0; at < text.length; at += 1) {
        const char = text[at]
        if (escaped) {
          escaped = false
        } else if (inString) {
          if (char === '\\') escaped = true
          else if (char === '"') inString = false
        } else if (char === '"') {
          inString = true
        } else if (char === '{' || char === '[') {
          depth += 1
        } else if (char === '}' || char === ']') {
          depth -= 1
          if (depth === 0) scan.complete = true
        }
      }
    },
  }
  return scan
}

/**
 * Undoes, on the way back, what a request's encoder had to do to the caller's tools (ReplyHints): names
 * that had to differ, custom tools that were offered as functions, and the tool that stood for a JSON
 * answer. Sits between a target's decoder and the caller's encoder, so neither knows of the other.
 */
import { readObject, readString, parseJson } from '../wire/json.ts'
import type { ReplyHints } from './dialect.ts'
import type { AssistantPart, ChatEvent, ChatReply } from './neutral.ts'

/** There is nothing to undo: a relay, and most translations. */
export function changesNothing(hints: ReplyHints): boolean {
  return (
    hints.jsonTool === undefined && hints.customTools.length === 0 && hints.toolNames.length === 0
  )
}

/** A whole reply as the caller's own tools would have made it. */
export function restoreReply(reply: ChatReply, hints: ReplyHints): ChatReply {
  if (changesNothing(hints)) return reply
  const names = new Map(hints.toolNames)
  let jsonAnswered = false
  const parts = reply.parts.map((part): AssistantPart => {
    if (part.type !== 'tool-call') return part
    if (part.name === hints.jsonTool) {
      jsonAnswered = true
      return { type: 'text', text: part.input === '' ? '{}' : part.input }
    }
    const name = names.get(part.name) ?? part.name
    return hints.customTools.includes(name)
      ? { ...part, name, kind: 'custom', input: unwrapInput(part.input) }
      : { ...part, name }
  })
  const finish =
    jsonAnswered && reply.finish.reason === 'tool-calls'
      ? ({ reason: 'stop' } as const)
      : reply.finish
  return { ...reply, parts, finish }
}

/** The same for a stream: what each event becomes. */
export function createEventRestorer(hints: ReplyHints): (event: ChatEvent) => ChatEvent[] {
  if (changesNothing(hints)) return (event) => [event]
  const names = new Map(hints.toolNames)
  const unwrappers = new Map<number, InputUnwrapper>()
  // The call that is the answer itself, and whether any of it came.
  let jsonCall: number | undefined
  let jsonSeen = false
  return (event) => {
    switch (event.type) {
      case 'tool-start': {
        if (event.name === hints.jsonTool) {
          jsonCall = event.call
          return []
        }
        const name = names.get(event.name) ?? event.name
        if (!hints.customTools.includes(name)) return [{ ...event, name }]
        unwrappers.set(event.call, createInputUnwrapper())
        return [{ ...event, name, kind: 'custom' }]
      }
      case 'tool-input': {
        if (event.call === jsonCall) {
          jsonSeen = true
          return [{ type: 'text', text: event.text }]
        }
        const unwrapper = unwrappers.get(event.call)
        if (unwrapper === undefined) return [event]
        const text = unwrapper.push(event.text)
        return text === '' ? [] : [{ ...event, text }]
      }
      case 'tool-end': {
        if (event.call === jsonCall) return jsonSeen ? [] : [{ type: 'text', text: '{}' }]
        const rest = unwrappers.get(event.call)?.end() ?? ''
        return rest === '' ? [event] : [{ type: 'tool-input', call: event.call, text: rest }, event]
      }
      case 'finish':
        return jsonCall !== undefined && event.finish.reason === 'tool-calls'
          ? [{ ...event, finish: { reason: 'stop' } }]
          : [event]
      default:
        return [event]
    }
  }
}

/** `{"input":"…"}` → the text inside; anything else stays as it is. */
function unwrapInput(json: string): string {
  return readString(readObject(parseJson(json))?.['input']) ?? json
}

interface InputUnwrapper {
  push(text: string): string
  end(): string
}

const OPENING = /^\s*\{\s*"input"\s*:\s*"/

/** No opening is longer than this; what is longer is something else. */
const MAX_OPENING_CHARS = 64

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

/** The same as {@link unwrapInput} on JSON that arrives in pieces, giving out text as it comes. */
function createInputUnwrapper(): InputUnwrapper {
  // Everything so far while it is not yet clear, or known not to be, the expected form.
  let unclear = ''
  let state: 'opening' | 'string' | 'closed' | 'other' = 'opening'
  // An escape that a piece's end has cut.
  let pending = ''

  function readStringPart(text: string): string {
    const source = pending + text
    pending = ''
    let out = ''
    let at = 0
    while (at < source.length) {
      const char = source[at] ?? ''
      if (char === '"') {
        state = 'closed'
        return out
      }
      if (char !== '\\') {
        out += char
        at += 1
        continue
      }
      const escape = source[at + 1]
      const length = escape === 'u' ? 6 : 2
      if (at + length > source.length) {
        pending = source.slice(at)
        return out
      }
      out +=
        escape === 'u'
          ? String.fromCharCode(Number.parseInt(source.slice(at + 2, at + 6), 16))
          : (ESCAPES.get(escape ?? '') ?? escape ?? '')
      at += length
    }
    return out
  }

  return {
    push(text) {
      if (state === 'string') return readStringPart(text)
      if (state === 'closed') return ''
      unclear += text
      if (state === 'other') return ''
      const opening = OPENING.exec(unclear)?.[0]
      if (opening === undefined) {
        if (unclear.length > MAX_OPENING_CHARS) state = 'other'
        return ''
      }
      state = 'string'
      return readStringPart(unclear.slice(opening.length))
    },
    end() {
      return state === 'opening' || state === 'other' ? unwrapInput(unclear) : ''
    },
  }
}

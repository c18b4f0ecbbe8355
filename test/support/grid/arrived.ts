/**
 * What a provider was asked, read out of its own wire language into one form for all three, so that a
 * table can say once what must arrive. Strict: what it does not know it does not skip.
 */
import { dig, digText, list, map } from '../json.ts'
import type { JsonMap } from '../json.ts'
import type { ApiName } from './said.ts'

export interface ArrivedTool {
  readonly name: string
  readonly description: unknown
  readonly schema: unknown
}

export interface Arrived {
  /** Texts of system and developer messages, in order. */
  readonly system: readonly string[]
  /**
   * The conversation, one line for each thing in it: `user: Hello`, `user: <image image/png iVBOR…>`,
   * `assistant: <call id name {…}>`, `result id: 18 °C`. Independent of how things are grouped.
   */
  readonly turns: readonly string[]
  readonly tools: readonly ArrivedTool[]
  /** auto, none, required, or `tool <name>`. */
  readonly choice: string | undefined
  /** False where parallel calls are forbidden. */
  readonly parallel: boolean | undefined
  readonly maxTokens: unknown
  readonly temperature: unknown
  readonly stop: unknown
  /** The schema of a structured answer. */
  readonly schema: unknown
  readonly effort: unknown
}

/** Reads a request body that came to this API. Throws where the body is not of its language. */
export function readArrived(api: ApiName, body: unknown): Arrived {
  switch (api) {
    case 'chat':
      return readChat(map(body))
    case 'messages':
      return readMessages(map(body))
    case 'responses':
      return readResponses(map(body))
  }
}

/** A `data:` URL as `media/type base64`, any other URL as it is. */
function readUrl(url: string): string {
  const found = /^data:([^;,]+);base64,(.*)$/s.exec(url)
  return found === null ? url : `${found[1]} ${found[2]}`
}

function unknownPart(part: unknown): never {
  throw new Error(`unknown part: ${JSON.stringify(part)}`)
}

/** A string, or a list of parts, as lines. */
function readContent(content: unknown, readPart: (part: JsonMap) => string): string[] {
  if (typeof content === 'string') return [content]
  if (content === null || content === undefined) return []
  return list(content).map((part) => readPart(map(part)))
}

// Chat Completions

function readChat(body: JsonMap): Arrived {
  const system: string[] = []
  const turns: string[] = []
  for (const message of list(body['messages']).map(map)) {
    const role = String(message['role'])
    const lines = readContent(message['content'], readChatPart)
    switch (role) {
      case 'system':
      case 'developer':
        system.push(...lines)
        break
      case 'user':
        turns.push(...lines.map((line) => `user: ${line}`))
        break
      case 'assistant': {
        const thought = text(message['reasoning_content'])
        if (thought !== undefined) turns.push(`assistant: <thinking ${thought}>`)
        turns.push(...lines.map((line) => `assistant: ${line}`))
        for (const call of list(message['tool_calls'] ?? [])) {
          const id = digText(call, 'id')
          const name = digText(call, 'function', 'name')
          const input = digText(call, 'function', 'arguments')
          turns.push(`assistant: <call ${id} ${name} ${input}>`)
        }
        break
      }
      case 'tool': {
        const id = String(message['tool_call_id'])
        turns.push(...lines.map((line) => `result ${id}: ${line}`))
        break
      }
      default:
        throw new Error(`unknown role ${role}`)
    }
  }
  const choice = body['tool_choice']
  return {
    system,
    turns,
    tools: list(body['tools'] ?? []).map((tool) => ({
      name: digText(tool, 'function', 'name'),
      description: dig(tool, 'function', 'description'),
      schema: dig(tool, 'function', 'parameters'),
    })),
    choice:
      typeof choice === 'object' ? `tool ${digText(choice, 'function', 'name')}` : text(choice),
    parallel: flag(body['parallel_tool_calls']),
    maxTokens: body['max_completion_tokens'] ?? body['max_tokens'],
    temperature: body['temperature'],
    stop: body['stop'],
    schema: dig(body['response_format'], 'json_schema', 'schema'),
    effort: body['reasoning_effort'],
  }
}

function readChatPart(part: JsonMap): string {
  switch (part['type']) {
    case 'text':
      return digText(part, 'text')
    case 'image_url':
      return `<image ${readUrl(digText(part, 'image_url', 'url'))}>`
    case 'file':
      return `<file ${digText(part, 'file', 'filename')} ${readUrl(digText(part, 'file', 'file_data'))}>`
    default:
      return unknownPart(part)
  }
}

// Messages

function readMessages(body: JsonMap): Arrived {
  const turns: string[] = []
  for (const message of list(body['messages']).map(map)) {
    const role = String(message['role'])
    turns.push(...readMessage(role, message['content']))
  }
  const choice = body['tool_choice']
  const type = digText(choice, 'type')
  const kinds = new Map([
    ['auto', 'auto'],
    ['any', 'required'],
    ['none', 'none'],
    ['tool', `tool ${digText(choice, 'name')}`],
  ])
  const forbidden = dig(choice, 'disable_parallel_tool_use')
  return {
    system: readContent(body['system'], (part) => digText(part, 'text')),
    turns,
    tools: list(body['tools'] ?? []).map((tool) => ({
      name: digText(tool, 'name'),
      description: dig(tool, 'description'),
      schema: dig(tool, 'input_schema'),
    })),
    choice: kinds.get(type),
    parallel: forbidden === undefined ? undefined : forbidden !== true,
    maxTokens: body['max_tokens'],
    temperature: body['temperature'],
    stop: body['stop_sequences'],
    schema: dig(body['output_config'], 'format', 'schema'),
    effort: dig(body['output_config'], 'effort'),
  }
}

function readMessage(role: string, content: unknown): string[] {
  if (typeof content === 'string') return [`${role}: ${content}`]
  return list(content).flatMap((value) => {
    const block = map(value)
    switch (block['type']) {
      case 'tool_use': {
        const input = JSON.stringify(block['input'])
        return [`${role}: <call ${digText(block, 'id')} ${digText(block, 'name')} ${input}>`]
      }
      case 'tool_result': {
        const label = `result ${digText(block, 'tool_use_id')}${block['is_error'] === true ? ' (error)' : ''}`
        return readContent(block['content'], readBlock).map((line) => `${label}: ${line}`)
      }
      default:
        return [`${role}: ${readBlock(block)}`]
    }
  })
}

function readBlock(block: JsonMap): string {
  switch (block['type']) {
    case 'text':
      return digText(block, 'text')
    case 'thinking':
      return `<thinking ${digText(block, 'thinking')} ${digText(block, 'signature')}>`
    case 'image':
      return `<image ${readSource(block['source'])}>`
    case 'document':
      return `<file ${digText(block, 'title')} ${readSource(block['source'])}>`
    default:
      return unknownPart(block)
  }
}

function readSource(source: unknown): string {
  return dig(source, 'type') === 'url'
    ? digText(source, 'url')
    : `${digText(source, 'media_type')} ${digText(source, 'data')}`
}

// Responses

function readResponses(body: JsonMap): Arrived {
  const system: string[] = []
  const turns: string[] = []
  if (typeof body['instructions'] === 'string') system.push(body['instructions'])
  const input = body['input']
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : list(input)
  for (const item of items.map(map)) {
    switch (item['type'] ?? 'message') {
      case 'message': {
        const role = String(item['role'])
        const lines = readContent(item['content'], readResponsesPart)
        if (role === 'system' || role === 'developer') system.push(...lines)
        else turns.push(...lines.map((line) => `${role}: ${line}`))
        break
      }
      case 'reasoning': {
        const thought = list(item['summary']).map((part) => digText(part, 'text'))
        const sealed = digText(item, 'encrypted_content')
        turns.push(`assistant: <thinking ${thought.join('|')} ${digText(item, 'id')} ${sealed}>`)
        break
      }
      case 'function_call': {
        const id = digText(item, 'call_id')
        turns.push(`assistant: <call ${id} ${digText(item, 'name')} ${digText(item, 'arguments')}>`)
        break
      }
      case 'function_call_output': {
        const label = `result ${digText(item, 'call_id')}`
        turns.push(
          ...readContent(item['output'], readResponsesPart).map((line) => `${label}: ${line}`),
        )
        break
      }
      default:
        unknownPart(item)
    }
  }
  const choice = body['tool_choice']
  return {
    system,
    turns,
    tools: list(body['tools'] ?? []).map((tool) => ({
      name: digText(tool, 'name'),
      description: dig(tool, 'description'),
      schema: dig(tool, 'parameters'),
    })),
    choice: typeof choice === 'object' ? `tool ${digText(choice, 'name')}` : text(choice),
    parallel: flag(body['parallel_tool_calls']),
    maxTokens: body['max_output_tokens'],
    temperature: body['temperature'],
    stop: body['stop'],
    schema: dig(body['text'], 'format', 'schema'),
    effort: dig(body['reasoning'], 'effort'),
  }
}

function readResponsesPart(part: JsonMap): string {
  switch (part['type']) {
    case 'input_text':
    case 'output_text':
      return digText(part, 'text')
    case 'refusal':
      return digText(part, 'refusal')
    case 'input_image':
      return `<image ${readUrl(digText(part, 'image_url'))}>`
    case 'input_file':
      return `<file ${digText(part, 'filename')} ${readUrl(digText(part, 'file_data'))}>`
    default:
      return unknownPart(part)
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

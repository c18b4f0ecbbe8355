/**
 * What a Messages caller's user turns and tool results are made of → neutral parts (wire-formats D.2).
 * Reference: https://docs.anthropic.com/en/api/messages
 */
import { readArray, readObject, readString, readText } from '../../wire/json.ts'
import { optionalArray, requiredObject, requiredString, untranslatable } from '../fields.ts'
import type {
  BytesSource,
  CacheMark,
  DocumentPart,
  ImagePart,
  JsonObject,
  JsonValue,
  Loss,
  TextPart,
  UrlSource,
  UserPart,
} from '../neutral.ts'

/** A block's cache breakpoint as a part's member; nothing where there is none. */
export function cacheOf(block: JsonObject): { cache?: CacheMark } {
  const control = readObject(block['cache_control'])
  if (control === undefined) return {}
  const ttl = readString(control['ttl'])
  return { cache: { ttl: ttl === '5m' || ttl === '1h' ? ttl : undefined } }
}

/** `content` of a user turn or a tool result: a string, or blocks. Absent is empty. */
export function decodeContent(
  content: JsonValue | undefined,
  path: string,
  losses: Loss[],
): UserPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return optionalArray(content, path).flatMap((item, index) =>
    decodeBlock(item, `${path}[${index}]`, losses),
  )
}

/**
 * One block. Throws ProxyError `untranslatable` for what lives at Anthropic (files, containers) and for
 * types nobody knows: leaving out something the user said would change the question.
 */
export function decodeBlock(value: JsonValue, path: string, losses: Loss[]): UserPart[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }]
  const block = requiredObject(value, path)
  const type = readString(block['type'])
  switch (type) {
    case 'text':
      return [decodeText(block, path)]
    case 'image':
      return [decodeImage(block, path)]
    case 'document':
      return decodeDocument(block, path, losses)
    case 'search_result':
      return [decodeSearchResult(block, path)]
    case 'tool_reference':
      return [{ type: 'text', text: `Tool: ${requiredString(block['tool_name'], path)}` }]
    case 'browser_state': {
      const { type: _, cache_control: __, ...state } = block
      return [{ type: 'text', text: JSON.stringify(state), ...cacheOf(block) }]
    }
    default:
      throw untranslatable(
        `${path}.type`,
        `A block of type ${type === undefined ? 'unknown' : `"${type}"`} means nothing to the model that answers.`,
      )
  }
}

/** A text block; throws `request_invalid` where its text is missing. */
export function decodeText(block: JsonObject, path: string): TextPart {
  return { type: 'text', text: requiredString(block['text'], `${path}.text`), ...cacheOf(block) }
}

function decodeImage(block: JsonObject, path: string): ImagePart {
  const source = requiredObject(block['source'], `${path}.source`)
  return { type: 'image', source: decodeSource(source, `${path}.source`), ...cacheOf(block) }
}

function decodeSource(source: JsonObject, path: string): BytesSource | UrlSource {
  const type = requiredString(source['type'], `${path}.type`)
  switch (type) {
    case 'base64':
      return {
        kind: 'base64',
        mediaType: requiredString(source['media_type'], `${path}.media_type`),
        data: requiredString(source['data'], `${path}.data`),
      }
    case 'url':
      return { kind: 'url', url: requiredString(source['url'], `${path}.url`) }
    case 'file':
      throw untranslatable(
        path,
        'This file is kept at Anthropic; the model that answers has no key to it.',
      )
    default:
      throw untranslatable(path, `A source of type "${type}" cannot be translated.`)
  }
}

function decodeDocument(block: JsonObject, path: string, losses: Loss[]): UserPart[] {
  if (readObject(block['citations'])?.['enabled'] === true) {
    losses.push(['messages.citations', 'dropped'])
  }
  const source = requiredObject(block['source'], `${path}.source`)
  const title = readText(block['title'])
  const context = readText(block['context'])
  switch (readString(source['type'])) {
    case 'text':
      return [textDocument(requiredString(source['data'], `${path}.source.data`), block)]
    case 'content': {
      const parts = decodeContent(source['content'], `${path}.source.content`, losses)
      const text = allText(parts)
      if (text !== undefined) return [textDocument(text, block)]
      // Pictures among the text keep their places; what the document is called stands before them.
      const head = [title, context].filter((line) => line !== undefined).join('\n')
      const named: UserPart[] = head === '' ? parts : [{ type: 'text', text: head }, ...parts]
      const last = named.at(-1)
      return last === undefined ? [] : [...named.slice(0, -1), { ...last, ...cacheOf(block) }]
    }
    default: {
      const document: DocumentPart = {
        type: 'document',
        source: decodeSource(source, `${path}.source`),
        ...(title === undefined ? {} : { title }),
        ...cacheOf(block),
      }
      return context === undefined ? [document] : [{ type: 'text', text: context }, document]
    }
  }
}

/** A document that is text: its title apart, what is said about it at its head. */
function textDocument(text: string, block: JsonObject): DocumentPart {
  const title = readText(block['title'])
  const context = readText(block['context'])
  return {
    type: 'document',
    source: { kind: 'text', text: context === undefined ? text : `${context}\n\n${text}` },
    ...(title === undefined ? {} : { title }),
    ...cacheOf(block),
  }
}

function allText(parts: readonly UserPart[]): string | undefined {
  const texts: string[] = []
  for (const part of parts) {
    if (part.type !== 'text') return undefined
    texts.push(part.text)
  }
  return texts.join('\n')
}

/** Title, source, then what was found. */
function decodeSearchResult(block: JsonObject, path: string): TextPart {
  const found = readArray(block['content']).map((item, index) => {
    const at = `${path}.content[${index}]`
    return requiredString(requiredObject(item, at)['text'], `${at}.text`)
  })
  const head = [readText(block['title']), readText(block['source'])].filter(
    (line) => line !== undefined,
  )
  return {
    type: 'text',
    text: [head.join('\n'), found.join('\n')].filter((text) => text !== '').join('\n\n'),
    ...cacheOf(block),
  }
}

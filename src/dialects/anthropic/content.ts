/** Text, images and documents → Anthropic blocks (wire-formats A.2, user parts). */
import { untranslatable } from '../fields.ts'
import type { CacheMark, DocumentPart, ImagePart, TextPart, UserPart } from '../neutral.ts'
import type { CacheControl, DocumentBlock, ImageBlock, TextBlock } from './wire.ts'

/** Anthropic: “text content blocks must contain non-whitespace text”. */
export function isBlank(text: string): boolean {
  return text.trim() === ''
}

/** A breakpoint as a block's member; nothing where there is none. */
export function cacheControl(cache: CacheMark | undefined): { cache_control?: CacheControl } {
  if (cache === undefined) return {}
  return {
    cache_control:
      cache.ttl === undefined ? { type: 'ephemeral' } : { type: 'ephemeral', ttl: cache.ttl },
  }
}

export function encodeText(part: TextPart): TextBlock[] {
  if (isBlank(part.text)) return []
  return part.cache === undefined
    ? [{ type: 'text', text: part.text }]
    : [{ type: 'text', text: part.text, ...cacheControl(part.cache) }]
}

/** The block for one part; none for blank text. `filesBeta`: ids of Anthropic's Files API are taken. */
export function encodePart(
  part: UserPart,
  path: string,
  filesBeta: boolean,
): Array<TextBlock | ImageBlock | DocumentBlock> {
  switch (part.type) {
    case 'text':
      return encodeText(part)
    case 'image':
      return [encodeImage(part, path, filesBeta)]
    case 'document':
      return [encodeDocument(part, path, filesBeta)]
    default:
      return part satisfies never
  }
}

const IMAGE_TYPES: ReadonlySet<string> = new Set([
  'image/jpeg',
  'image/png',
  'image/gif',
  'image/webp',
])

function encodeImage(part: ImagePart, path: string, filesBeta: boolean): ImageBlock {
  const cache = cacheControl(part.cache)
  const { source } = part
  switch (source.kind) {
    case 'url':
      return {
        type: 'image',
        source: { type: 'url', url: requireHttps(source.url, path) },
        ...cache,
      }
    case 'file':
      return {
        type: 'image',
        source: { type: 'file', file_id: requireFileId(source.id, path, filesBeta) },
        ...cache,
      }
    case 'base64': {
      const named = source.mediaType === 'image/jpg' ? 'image/jpeg' : source.mediaType
      // A mislabelled image is a 400: its first bytes know better than its label.
      const type = sniffImage(source.data) ?? named
      if (!IMAGE_TYPES.has(type)) {
        throw untranslatable(
          path,
          `Images of type "${type}" are not taken; use PNG, JPEG, GIF or WebP.`,
        )
      }
      return {
        type: 'image',
        source: { type: 'base64', media_type: type, data: source.data },
        ...cache,
      }
    }
    default:
      return source satisfies never
  }
}

function sniffImage(base64: string): string | undefined {
  const head = Buffer.from(base64.slice(0, 24), 'base64').toString('latin1')
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'image/gif'
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'image/webp'
  return undefined
}

function encodeDocument(part: DocumentPart, path: string, filesBeta: boolean): DocumentBlock {
  return {
    type: 'document',
    source: encodeDocumentSource(part.source, path, filesBeta),
    ...(part.title === undefined ? {} : { title: part.title }),
    ...cacheControl(part.cache),
  }
}

function encodeDocumentSource(
  source: DocumentPart['source'],
  path: string,
  filesBeta: boolean,
): DocumentBlock['source'] {
  switch (source.kind) {
    case 'text':
      return { type: 'text', media_type: 'text/plain', data: source.text }
    case 'url':
      return { type: 'url', url: requireHttps(source.url, path) }
    case 'file':
      return { type: 'file', file_id: requireFileId(source.id, path, filesBeta) }
    case 'base64':
      if (source.mediaType === 'application/pdf') {
        return { type: 'base64', media_type: 'application/pdf', data: source.data }
      }
      if (source.mediaType.startsWith('text/')) {
        return {
          type: 'text',
          media_type: 'text/plain',
          data: Buffer.from(source.data, 'base64').toString('utf8'),
        }
      }
      throw untranslatable(
        path,
        `Files of type "${source.mediaType}" are not taken; use PDF or text.`,
      )
    default:
      return source satisfies never
  }
}

/** The provider fetches it, and over https only. */
function requireHttps(url: string, path: string): string {
  if (/^https:\/\//i.test(url)) return url
  throw untranslatable(path, 'The provider fetches files over https only.')
}

/** Anthropic's file ids begin `file_`, OpenAI's `file-`. */
function requireFileId(id: string, path: string, filesBeta: boolean): string {
  if (filesBeta && id.startsWith('file_')) return id
  throw untranslatable(path, `The file "${id}" is kept at another provider.`)
}

/**
 * What is sent: piped stdin first, a blank line, the words of the command line; text files inlined under
 * their names, images and PDFs as parts of the message.
 */
import { readFile, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { JsonObject } from '../dialects/neutral.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import type { ProgramIo } from './io.ts'

export interface PromptSource {
  readonly words: readonly string[]
  readonly files: readonly string[]
  readonly readStdin: boolean
  /** The proxy would refuse more than this. */
  readonly limitBytes: number
}

/** The content of the user's message: text, or a list of parts where something is attached. */
export type PromptContent = string | JsonObject[]

/** A silent pipe is told of after this long. */
const SILENCE_MS = 2000

/** True where nothing was typed, attached or piped. */
export function isPromptMissing(source: PromptSource, io: ProgramIo): boolean {
  return (
    source.words.length === 0 && source.files.length === 0 && !(source.readStdin && io.stdinIsPiped)
  )
}

/** Reads all of the prompt. Throws `usage_wrong` for what is empty, unreadable or too large. */
export async function readPrompt(source: PromptSource, io: ProgramIo): Promise<PromptContent> {
  // Files first: a wrong name should not wait for a pipe to end.
  const attached = await Promise.all(source.files.map((path) => readAttachment(path, source, io)))
  const piped = source.readStdin && io.stdinIsPiped ? await readPiped(source, io) : ''
  const texts = [
    piped,
    ...attached.flatMap((one) => (one.kind === 'text' ? [one.text] : [])),
    source.words.join(' '),
  ].filter((text) => text.trim() !== '')
  const parts = attached.flatMap((one) => (one.kind === 'part' ? [one.part] : []))
  const text = texts.join('\n\n')
  if (text === '' && parts.length === 0) {
    const reason = source.readStdin && io.stdinIsPiped ? 'nothing came from stdin' : 'it is empty'
    throw new ProxyError('usage_wrong', `no prompt: ${reason}`, { hint: 'aiproxy ask "Hello"' })
  }
  if (parts.length === 0) return text
  return text === '' ? parts : [...parts, { type: 'text', text }]
}

async function readPiped({ limitBytes }: PromptSource, io: ProgramIo): Promise<string> {
  const cancelHint = io.after(SILENCE_MS, () => {
    io.stderr.write('waiting for stdin, which is an open pipe; --no-stdin does not read it\n')
  })
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of io.stdin) {
      cancelHint()
      const piece = Buffer.from(chunk)
      bytes += piece.length
      if (bytes > limitBytes) throw tooLarge('stdin', limitBytes)
      chunks.push(piece)
    }
  } catch (thrown) {
    if (thrown instanceof ProxyError) throw thrown
    throw new ProxyError('usage_wrong', `stdin cannot be read: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  } finally {
    cancelHint()
  }
  const text = decodeUtf8(Buffer.concat(chunks))
  if (text === undefined) {
    throw new ProxyError('usage_wrong', 'stdin is not text in UTF-8', {
      hint: 'aiproxy ask -f picture.png "What is this?"',
    })
  }
  return text.replace(/[\r\n]+$/, '')
}

type Attachment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'part'; readonly part: JsonObject }

async function readAttachment(
  path: string,
  { limitBytes }: PromptSource,
  io: ProgramIo,
): Promise<Attachment> {
  const name = basename(path)
  const place = resolve(io.cwd, path)
  let bytes: Buffer
  try {
    const { size } = await stat(place)
    if (size > limitBytes) throw tooLarge(path, limitBytes)
    bytes = await readFile(place)
  } catch (thrown) {
    if (thrown instanceof ProxyError) throw thrown
    throw new ProxyError('usage_wrong', `--file '${path}' cannot be read: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  }

  const image = imageType(bytes)
  if (image !== undefined) {
    return { kind: 'part', part: { type: 'image_url', image_url: { url: toUrl(image, bytes) } } }
  }
  if (bytes.subarray(0, 5).toString('latin1') === '%PDF-') {
    const file = { filename: name, file_data: toUrl('application/pdf', bytes) }
    return { kind: 'part', part: { type: 'file', file } }
  }
  const text = bytes.includes(0) ? undefined : decodeUtf8(bytes)
  if (text === undefined) {
    throw new ProxyError(
      'usage_wrong',
      `--file '${path}' is neither text nor a PNG, JPEG, GIF or WebP image nor a PDF`,
    )
  }
  return { kind: 'text', text: inline(name, text) }
}

/** A text file under its name, in a fence longer than any it contains. */
function inline(name: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${name}:\n${fence}\n${text.replace(/\n+$/, '')}\n${fence}`
}

// By their first bytes (the name may say anything): the four image types every provider takes.
// https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
function imageType(bytes: Buffer): string | undefined {
  const start = bytes.subarray(0, 12).toString('latin1')
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'image/gif'
  if (start.startsWith('RIFF') && start.slice(8) === 'WEBP') return 'image/webp'
  return undefined
}

function toUrl(mediaType: string, bytes: Buffer): string {
  return `data:${mediaType};base64,${bytes.toString('base64')}`
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function tooLarge(what: string, limitBytes: number): ProxyError {
  return new ProxyError(
    'usage_wrong',
    `${what} is larger than a request may be (${limitBytes} bytes)`,
  )
}

function reasonOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  switch (code) {
    case 'ENOENT':
      return 'no such file'
    case 'EACCES':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a directory'
    default:
      return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

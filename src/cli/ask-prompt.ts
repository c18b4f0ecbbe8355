/**
 * What is sent: piped stdin first, a blank line, the words of the command line; text files inlined under
 * their names, images and PDFs as parts of the message, each where it was named.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { JsonObject } from '../dialects/neutral.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { cleanForTerminal } from './clean.ts'
import type { ProgramIo } from './io.ts'
import { quoteForShell, renderBytes } from './words.ts'

export interface PromptSource {
  readonly words: readonly string[]
  /** Paths; `-` is stdin. */
  readonly files: readonly string[]
  readonly readStdin: boolean
  /** The proxy would refuse more than this. */
  readonly limitBytes: number
}

export interface Prompt {
  /** The content of the user's message: text, or a list of parts where something is attached. */
  readonly content: string | JsonObject[]
  /** What it is made of, for people: `stdin`, `photo.png`, `prompt`. */
  readonly parts: readonly string[]
}

/** A silent pipe is told of after this long. */
const SILENCE_MS = 2000

const STDIN = '-'

/** True where nothing was typed, attached or piped. */
export function isPromptMissing(source: PromptSource, io: ProgramIo): boolean {
  return source.words.length === 0 && source.files.length === 0 && !readsPipe(source, io)
}

/** Reads all of the prompt, in whose place may be nothing. Throws `usage_wrong` for what is unreadable or too large. */
export async function readPrompt(source: PromptSource, io: ProgramIo): Promise<Prompt> {
  const { files, words, readStdin } = source
  if (files.includes(STDIN)) checkStdinIsThere(source, io)
  // Files first: a wrong name should not wait for a pipe to end.
  const attached = await Promise.all(
    files.map(async (path) => (path === STDIN ? undefined : readFileNamed(path, source, io))),
  )
  const bytes = readsPipe(source, io)
    ? await readAll(io.stdin, source, io, {
        name: 'stdin',
        advice: '; --no-stdin does not read it',
      })
    : undefined
  // Named as a file, stdin stands where it was named and may be a picture.
  const pieces = [
    ...(bytes === undefined || files.includes(STDIN) ? [] : [pieceOfPipe(bytes)]),
    ...files.map(
      (_, index) => attached[index] ?? pieceOfFile(STDIN, 'stdin', bytes ?? Buffer.of()),
    ),
    { name: 'prompt', text: words.join(' ') },
  ]
  tellEmpty(pieces, io)
  const said = pieces.filter(({ text }) => text === undefined || text.trim() !== '')
  if (said.length === 0 && (words.length > 0 || bytes !== undefined)) {
    const reason = readStdin && io.stdinIsPiped ? 'nothing came from stdin' : 'it is empty'
    throw new ProxyError('usage_wrong', `no prompt: ${reason}`, { hint: 'aiproxy ask "Hello"' })
  }
  return { content: joinPieces(said), parts: said.map(({ name }) => name) }
}

/** One piece of the message; without a text it is attached. */
interface Piece {
  readonly name: string
  readonly text?: string
  readonly part?: JsonObject
  readonly isEmptyFile?: boolean
}

/** Neighbouring texts become one, a blank line between them. */
function joinPieces(pieces: readonly Piece[]): Prompt['content'] {
  const joined: Array<string | JsonObject> = []
  for (const { text, part } of pieces) {
    const last = joined.at(-1)
    if (part !== undefined) joined.push(part)
    else if (typeof last === 'string') joined[joined.length - 1] = `${last}\n\n${text ?? ''}`
    else joined.push(text ?? '')
  }
  const [only, ...others] = joined
  if (others.length === 0 && (only === undefined || typeof only === 'string')) return only ?? ''
  return joined.map((one) => (typeof one === 'string' ? { type: 'text', text: one } : one))
}

/** An empty file is rarely meant, but there it is. */
function tellEmpty(pieces: readonly Piece[], io: ProgramIo): void {
  if (io.flags.quiet === true || io.flags.json === true) return
  for (const { name, isEmptyFile } of pieces) {
    if (isEmptyFile === true) io.stderr.write(`note: ${cleanForTerminal(name)} is empty\n`)
  }
}

function readsPipe({ readStdin }: PromptSource, { stdinIsPiped }: ProgramIo): boolean {
  return readStdin && stdinIsPiped
}

function checkStdinIsThere({ readStdin }: PromptSource, io: ProgramIo): void {
  if (!readStdin) throw new ProxyError('usage_wrong', '--file - is stdin: not with --no-stdin')
  if (io.stdinIsPiped) return
  throw new ProxyError('usage_wrong', '--file - is stdin, and nothing is piped in', {
    hint: 'aiproxy ask -f - "What is this?" < picture.png',
  })
}

function pieceOfPipe(bytes: Buffer): Piece {
  const text = isBinary(bytes) ? undefined : decodeUtf8(bytes)
  if (text !== undefined) return { name: 'stdin', text: text.replace(/[\r\n]+$/, '') }
  throw new ProxyError(
    'usage_wrong',
    attachedType(bytes) === undefined
      ? `stdin is ${whatElse(bytes)}`
      : 'stdin is not text; to attach it, name it as a file',
    { hint: 'aiproxy ask -f - "What is this?"' },
  )
}

async function readFileNamed(path: string, source: PromptSource, io: ProgramIo): Promise<Piece> {
  const place = resolve(io.cwd, path)
  const named = `--file '${path}'`
  let bytes: Buffer
  try {
    const { size } = await stat(place)
    if (size > source.limitBytes) throw tooLarge(named, source.limitBytes)
    bytes = await readAll(createReadStream(place), source, io, { name: named, advice: '' })
  } catch (thrown) {
    if (thrown instanceof ProxyError) throw thrown
    throw new ProxyError('usage_wrong', `${named} cannot be read: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  }
  return pieceOfFile(path, basename(path), bytes)
}

/** A file by what is in it: its name may say anything. */
function pieceOfFile(path: string, name: string, bytes: Buffer): Piece {
  const type = attachedType(bytes)
  if (type === 'application/pdf') {
    const file = { filename: name, file_data: toUrl(type, bytes) }
    return { name, part: { type: 'file', file } }
  }
  if (type !== undefined) {
    return { name, part: { type: 'image_url', image_url: { url: toUrl(type, bytes) } } }
  }
  const text = isBinary(bytes) ? undefined : decodeUtf8(bytes)
  if (text === undefined) {
    const isOtherText = whatElse(bytes) !== BINARY
    throw new ProxyError('usage_wrong', `--file '${path}' is ${whatElse(bytes)}`, {
      hint:
        isOtherText && path !== STDIN
          ? `iconv -f ${guessEncoding(bytes)} -t UTF-8 ${quoteForShell(path)} | aiproxy ask -f - …`
          : undefined,
    })
  }
  return { name, text: inline(name, text), isEmptyFile: bytes.length === 0 }
}

/** Everything up to the limit. Says on stderr when nothing has come for a while. */
async function readAll(
  stream: AsyncIterable<Uint8Array | string>,
  { limitBytes }: PromptSource,
  io: ProgramIo,
  { name, advice }: { readonly name: string; readonly advice: string },
): Promise<Buffer> {
  const cancelHint = io.after(SILENCE_MS, () => {
    // A program that reads JSON from stderr can do without.
    if (io.flags.json === true && io.stderr.isTTY !== true) return
    io.stderr.write(`waiting for ${cleanForTerminal(name)}, which is an open pipe${advice}\n`)
  })
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of stream) {
      cancelHint()
      const piece = Buffer.from(chunk)
      bytes += piece.length
      if (bytes > limitBytes) throw tooLarge(name, limitBytes)
      chunks.push(piece)
    }
  } catch (thrown) {
    if (thrown instanceof ProxyError) throw thrown
    throw new ProxyError('usage_wrong', `${name} cannot be read: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  } finally {
    cancelHint()
  }
  return Buffer.concat(chunks)
}

/** A text file under its name, in a fence longer than any it contains. */
function inline(name: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  const lines = text.replace(/\n+$/, '')
  return `${name}:\n${fence}\n${lines === '' ? '' : `${lines}\n`}${fence}`
}

// By their first bytes: the four image types every provider takes, and PDF.
// https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
function attachedType(bytes: Buffer): string | undefined {
  const start = bytes.subarray(0, 12).toString('latin1')
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'image/gif'
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'image/webp'
  return start.startsWith('%PDF-') ? 'application/pdf' : undefined
}

const BINARY = 'neither text nor a PNG, JPEG, GIF or WebP image nor a PDF'

function whatElse(bytes: Buffer): string {
  if (hasUtf16Mark(bytes)) return 'text in UTF-16, not in UTF-8'
  return isBinary(bytes) || bytes.some(isControl) ? BINARY : 'text, but not in UTF-8'
}

function guessEncoding(bytes: Buffer): string {
  return hasUtf16Mark(bytes) ? 'UTF-16' : 'WINDOWS-1252'
}

function hasUtf16Mark(bytes: Buffer): boolean {
  const [first, second] = bytes
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}

/** No text has a NUL in it. */
function isBinary(bytes: Buffer): boolean {
  return bytes.includes(0)
}

/** Not among the white space and the escape character that texts have. */
function isControl(byte: number): boolean {
  return byte < 0x20 && !(byte >= 0x08 && byte <= 0x0d) && byte !== 0x1b
}

function toUrl(mediaType: string, bytes: Buffer): string {
  return `data:${mediaType};base64,${bytes.toString('base64')}`
}

/** Without a byte order mark; `undefined` where it is no UTF-8. */
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
    `${what} is larger than a request may be (${renderBytes(limitBytes)})`,
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

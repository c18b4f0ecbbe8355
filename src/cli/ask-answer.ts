/**
 * The reply of one call as it comes: a ReplySink that reads the wire through app.ts and hands on
 * pieces, and what is known of the answer when it is over.
 */
import type { ChatPiece } from '../app.ts'
import type { TokenUsage } from '../dialects/neutral.ts'
import type { ReplySink } from '../exchange/call.ts'
import type { AppModule } from './io.ts'

export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly input: string
}

/** What has come so far; complete where `finish` is set. */
export interface Answer {
  readonly sink: ReplySink
  readonly text: string
  readonly reasoning: string
  readonly toolCalls: readonly ToolCall[]
  /** Why the model stopped; `undefined` as long as it has not said so. */
  readonly finish: string | undefined
  readonly servedModel: string | undefined
  readonly usage: TokenUsage | undefined
  /** The stream told of a failure. */
  readonly failure: string | undefined
  readonly headers: ReadonlyMap<string, string>
  /** The reader went away: the exchange is told, once. */
  leave(): void
}

export interface AnswerPlan {
  readonly app: Pick<AppModule, 'readChatStream' | 'readChatReply'>
  /** False when whoever takes the pieces is behind. */
  readonly onPiece: (piece: ChatPiece) => boolean
  /** Runs the action once, when whoever was behind has caught up. */
  readonly whenDrained: (action: () => void) => void
}

/** An answer that has not begun. */
export function createAnswer(plan: AnswerPlan): Answer {
  let text = ''
  let reasoning = ''
  const toolCalls: ToolCall[] = []
  let finish: Extract<ChatPiece, { type: 'finish' }> | undefined
  let failure: string | undefined
  const headers = new Map<string, string>()
  // A reply that is no event stream is read when all of it is there.
  let reader: ReturnType<AppModule['readChatStream']> | undefined
  const unary: Buffer[] = []
  // Half of a character beyond the BMP: providers cut their deltas anywhere.
  let half = ''
  let gone = false
  let onGone: (() => void) | undefined
  const drainListeners: Array<() => void> = []
  let waitsForDrain = false

  function take(pieces: readonly ChatPiece[]): boolean {
    let ready = true
    for (const piece of pieces) ready = takeOne(piece) && ready
    if (!ready && !waitsForDrain) {
      waitsForDrain = true
      plan.whenDrained(() => {
        waitsForDrain = false
        for (const listener of drainListeners) listener()
      })
    }
    return ready
  }

  function takeOne(piece: ChatPiece): boolean {
    switch (piece.type) {
      case 'text':
      case 'refusal': {
        const whole = half + piece.text
        half = /[\ud800-\udbff]$/.exec(whole)?.[0] ?? ''
        const shown = half === '' ? whole : whole.slice(0, -1)
        text += shown
        return shown === '' || plan.onPiece({ type: piece.type, text: shown })
      }
      case 'reasoning':
        reasoning += piece.text
        break
      case 'tool-call':
        toolCalls.push({ id: piece.id, name: piece.name, input: piece.input })
        break
      case 'finish':
        finish = piece
        break
      case 'error':
        failure = piece.message
        break
    }
    return plan.onPiece(piece)
  }

  const sink: ReplySink = {
    head(_status, pairs) {
      for (const [name, value] of pairs) headers.set(name, value)
      if ((headers.get('content-type') ?? '').includes('text/event-stream')) {
        reader = plan.app.readChatStream()
      }
    },
    write(chunk) {
      if (gone) return true
      if (reader !== undefined) return take(reader.push(chunk))
      unary.push(Buffer.from(chunk))
      return true
    },
    end(chunk) {
      if (chunk !== undefined) sink.write(chunk)
      if (gone) return
      take(
        reader === undefined
          ? plan.app.readChatReply(Buffer.concat(unary).toString('utf8'))
          : reader.end(),
      )
    },
    onDrain(listener) {
      drainListeners.push(listener)
    },
    onGone(listener) {
      if (gone) listener()
      else onGone = listener
    },
  }

  return {
    sink,
    get text() {
      return text
    },
    get reasoning() {
      return reasoning
    },
    get toolCalls() {
      return toolCalls
    },
    get finish() {
      return finish?.reason
    },
    get servedModel() {
      return finish?.model
    },
    get usage() {
      return finish?.usage
    },
    get failure() {
      return failure
    },
    headers,
    leave() {
      if (gone) return
      gone = true
      onGone?.()
    },
  }
}

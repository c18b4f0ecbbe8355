/**
 * The payload audit on disk: what was asked and what was answered, whole, one exchange a line, beside the
 * usage log and never in it (design §7). Off unless the config names a file. Written like the usage log;
 * but where it cannot be written requests go on, and the failure is told.
 */
import { escapeJson } from './json.ts'
import { createLineFile } from './ledger.ts'
import type { LedgerOptions, LineFile } from './ledger.ts'
import type { UsageRecord } from './record.ts'

/** One line. Texts are redacted and within the cap before they come here. */
export interface AuditRecord extends Pick<
  UsageRecord,
  'ts' | 'id' | 'user' | 'api' | 'model' | 'served_model' | 'provider' | 'status'
> {
  /** The caller's body as it came; absent where it was refused unread. */
  readonly request?: string
  /** The body or the SSE text as the caller got it; absent where the caller got nothing. */
  readonly reply?: string
  /** One of the two goes on beyond what stands here. */
  readonly truncated?: true
}

export type Audit = LineFile<AuditRecord>

/** Opens the audit file at once (made with mode 0600, or tightened to it). Never throws. */
export function createAudit(options: LedgerOptions): Audit {
  return createLineFile({ ...options, what: 'audit file', render: renderAuditLine })
}

/** One line, without its line feed; nothing in it can move a cursor or turn text round. */
export function renderAuditLine({ ts, ...rest }: AuditRecord): string {
  return escapeJson(JSON.stringify({ ts, ...rest }))
}

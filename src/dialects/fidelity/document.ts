/** The ledger as a document for people: `docs/fidelity.md` is its text. */
import type { DialectName } from '../dialect.ts'
import { renderTable } from '../markdown.ts'
import type { FidelityRow, FidelityTable } from './rows.ts'

const SPOKEN: Readonly<Record<DialectName, string>> = {
  'openai-chat': 'Chat Completions',
  anthropic: 'Messages',
  'openai-responses': 'Responses',
}

const INTRODUCTION = `# What crosses between the three APIs

Where caller and model speak the same API, the body is relayed byte for byte and nothing here applies. Where they do not,
every field of the request has one verdict; what is announced stands in the reply's \`x-aiproxy-notes\`, as
\`seed;dropped, temperature;adapted\`. A model with \`strict: true\` refuses what would be announced, with status
400 and the code \`untranslatable\`; only what is marked “strict lets it pass” is announced there too.

- **map**: the same meaning on the other side.
- **adapt**: carried over where the model and the value allow it; announced where they do not.
- **note**: left out, and announced.
- **refuse**: 400 \`untranslatable\`, because leaving it out would break a promise.
- **pass**: the target's own field in a foreign request, forwarded.

\`null\` counts as absent. A field that is in no table is left out and announced.
What a model takes is decided by its name; \`rules\` in the config decide otherwise.

This file is written by \`npm run docs\` from \`src/dialects/fidelity/\`.
`

const HEAD: readonly string[] = [
  'field',
  'verdict',
  'becomes, or why not',
  'left out silently when',
]

/** The whole document; ends with a line end. */
export function renderFidelityDocument(tables: readonly FidelityTable[]): string {
  const sections = tables.map(({ from, to, rows }) => {
    const cells = rows.toSorted(byPath).map(cellsOf)
    return `## ${SPOKEN[from]} → ${SPOKEN[to]}\n\n${renderTable(HEAD, cells)}`
  })
  return [INTRODUCTION, ...sections].join('\n')
}

function byPath(left: FidelityRow, right: FidelityRow): number {
  return left.path < right.path ? -1 : 1
}

function cellsOf({ path, verdict, reason, silent, hint }: FidelityRow): string[] {
  const why = hint === true ? `${reason}; strict lets it pass` : reason
  return [`\`${path}\``, verdict, why, silent === undefined ? '' : silent.words]
}

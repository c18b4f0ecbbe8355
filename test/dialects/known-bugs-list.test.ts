/**
 * The 73 known faults of other translators (wire-formats I): each has a test here that shows its symptom
 * absent. A row is taken out of this list only together with a stated reason why it cannot arise.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ROOT } from '../wire/cuts.ts'

/** A file of this folder, and how the title of one of its tests begins. */
type Place = readonly [file: string, title: string]

/** By number: the report, and where its symptom is tested. */
const KNOWN: ReadonlyArray<readonly [number: number, report: string, places: readonly Place[]]> = [
  [
    1,
    'BerriAI/litellm#5231',
    [
      [
        'known-bugs.test.ts',
        'a streamed tool’s index is its number among the tools, not its block’s',
      ],
    ],
  ],
  [
    2,
    'Portkey-AI/gateway#1275, PR#1284',
    [
      [
        'known-bugs.test.ts',
        'a streamed tool’s index is its number among the tools, not its block’s',
      ],
    ],
  ],
  [
    3,
    'BerriAI/litellm#5063, PR#5091',
    [['known-bugs.test.ts', 'a tool without arguments streams {} and not an empty string']],
  ],
  [
    4,
    'BerriAI/litellm#4562',
    [
      [
        'known-bugs.test.ts',
        'an error in the middle of a stream is told, without [DONE] or a finish',
      ],
    ],
  ],
  [
    5,
    'Portkey-AI/gateway#722, PR#741',
    [
      [
        'known-bugs.test.ts',
        'an error in the middle of a stream is told, without [DONE] or a finish',
      ],
    ],
  ],
  [
    6,
    'BerriAI/litellm#40578',
    [
      ['anthropic-caller-bugs.test.ts', 'an in-band error is not turned into an empty success'],
      ['known-bugs.test.ts', 'an in-band error followed by [DONE] is no empty success'],
      [
        'openai-responses-symptoms.test.ts',
        'an in-band error of a Chat server is no empty success',
      ],
    ],
  ],
  [
    7,
    'BerriAI/litellm#32086, PR#32475',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'a failure after 200 does not end as a well-formed message',
      ],
    ],
  ],
  [
    8,
    'BerriAI/litellm#25321, #25561',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'arguments in the first fragment of a call are not lost at the block change',
      ],
    ],
  ],
  [
    9,
    'BerriAI/litellm#29286',
    [['anthropic-caller-bugs.test.ts', 'an empty list of calls produces nothing']],
  ],
  [
    10,
    'BerriAI/litellm#32357',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'there is one message_start, and thinking never lands in a text block',
      ],
    ],
  ],
  [
    11,
    'BerriAI/litellm#34692',
    [['anthropic-caller-bugs.test.ts', 'a call ends as tool_use without an empty text block']],
  ],
  [
    12,
    'BerriAI/litellm#13373',
    [['anthropic-caller-bugs.test.ts', 'no delta is sent before its block starts']],
  ],
  [
    13,
    'BerriAI/litellm#11789',
    [['anthropic-caller-bugs.test.ts', 'cached tokens are not counted again as input']],
  ],
  [
    14,
    'BerriAI/litellm#31069',
    [['anthropic-caller-bugs.test.ts', 'cache tokens are told at the end at the latest']],
  ],
  [
    15,
    'BerriAI/litellm#41406',
    [['anthropic-caller-bugs.test.ts', 'message_start does not claim 0 input tokens']],
  ],
  [
    16,
    'BerriAI/litellm#17904, PR#20107',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'tool names over 64 characters are shortened, and restored in the reply and the stream',
      ],
    ],
  ],
  [
    17,
    'BerriAI/litellm#20403',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'images in a tool result are not lost and not written into its text',
      ],
    ],
  ],
  [
    18,
    'BerriAI/litellm#2898',
    [['known-bugs.test.ts', 'an image part becomes a block of the list, not a nested one']],
  ],
  [
    19,
    'BerriAI/litellm#21331',
    [['openai-responses-symptoms.test.ts', 'every call has an output_index of its own']],
  ],
  [
    20,
    'BerriAI/litellm#26444',
    [['known-bugs.test.ts', 'temperature is not sent to models that refuse it']],
  ],
  [
    21,
    'BerriAI/litellm#7135',
    [['known-bugs.test.ts', 'a JSON format does not swallow calls of the caller’s own tools']],
  ],
  [
    22,
    'BerriAI/litellm#8291',
    [['known-bugs.test.ts', 'a JSON answer through the tool trick is the schema’s object itself']],
  ],
  [
    23,
    'BerriAI/litellm#3286',
    [['known-bugs.test.ts', 'stop sequences of white space do not reach the provider']],
  ],
  [
    24,
    'BerriAI/litellm#9016',
    [['known-bugs.test.ts', 'anthropic-beta reaches Anthropic, and nobody else']],
  ],
  [
    25,
    'BerriAI/litellm#35663, PR#37792',
    [['anthropic-caller-bugs.test.ts', 'a finish of stop after a tool call is tool_use']],
  ],
  [
    26,
    'BerriAI/litellm#8961',
    [['known-bugs.test.ts', 'signed thinking goes back unchanged and first in its turn']],
  ],
  [
    27,
    'BerriAI/litellm#24498',
    [['known-bugs.test.ts', 'no placeholder text is put into empty assistant turns']],
  ],
  [
    28,
    'BerriAI/litellm#15322',
    [['known-bugs.test.ts', 'the default limit does not cut tool arguments']],
  ],
  [
    29,
    'BerriAI/litellm#18920',
    [['known-bugs.test.ts', 'arguments that a length limit cut in an earlier turn do not crash']],
  ],
  [
    30,
    'BerriAI/litellm PR#38809',
    [['anthropic-caller-bugs.test.ts', 'a thinking block that is only a signature is kept']],
  ],
  [
    31,
    'BerriAI/litellm PR#39151',
    [
      [
        'known-bugs.test.ts',
        'a forced tool is loosened, and announced, on models that refuse forcing',
      ],
    ],
  ],
  [
    32,
    'Portkey-AI/gateway#457',
    [['known-bugs.test.ts', 'every system message survives, in order']],
  ],
  [
    33,
    'Portkey-AI/gateway#496, PR#497',
    [
      [
        'known-bugs.test.ts',
        'a stream tells usage when asked to, on a chunk of its own, and never otherwise',
      ],
    ],
  ],
  [
    34,
    'Portkey-AI/gateway#1140, #1579',
    [['known-bugs.test.ts', 'cache marks on parts and tools are not lost']],
  ],
  [35, 'Portkey-AI/gateway#450', [['known-bugs.test.ts', 'an empty answer is a valid reply']]],
  [
    36,
    'Portkey gateway source (May 2026)',
    [['known-bugs.test.ts', 'prompt tokens include cached ones']],
  ],
  [37, 'Portkey gateway source', [['known-bugs.test.ts', 'a server tool’s input does not become']]],
  [38, 'Portkey gateway source', [['known-bugs.test.ts', 'a stream tells usage when asked to']]],
  [
    39,
    'Portkey gateway source',
    [['known-bugs.test.ts', 'an error in the middle of a stream is told']],
  ],
  [
    40,
    'musistudio/claude-code-router#1397',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'reasoning followed by calls does not corrupt the arguments',
      ],
    ],
  ],
  [
    41,
    'musistudio/claude-code-router#1372',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'the billing line in the system prompt does not reach another provider’s cache',
      ],
    ],
  ],
  [
    42,
    'musistudio/claude-code-router#1799',
    [['anthropic-caller-bugs.test.ts', 'a context overflow is not masked by a generic text']],
  ],
  [
    43,
    'songquanpeng/one-api#1455',
    [
      ['known-bugs.test.ts', 'the first event being an error gives an HTTP error'],
      ['anthropic-caller-bugs.test.ts', 'an error answer to a stream request keeps its status'],
    ],
  ],
  [
    44,
    'QuantumNous/new-api PR#5345',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'a stream without usage still has its closing events and a usage',
      ],
    ],
  ],
  [
    45,
    'QuantumNous/new-api#2975',
    [
      ['anthropic-caller-bugs.test.ts', 'anthropic-beta does not reach other providers'],
      ['known-bugs.test.ts', 'anthropic-beta reaches Anthropic, and nobody else'],
    ],
  ],
  [
    46,
    'router-for-me/CLIProxyAPI#3799',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'a tool_use behind a signature-only thinking block is kept',
      ],
    ],
  ],
  [
    47,
    'router-for-me/CLIProxyAPI#5738',
    [['known-bugs.test.ts', 'anthropic-beta reaches Anthropic, and nobody else']],
  ],
  [48, 'router-for-me/CLIProxyAPI#2866', [['relay.test.ts', 'a beta that a model refuses']]],
  [
    49,
    'praxis-proxy/ai#266',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'fragments of two calls are not written into each other’s block',
      ],
      [
        'anthropic-caller-bugs.test.ts',
        'input for a call that was complete ends the stream as an error',
      ],
    ],
  ],
  [
    50,
    'envoyproxy/ai-gateway PR#2239',
    [['anthropic-caller-bugs.test.ts', 'cached tokens are not counted again as input']],
  ],
  [
    51,
    'envoyproxy/ai-gateway PR#1631',
    [['known-bugs.test.ts', 'zeros in message_delta do not overwrite what message_start told']],
  ],
  [
    52,
    'bitrouter PR#592',
    [['anthropic-caller-bugs.test.ts', 'the signature of a thinking block is not dropped']],
  ],
  [
    53,
    'krouter PR#11',
    [
      ['known-bugs.test.ts', 'our own and unsigned thinking never reaches Anthropic'],
      ['prepare.test.ts', 'what we marked ourselves is taken out of a relay'],
    ],
  ],
  [
    54,
    'codex-proxy PR#587',
    [
      ['openai-responses-symptoms.test.ts', 'cached tokens are counted once in input_tokens'],
      ['openai-responses-symptoms.test.ts', 'cached tokens of a Responses provider are not added'],
    ],
  ],
  [
    55,
    'claude-code-proxy PR#17',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'a thinking block has its signature before its stop, and its text under its own name',
      ],
    ],
  ],
  [56, 'OmniRoute#682', [['anthropic-caller-bugs.test.ts', 'no index has two starts']]],
  [
    57,
    'openclaw/openclaw PR#31995, 9router PR#3167',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'call ids over 64 characters are shortened the same way in call and result',
      ],
      [
        'openai-responses-symptoms.test.ts',
        'call ids of more than 64 characters are shortened, in call and result alike',
      ],
    ],
  ],
  [
    58,
    'mnfst/llm-gateway PR#2756',
    [
      [
        'known-bugs.test.ts',
        'call ids that Anthropic refuses are made to fit, and their results still match',
      ],
    ],
  ],
  [
    59,
    'vercel/ai PR#10653',
    [
      ['anthropic-caller-bugs.test.ts', 'an error answer to a stream request keeps its status'],
      ['known-bugs.test.ts', 'the first event being an error gives an HTTP error, not a 200'],
      [
        'openai-responses-symptoms.test.ts',
        'a first event that is a failure is thrown before anything was sent',
      ],
    ],
  ],
  [
    60,
    'anthropics/claude-code#21612',
    [['anthropic-caller-bugs.test.ts', 'context_management is not forwarded']],
  ],
  [
    61,
    'Zoo-Code PR#1705',
    [['known-bugs.test.ts', 'tool results stand before the text of their turn']],
  ],
  [
    62,
    'vllm-project/vllm#43933',
    [['anthropic-caller-bugs.test.ts', 'reasoning and content in one chunk arrive both, in order']],
  ],
  [
    63,
    'googleapis/python-genai#2868',
    [['anthropic-caller-bugs.test.ts', 'a finish of stop after a tool call is tool_use']],
  ],
  [
    64,
    'open-webui/computer#224, earendil-works/pi#9444',
    [
      ['anthropic-caller-echo.test.ts', 'a thought signature is not dropped between two turns'],
      [
        'known-bugs.test.ts',
        'members of a tool call that only its provider knows survive a relay, both ways',
      ],
    ],
  ],
  [
    65,
    'earendil-works/pi#3297',
    [['known-bugs.test.ts', 'a thinking budget is not sent to models that only take an effort']],
  ],
  [
    66,
    'pipecat-ai/pipecat#4043',
    [
      [
        'anthropic-caller-bugs.test.ts',
        'tools on a model that refuses them beside reasoning switch reasoning off, or are refused',
      ],
      [
        'openai-responses-symptoms.test.ts',
        'tools with reasoning go through on models that refuse them in Chat',
      ],
    ],
  ],
  [
    67,
    'Menci/Floway PR#166, pleaseai/shunt PR#9',
    [['anthropic-caller-bugs.test.ts', 'a context overflow is not masked by a generic text']],
  ],
  [
    68,
    '7836246/cursor2api#113',
    [
      [
        'openai-responses-symptoms.test.ts',
        'every event names its type in its data, and nests the response',
      ],
    ],
  ],
  [
    69,
    'zyycn/codex-proxy-rs PR#90',
    [
      [
        'openai-responses-symptoms.test.ts',
        'a failure is response.failed and never the error event',
      ],
    ],
  ],
  [
    70,
    'icebear0828/codex-proxy PR#466',
    [['openai-responses-symptoms.test.ts', 'a provider that ends early leaves the caller']],
  ],
  [
    71,
    'caidaoli/ccLoad PR#81, openai/codex PR#9170',
    [
      [
        'openai-responses-symptoms.test.ts',
        'the terminal event ends the stream while the socket stays open',
      ],
      [
        'openai-responses-symptoms.test.ts',
        'our own stream ends with the terminal event, without [DONE]',
      ],
    ],
  ],
  [72, 'ericc-ch/copilot-api#210', [['anthropic-caller-bugs.test.ts', 'token counts err upwards']]],
  [
    73,
    'lobehub/lobehub#1601',
    [['known-bugs.test.ts', 'a history that begins with the assistant gets a neutral user turn']],
  ],
]

test('all 73 are here, each once', () => {
  assert.deepEqual(
    KNOWN.map(([number]) => number),
    Array.from({ length: 73 }, (_, index) => index + 1),
  )
})

for (const [number, report, places] of KNOWN) {
  test(`known fault ${number} (${report}) has its test`, () => {
    assert.ok(places.length > 0)
    for (const [file, title] of places) {
      const source = readFileSync(new URL(`test/dialects/${file}`, ROOT), 'utf8')
      const titles = source.split(/\btest\(\s*['"`]/).slice(1)
      assert.ok(
        titles.some((text) => text.startsWith(title)),
        `${file}: ${title}`,
      )
    }
  })
}

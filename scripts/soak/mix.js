/** What the long run asks: a seeded mix of every kind of request, and the config it is asked of. */
import { renderPlan } from './load.js'

/** Models of one kind. A target that fails five times in a row rests; many targets keep the load varied. */
const MODELS = 8
const FAULT_SHARE = 0.2
const FAULTS = ['500', '503', '429', 'reset-head', 'reset-body', 'stall-head', 'stall-body']

// Kind of request and its weight out of 100.
const KINDS = [
  ['unary relayed', 20],
  ['unary translated', 15],
  ['stream relayed', 15],
  ['stream translated', 15],
  ['failover unary', 6],
  ['failover stream', 6],
  ['refused', 11],
  ['left in a stream', 9],
  ['left before an answer', 3],
]

/** The config: a faulty provider of each dialect, a well one for failover, small timeouts. */
export function renderConfig(upstreamUrl, logPath) {
  const names = [...Array(MODELS).keys()]
  const timeouts = 'timeouts: { connect: 2s, first_byte: 1s, idle: 1s }'
  return `listen: 127.0.0.1:0
log: ${logPath}
failover: { deadline: 4s }
providers:
  chat: { dialect: openai, api: chat, base_url: "${upstreamUrl}/chat/v1", api_key: "\${SOAK_KEY}", ${timeouts} }
  messages: { dialect: anthropic, base_url: "${upstreamUrl}/messages", api_key: "\${SOAK_KEY}", ${timeouts} }
  well: { dialect: anthropic, base_url: "${upstreamUrl}/well", api_key: "\${SOAK_KEY}", ${timeouts} }
models:
${names.map((name) => `  chat-${name}: { provider: chat }\n  messages-${name}: { provider: messages }\n  backed-${name}: { provider: chat }`).join('\n')}
  well: { provider: well }
users:
  soak:
    models:
${names.map((name) => `      - chat-${name}\n      - messages-${name}\n      - { name: backed-${name}, failover: well }`).join('\n')}
    limits: { requests: 1000000000/minute, tokens: 1000000000000/day }
  held-back:
    models: [chat-0]
    limits: { requests: 30/minute }
`
}

/** The next order for `play`, with `kind` and whether it was given a `fault`; everything from `random`. */
export function drawOrder(id, random) {
  const kind = drawKind(random)
  const api = random.next() < 0.5 ? 'chat' : 'messages'
  const other = api === 'chat' ? 'messages' : 'chat'
  const number = random.below(MODELS)
  const faulty = random.next() < FAULT_SHARE
  // Half of the faults pass, the others stay for as often as anyone will ask.
  const plan = {
    id,
    fault: faulty ? random.pick(FAULTS) : 'none',
    times: random.next() < 0.5 ? 1 : 9,
    chunks: 5 + random.below(30),
    paceMs: 5 + random.below(30),
  }
  const order = { id, kind, api, user: 'soak', stream: false, plan, fault: plan.fault }
  switch (kind) {
    case 'unary relayed':
      return { ...order, model: `${api}-${number}` }
    case 'unary translated':
      return { ...order, model: `${other}-${number}` }
    case 'stream relayed':
      return { ...order, stream: true, model: `${api}-${number}` }
    case 'stream translated':
      return { ...order, stream: true, model: `${other}-${number}` }
    case 'failover unary':
      return { ...order, model: `backed-${number}` }
    case 'failover stream':
      return { ...order, stream: true, model: `backed-${number}` }
    case 'left in a stream':
      return {
        ...order,
        stream: true,
        model: `${random.pick([api, other])}-${number}`,
        abort: 'at-content',
      }
    case 'left before an answer': {
      // It never comes, and the caller does not wait for the timeout either.
      const stalled = { ...plan, fault: 'stall-head', times: 9 }
      const model = `${api}-${number}`
      return { ...order, model, plan: stalled, fault: 'stall-head', abort: 100 + random.below(300) }
    }
    default:
      return { ...order, ...drawRefusal(order, random), fault: 'none' }
  }
}

function drawKind(random) {
  let left = random.below(100)
  for (const [kind, weight] of KINDS) {
    if (left < weight) return kind
    left -= weight
  }
  return KINDS[0][0]
}

// `status` is what must come back.
function drawRefusal(order, random) {
  const plan = { ...order.plan, fault: 'none', times: 0 }
  const messages = [{ role: 'user', content: renderPlan(plan) }]
  return random.pick([
    { plan, model: 'chat-0', user: undefined, status: [401] },
    { plan, model: 'chat-0', user: 'nobody', status: [403] },
    { plan, model: 'no-such-model', status: [404] },
    { plan, body: '{"model": "chat-0", "messages": [', status: [400] },
    { plan, body: JSON.stringify({ max_tokens: 5, messages }), status: [400] },
    // Over its limit most of the time.
    { plan, api: 'chat', model: 'chat-0', user: 'held-back', status: [429, 200, 503] },
  ])
}

/** The first config file of someone who has none. */

/** Comments that help, and no model or user yet: those are put in like into any other file. */
const FIRST_CONFIG = `# aiproxy: which models there are, and who may use them.
# Check it with \`aiproxy serve --check\`; a running \`aiproxy serve\` takes changes over by itself.

# Who answers. openai and anthropic are built in and read OPENAI_API_KEY and ANTHROPIC_API_KEY from the
# environment or from ./.env. Another server is a line here:
# providers:
#   ollama: { dialect: openai, base_url: "http://127.0.0.1:11434/v1" }

# Models, by the name that callers use. Another name at the provider: { provider: ollama, model: "qwen3:8b" }
models: {}

# Who may call what; a user's first model is the default. Keys are made by \`aiproxy users key <user>\`.
users: {}
`

const FIRST_JSON = `{
  "models": {},
  "users": {}
}
`

/** What a new file at this path begins as. */
export function firstConfigAt(path: string): string {
  return path.toLowerCase().endsWith('.json') ? FIRST_JSON : FIRST_CONFIG
}

// Names by which the built-in providers' models are known.
const NAMINGS: ReadonlyArray<readonly [naming: RegExp, provider: string]> = [
  [/^(?:gpt-|chatgpt-|o\d)/, 'openai'],
  [/^claude-/, 'anthropic'],
]

/** The built-in provider whose models are named like this; `undefined` where that is not known. */
export function providerByName(model: string): string | undefined {
  return NAMINGS.find(([naming]) => naming.test(model))?.[1]
}

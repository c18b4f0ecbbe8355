/**
 * The scripts of `aiproxy completion`. They know nothing of our commands: on every tab they ask
 * `aiproxy __complete` (complete.ts), so that an installed script stays right when the program changes.
 *
 * https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html
 * https://zsh.sourceforge.io/Doc/Release/Completion-Widgets.html
 * https://fishshell.com/docs/current/completions.html
 */

interface CompletionScript {
  /** Commands that put the script where the shell finds it, to be joined by `&&`. */
  readonly install: readonly string[]
  readonly text: string
}

const BASH_HOME = '~/.local/share/bash-completion/completions'
const BASH_INSTALL = [`mkdir -p ${BASH_HOME}`, `aiproxy completion bash > ${BASH_HOME}/aiproxy`]
const ZSH_INSTALL = ['mkdir -p ~/.zfunc', 'aiproxy completion zsh > ~/.zfunc/_aiproxy']
const FISH_INSTALL = ['aiproxy completion fish > ~/.config/fish/completions/aiproxy.fish']

// compopt came with bash 4; the one of macOS is older, and does without.
const BASH = String.raw`# ${BASH_INSTALL.join(' && ')}
# Without the package bash-completion, put this line into ~/.bashrc instead:
#   eval "$(aiproxy completion bash)"

_aiproxy() {
  local answer='' line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $answer ]]; then answer=$line; else COMPREPLY+=("$line"); fi
  done < <(aiproxy __complete bash "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null)
  case $answer in
    open) compopt -o nospace 2>/dev/null ;;
    files)
      compopt -o default 2>/dev/null ||
        while IFS= read -r line; do COMPREPLY+=("$line"); done \
          < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
      ;;
  esac
  return 0
}

complete -F _aiproxy aiproxy
`

const ZSH = String.raw`#compdef aiproxy
# ${ZSH_INSTALL.join(' && ')}
# and in ~/.zshrc, before compinit: fpath=(~/.zfunc $fpath)

_aiproxy() {
  local answer line value
  local -a lines values shown ending
  local -i width=0
  lines=("\${(@f)$(aiproxy __complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  answer=$lines[1]
  shift lines

  if [[ $answer == files ]]; then
    compset -P 1 '--*=' || compset -P 1 '-[a-zA-Z]'
    _files
    return
  fi
  [[ $answer == open ]] && ending=(-S '')

  for line in $lines; do
    value=\${line%%$'\t'*}
    (( \${#value} > width )) && width=\${#value}
  done
  for line in $lines; do
    value=\${line%%$'\t'*}
    values+=("$value")
    if [[ $line == *$'\t'* ]]; then
      shown+=("\${(r:width:)value}  -- \${line#*$'\t'}")
    else
      shown+=("$value")
    fi
  done
  if [[ "$lines" == *$'\t'* ]]; then
    compadd -V aiproxy "\${ending[@]}" -l -d shown -a -- values
  else
    compadd -V aiproxy "\${ending[@]}" -a -- values
  fi
}

if [[ $funcstack[1] == _aiproxy ]]; then
  _aiproxy "$@"
elif (( $+functions[compdef] )); then
  compdef _aiproxy aiproxy
else
  print -u2 'aiproxy: compinit has to be called before this script is read'
fi
`

const FISH = String.raw`# ${FISH_INSTALL.join(' && ')}

function __aiproxy_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # FOO=1 aiproxy …
    while string match -qr '^\w+=' -- "$words[1]"
        set -e words[1]
    end
    set -l lines (aiproxy __complete fish $words[2..-1] "$current" 2>/dev/null </dev/null)
    if test "$lines[1]" = files
        set -l before (string match -r -- '^--[^=]+=' "$current")
        __fish_complete_path (string replace -- "$before" '' "$current") | string replace -r '^' -- "$before"
    else
        printf '%s\n' $lines[2..-1]
    end
end

complete -c aiproxy -f -k -a '(__aiproxy_complete)'
`

/** By the shell's name. */
export const COMPLETION_SCRIPTS: ReadonlyMap<string, CompletionScript> = new Map([
  ['bash', { install: BASH_INSTALL, text: BASH.replaceAll(String.raw`\$`, '$') }],
  ['zsh', { install: ZSH_INSTALL, text: ZSH.replaceAll(String.raw`\$`, '$') }],
  ['fish', { install: FISH_INSTALL, text: FISH }],
])

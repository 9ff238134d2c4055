"""`lineagehub-sdk completion bash|zsh|fish`: a script for the shell, made from what the commands take."""

from __future__ import annotations

import argparse

from lineagehub_sdk.cli import COMMANDS, PROGRAM, parser_of
from lineagehub_sdk.cli._arguments import CommandParser

INSTALLING = {
    "bash": f'eval "$({PROGRAM} completion bash)"   # in ~/.bashrc',
    "zsh": f'eval "$({PROGRAM} completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": f"{PROGRAM} completion fish > ~/.config/fish/completions/{PROGRAM}.fish",
}


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.example("\n  ".join(INSTALLING.values()))
    parser.add("shell", choices=list(INSTALLING), help="which")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    words = {name: _words(name) for name in COMMANDS}
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[options.shell](words))
    return 0


def _words(name: str) -> list[str]:
    """Return what may follow a command: its options, and what it chooses from."""
    words: list[str] = []
    for action in parser_of(name).actions():
        words += [str(choice) for choice in action.choices or []]
        words += [option for option in action.option_strings if option.startswith("--")]
    return words


def _bash(words: dict[str, list[str]]) -> str:
    cases = "\n".join(f'    {name}) words="{" ".join(known)}" ;;' for name, known in words.items())
    return f"""_lineagehub_sdk() {{
  local words
  if [[ $COMP_CWORD -eq 1 ]]; then
    words="{" ".join(words)}"
  else
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _lineagehub_sdk {PROGRAM}"""


def _zsh(words: dict[str, list[str]]) -> str:
    summaries = "\n".join(f"    {_quoted(f'{name}:{COMMANDS[name]}')}" for name in words)
    cases = "\n".join(f"    {name}) compadd -- {' '.join(known)} ;;" for name, known in words.items())
    return f"""_lineagehub_sdk() {{
  local -a commands=(
{summaries}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "${{words[2]}}" in
{cases}
  esac
  _files
}}
compdef _lineagehub_sdk {PROGRAM}"""


def _fish(words: dict[str, list[str]]) -> str:
    lines = [
        f"complete -c {PROGRAM} -n __fish_use_subcommand -f -a {name} -d {_quoted(COMMANDS[name])}" for name in words
    ]
    for name, known in words.items():
        within = _quoted(f"__fish_seen_subcommand_from {name}")
        lines += [f"complete -c {PROGRAM} -n {within} -l {word[2:]}" for word in known if word.startswith("--")]
        lines += [f"complete -c {PROGRAM} -n {within} -a {word}" for word in known if not word.startswith("--")]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"

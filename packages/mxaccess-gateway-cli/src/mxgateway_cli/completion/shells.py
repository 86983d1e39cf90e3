"""Completion in bash, zsh, fish and PowerShell: the scripts, and the answers that the scripts ask for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from click.shell_completion import CompletionItem

__all__ = ["COMPLETION_VARIABLE", "SHELLS", "answer_shell", "completions", "script"]

COMPLETION_VARIABLE: Final = "_MXGW_PY_COMPLETE"
"""The variable in which a script asks for completions: `bash_complete`."""

_PROGRAM: Final = "mxgw-py"

# The words before the cursor are handed over one per line, with their quotes. An empty tooltip would be an error.
_POWERSHELL_SCRIPT: Final = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
    $env:COMP_WORDS = ($words | ForEach-Object { $_.Extent.Text }) -join "`n"
    $env:COMP_CWORD = $wordToComplete
    $env:%(complete_var)s = "powershell_complete"
    try {
        & %(prog_name)s | ForEach-Object {
            $kind, $value, $tip = $_ -split "`t", 3
            if ($kind -eq "file") {
                [System.Management.Automation.CompletionCompleters]::CompleteFilename($value)
            } else {
                [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $tip)
            }
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_CWORD, Env:%(complete_var)s -ErrorAction SilentlyContinue
    }
}
"""


class _PowerShellComplete(ShellComplete):
    """Completion in Windows PowerShell 5.1 and PowerShell 7. That of click needs a recent release of click."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = _POWERSHELL_SCRIPT

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, without the program, and the word at the cursor."""
        words = [_without_quotes(word) for word in os.environ.get("COMP_WORDS", "").split("\n")]
        return words[1:], _without_quotes(os.environ.get("COMP_CWORD", ""))

    def format_completion(self, item: CompletionItem) -> str:
        """Return the line for a completion: its kind, the text and a tooltip."""
        tip = " ".join((item.help or item.value).split())
        return f"{item.type}\t{item.value}\t{tip}"


_SHELLS: Final[Mapping[str, type[ShellComplete]]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
    "powershell": _PowerShellComplete,
}
SHELLS: Final = tuple(_SHELLS)
"""The names of the shells."""


def script(app: click.Command, shell: str) -> str:
    """Return the script that turns on completion in a shell."""
    return _completer(app, _SHELLS[shell]).source()


def answer_shell(app: click.Command, instruction: str) -> bool:
    """Print what a script asks for, such as `bash_complete`, and return whether the instruction is known."""
    shell, _, request = instruction.partition("_")
    if shell not in _SHELLS or request not in {"source", "complete"}:
        return False
    completer = _completer(app, _SHELLS[shell])
    text = f"{completer.complete()}\n" if request == "complete" else completer.source()
    # As bytes, so that no line ends in CR LF.
    click.echo(text.encode(), nl=False)
    return True


def completions(app: click.Command, words: Sequence[str], incomplete: str) -> list[CompletionItem]:
    """Return what can stand in place of an incomplete word behind these words of a command line."""
    return _completer(app, _PowerShellComplete).get_completions(list(words), incomplete)


def _completer(app: click.Command, kind: type[ShellComplete]) -> ShellComplete:
    return kind(app, {}, _PROGRAM, COMPLETION_VARIABLE)


def _without_quotes(word: str) -> str:
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    return word.lstrip("'\"")

"""The words that can follow in a command line at the prompt."""

from __future__ import annotations

import shlex

from mxgateway_cli.app import app
from mxgateway_cli.completion.shells import completions

__all__ = ["possible_words"]


def possible_words(before: str, text: str) -> list[str]:
    """Return the commands, options and tags that begin with a text and can follow the text before it."""
    try:
        words = shlex.split(before)
    except ValueError:
        # The line has an open quotation.
        return []
    return [item.value for item in completions(app, words, text) if item.type == "plain"]

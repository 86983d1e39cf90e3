"""Texts that may come from a gateway, made safe for a terminal and for a file."""

from __future__ import annotations

from mxgateway.redaction import redact

__all__ = ["multiline_printable", "printable", "redact_keys"]

_KEY_PREFIX = "mxgw_"


def printable(text: str) -> str:
    """Return text without control characters, which are escaped, and without API keys, which are redacted."""
    text = redact_keys(text)
    return text if text.isprintable() else _escaped(text, "")


def multiline_printable(text: str) -> str:
    """Return text as `printable` does, but with its tabs and line ends."""
    text = redact_keys(text)
    return text if text.isprintable() else _escaped(text, "\t\r\n")


def redact_keys(text: str) -> str:
    """Redact API keys in a text that contains the prefix of one.

    Looking for the prefix first keeps the output of thousands of lines fast. The client has already removed its own key
    from everything that the gateway sent.
    """
    return redact(text) if _KEY_PREFIX in text else text


def _escaped(text: str, kept: str) -> str:
    return "".join(
        character
        if character.isprintable() or character in kept
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )

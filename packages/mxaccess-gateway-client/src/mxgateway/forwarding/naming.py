"""Names of tags as NATS subjects and MQTT topics."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import unquote

__all__ = ["decode_name", "encode_name", "mqtt_topic", "nats_subject"]

# Characters with a meaning in a subject or a topic, and the one that introduces an escape.
_FORBIDDEN: Final = frozenset(" .*>#+/$%")
# Many records have the same tag.
_CACHED_NAMES: Final = 100_000


def encode_name(name: str) -> str:
    """Return a name as one level of a subject or a topic; `decode_name` reverses it.

    A character that NATS or MQTT give a meaning (`.`, space, `*`, `>`, `#`, `+`, `/`, `$`), `%`, and every character
    that is not printable becomes the percent-encoding of its UTF-8: `%2E`. All others stay as they are. An empty name
    becomes `%`, because a level must not be empty.
    """
    if not name:
        return "%"
    return "".join(
        character if character.isprintable() and character not in _FORBIDDEN else _escape(character)
        for character in name
    )


def decode_name(level: str) -> str:
    """Return the name that `encode_name` has encoded."""
    return "" if level == "%" else unquote(level, errors="surrogatepass")


@lru_cache(maxsize=_CACHED_NAMES)
def nats_subject(prefix: str, tag: str) -> str:
    """Return the NATS subject of a tag: `<prefix>.<object>.<attribute>`.

    The object is what stands before the first dot of the tag; a tag without a dot has only that level.
    """
    return ".".join([prefix, *_levels(tag)])


@lru_cache(maxsize=_CACHED_NAMES)
def mqtt_topic(prefix: str, tag: str) -> str:
    """Return the MQTT topic of a tag: `<prefix>/<object>/<attribute>`; see `nats_subject`."""
    return "/".join([prefix, *_levels(tag)])


def _levels(tag: str) -> list[str]:
    object_name, dot, attribute = tag.partition(".")
    return [encode_name(object_name), encode_name(attribute)] if dot else [encode_name(object_name)]


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", errors="surrogatepass"))

"""The settings of a connection, and where each is from."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from mxgateway import ClientOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Setting", "settings_of"]

# Settings that are shown even if they have their default values.
_ALWAYS_SHOWN = frozenset({"plaintext", "timeout"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting of a connection.

    Attributes:
        name: The field of ClientOptions.
        value: Its value as text; of the API key the place where it is.
        origin: Where it is from: an option, an environment variable, a profile, or "default".
    """

    name: str
    value: str
    origin: str

    def __str__(self) -> str:
        return f"{self.name} = {self.value} ({self.origin})"


def settings_of(options: ClientOptions, origins: Mapping[str, str], key_place: str) -> tuple[Setting, ...]:
    """Return the settings of a connection, without those that have their default values, except for the usual ones.

    Args:
        options: The options of the connection.
        origins: Where each setting is from that was given, as in Target.
        key_place: Where the API key is.
    """
    return tuple(_settings(options, origins, key_place))


def _settings(options: ClientOptions, origins: Mapping[str, str], key_place: str) -> Iterator[Setting]:
    endpoints = ", ".join(each.endpoint for each in options.by_endpoint())
    yield Setting(name="endpoint", value=endpoints, origin=_origin("endpoint", origins))
    key_names = ("api_key_env", "api_key_file", "api_key")
    given = [origins[name] for name in key_names if name in origins]
    yield Setting(name="api_key", value=f"in {key_place}", origin=given[0] if given else _origin("api_key", origins))
    for option in fields(ClientOptions):
        value = getattr(options, option.name)
        if option.name in {"endpoint", "endpoints", "api_key"}:
            continue
        if value == option.default and option.name not in _ALWAYS_SHOWN:
            continue
        # --tls is another option for the same setting.
        name = "tls" if option.name == "plaintext" and not value and "tls" in origins else option.name
        yield Setting(name=option.name, value=_text(value), origin=_origin(name, origins))


def _origin(name: str, origins: Mapping[str, str]) -> str:
    variable = f"MXGATEWAY_{name.upper()}"
    if name in origins:
        return origins[name]
    # Fields without an option.
    return variable if os.environ.get(variable, "").strip() else "default"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)

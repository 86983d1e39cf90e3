"""Parameters of the actions of a script, and the conversion of their values."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.protocol import SessionState
from mxgateway.status import AlarmProviderMode
from mxgateway.testing.plant.tags import BAD, GOOD, UNCERTAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import Enum

    from mxgateway.testing.plant.plant import Plant

__all__ = [
    "ALARM_TAG",
    "BOOLEAN",
    "COUNT",
    "INTEGER",
    "PROVIDER_MODE",
    "QUALITY",
    "RPC",
    "SECONDS",
    "SESSION_STATE",
    "STATUS_CODE",
    "TAG",
    "TEXT",
    "TIME",
    "VALUE",
    "Kind",
    "Parameter",
]

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})

Converted: TypeAlias = object


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of values.

    Attributes:
        description: what a value must be, such as "a number".
        convert: returns a value as an action needs it, or None if the value is invalid.
        parse: returns the value that a word of a command line stands for. Raises ValueError if there is none.
        words: the permitted words; empty if there are too many to list.
        names_tag: whether the value is the name of a tag.
        needs_alarm: whether that tag must have an alarm.
    """

    description: str
    convert: Callable[[object], Converted | None]
    parse: Callable[[str], object]
    words: tuple[str, ...] = ()
    names_tag: bool = False
    needs_alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an action.

    Attributes:
        name: the name of the key.
        kind: the kind of its values.
        meaning: what it means, for people.
        required: whether it must be given.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False

    def convert(self, value: object) -> object:
        """Return a value as the action needs it.

        Raises:
            ValueError: the value is invalid. The message says what it must be.
        """
        converted = self.kind.convert(value)
        if converted is None:
            raise ValueError(f"must be {self.kind.description}, not {value!r}")
        return converted

    def parse(self, text: str) -> object:
        """Return the value that a word of a command line stands for.

        Raises:
            ValueError: there is none. The message says what the word must be.
        """
        try:
            value = self.kind.parse(text)
        except (ValueError, OverflowError):
            value = text
        return self.convert(value)

    def check(self, value: object, plant: Plant) -> None:
        """Check a value against a plant.

        Raises:
            ValueError: the plant has no such tag, or the tag has no alarm.
        """
        if not self.kind.names_tag or not isinstance(value, str):
            return
        if value not in plant:
            near = difflib.get_close_matches(value, [tag.name for tag in plant], n=1)
            raise ValueError(f"the plant has no tag {value!r}" + (f": did you mean {near[0]}?" if near else ""))
        if self.kind.needs_alarm and plant[value].alarm is None:
            raise ValueError(f"{plant[value].name} has no alarm")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _integer(lowest: int) -> Callable[[object], int | None]:
    def convert(value: object) -> int | None:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return value if is_integer and isinstance(value, int) and value >= lowest else None

    return convert


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _parse_boolean(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(text)
    return word in _TRUE


def _parse_number(text: str) -> float:
    return float(text.removesuffix("s"))


_QUALITIES: Final = {"good": GOOD, "uncertain": UNCERTAIN, "bad": BAD}


def _quality(value: object) -> int | None:
    if isinstance(value, str):
        return _QUALITIES.get(value.lower())
    quality = _integer(0)(value)
    return quality if quality is not None and quality <= 255 else None


def _parse_quality(text: str) -> object:
    return text if text.lower() in _QUALITIES else int(text)


def _choice(choices: Mapping[str, object]) -> Kind:
    by_word = {word.casefold(): choice for word, choice in choices.items()}

    def convert(value: object) -> object | None:
        if isinstance(value, str):
            return by_word.get(value.casefold())
        # A test may pass the member of the enum itself.
        return value if value in choices.values() else None

    return Kind(description=f"one of {', '.join(choices)}", convert=convert, parse=str, words=tuple(choices))


def _members(members: type[Enum], *, without: frozenset[str] = frozenset()) -> Kind:
    return _choice({each.name.lower(): each for each in members if each.name not in without})


_RPC_NAMES: Final = tuple(
    method.name
    for service in (
        pb.DESCRIPTOR.services_by_name["MxAccessGateway"],
        galaxy_pb.DESCRIPTOR.services_by_name["GalaxyRepository"],
    )
    for method in service.methods
)
_UNSET: Final = frozenset({"UNSPECIFIED"})

TEXT: Final = Kind(description="a string", convert=_text, parse=str)
INTEGER: Final = Kind(description="an integer from 0", convert=_integer(0), parse=int)
COUNT: Final = Kind(description="an integer from 1", convert=_integer(1), parse=int)
SECONDS: Final = Kind(description="a number of seconds from 0", convert=_seconds, parse=_parse_number)
BOOLEAN: Final = Kind(description="true or false", convert=_boolean, parse=_parse_boolean, words=("true", "false"))
TIME: Final = Kind(description="a time with a time zone", convert=_time, parse=datetime.fromisoformat)
QUALITY: Final = Kind(
    description="good, uncertain, bad or an integer from 0 to 255",
    convert=_quality,
    parse=_parse_quality,
    words=tuple(_QUALITIES),
)
# The tag decides which values it can hold: see `Instruction.check`.
VALUE: Final = Kind(description="a value", convert=lambda value: value, parse=str)
TAG: Final = Kind(description="the name of a tag", convert=_text, parse=str, names_tag=True)
ALARM_TAG: Final = Kind(description="the name of a tag", convert=_text, parse=str, names_tag=True, needs_alarm=True)
STATUS_CODE: Final = _members(grpc.StatusCode)
SESSION_STATE: Final = _members(SessionState, without=_UNSET)
PROVIDER_MODE: Final = _members(AlarmProviderMode, without=_UNSET)
RPC: Final = _choice({name: name for name in _RPC_NAMES})

"""TagWriter: a value in its type for a tag, its write, and what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from mxgateway import MxGatewayError, WriteOutcome, WriteState
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.explore.models.connection import explain
from mxgateway_cli.input.values import parse_value
from mxgateway_cli.jobs.tag_types import read_present, type_from_galaxy, type_of_value
from mxgateway_cli.output.formatting import format_value
from mxgateway_cli.output.texts import printable
from mxgateway_cli.results.writes import PlannedWrite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mxgateway import Galaxy, TagClient
    from mxgateway_cli.output.formatting import Zone

__all__ = ["Result", "TagWriter"]

_VERDICTS: Final[Mapping[WriteState, str]] = {
    WriteState.CONFIRMED: "CONFIRMED: MXAccess has written the value",
    WriteState.ACCEPTED: "ACCEPTED by MXAccess; not confirmed yet",
    WriteState.REFUSED: "REFUSED: the tag was not written",
    WriteState.NOT_SENT: "NOT SENT: the tag was not written",
    WriteState.UNKNOWN: "UNKNOWN: the tag may have been written; check its value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a write, in words.

    Attributes:
        state: What is known of it.
        verdict: The same in words.
        reason: Why it was refused, and what to change; an empty text if it succeeded.
    """

    state: WriteState
    verdict: str
    reason: str = ""


class TagWriter:
    """Writes tags, one at a time, as `mxgw-py write` does.

    Args:
        tags: Reads and writes the tags.
        galaxy: The types of tags without a value.
        user_id: The user who writes.
        zone: The time zone in which times are shown.
    """

    def __init__(self, tags: TagClient, galaxy: Galaxy, *, user_id: int, zone: Zone) -> None:
        self._tags = tags
        self._galaxy = galaxy
        self._user_id = user_id
        self._zone = zone
        self._running: dict[asyncio.Task[None], str] = {}

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The tags that are being written."""
        return tuple(self._running.values())

    async def plan(self, tag: str, text: str) -> PlannedWrite:
        """Return the write of a text to a tag, in the type of the tag, with the value that the tag has now.

        Raises:
            ValueError: The text does not fit the type, the type is unknown, or the tag cannot be read; the text says
                which, and what to change.
        """
        try:
            reading = (await read_present(self._tags, [tag]))[tag]
            value_type = type_of_value(reading.result.raw.value) or await type_from_galaxy(self._galaxy, tag, reading)
            message = parse_value(value_type, text)
        except click.UsageError as error:
            problem = error.message
        except CommandFailure as error:
            problem = str(error)
        except MxGatewayError as error:
            problem = explain(error)
        else:
            return PlannedWrite(tag=tag, value_type=value_type, message=message, old=reading)
        raise ValueError(printable(problem))

    def describe(self, planned: PlannedWrite) -> tuple[str, str]:
        """Return the old and the new value as text."""
        old = planned.old
        has_old = old is not None and old.result.was_successful
        before = format_value(old, self._zone) if old is not None and has_old else "no value"
        return printable(before), printable(format_value(planned, self._zone))

    def start(self, planned: PlannedWrite, done: Callable[[Result], None]) -> None:
        """Write without waiting for the outcome, which `done` is called with."""
        writing = asyncio.create_task(self._write(planned, done), name="mxgw-py explore write")
        self._running[writing] = planned.tag
        writing.add_done_callback(self._running.pop)

    async def close(self) -> None:
        """Stop waiting for outcomes."""
        for writing in tuple(self._running):
            writing.cancel()
            await asyncio.wait([writing])

    async def _write(self, planned: PlannedWrite, done: Callable[[Result], None]) -> None:
        try:
            (outcome,) = await self._tags.write_many({planned.tag: planned.message}, user_id=self._user_id)
        except MxGatewayError as error:
            # Nothing was sent.
            outcome = WriteOutcome(tag=planned.tag, state=WriteState.NOT_SENT, error=error)
        reason = "" if outcome.error is None else explain(outcome.error)
        done(Result(state=outcome.state, verdict=_VERDICTS[outcome.state], reason=reason))

"""Writing of tags by name: types and old values first, then the writes, whose outcomes are never lost."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from mxgateway import MxGatewayError, MxGatewayTransportError, MxGatewayUsageError, WriteOutcome, WriteState
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.input.text_source import stdin_reader
from mxgateway_cli.input.values import parse_value
from mxgateway_cli.jobs.tag_types import read_present, type_from_galaxy, type_of_value
from mxgateway_cli.output.prompts import can_ask, confirm
from mxgateway_cli.results.writes import PlannedWrite, check_outcomes, plan_line, print_outcomes, print_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mxgateway import Galaxy, MxValue, TagClient
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.input.write_requests import WriteRequest
    from mxgateway_cli.output.console import Output

__all__ = ["WriteJob", "write_tags"]

# After Ctrl-C at most this many writes are still sent or in progress. They are waited for.
_WRITES_AT_ONCE: Final = 100
_DECIMAL_COMMA: Final = re.compile(r"\s*[+-]?[0-9]+,[0-9]+\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteJob:
    """What to write, and how.

    Attributes:
        requests: The tags and the texts of their values.
        is_recipe: Whether they come from a file, so that they are shown before they are written.
        decimal_comma: Whether numbers have a decimal comma.
        dry_run: Whether to write nothing.
        assume_yes: Whether to write a recipe without a question.
        resize: Whether an array may change its length.
        client_name: The name to register with MXAccess.
        supervisory: Whether to advise as a supervisory client.
        user_id: The user who writes.
        timestamp: The timestamp of the values, or None.
    """

    requests: Sequence[WriteRequest]
    is_recipe: bool
    decimal_comma: bool
    dry_run: bool
    assume_yes: bool
    resize: bool
    client_name: str
    supervisory: bool
    user_id: int
    timestamp: datetime | None

    @property
    def asks(self) -> bool:
        """Whether the job ends in a question."""
        return self.is_recipe and not self.dry_run and not self.assume_yes


async def write_tags(gateway: Gateway, output: Output, job: WriteJob) -> None:
    """Write tags and print the outcome of each, in the given order.

    Raises:
        click.UsageError: A value does not fit its type, or a question cannot be asked; nothing was written.
        click.Abort: The question was answered with Ctrl-C; nothing was written.
        CommandFailure: The type of a tag is unknown, or the answer was no; nothing was written.
        PartialFailure: Some of several writes failed.
        MxGatewayError: The only write failed, or the tags cannot be read.
        asyncio.CancelledError: The command was interrupted. What was sent has been waited for, and is printed.
    """
    if job.asks and (output.as_json or stdin_reader() is not None or not can_ask()):
        raise click.UsageError(
            "a recipe is written after a question, which only a terminal can ask: give --yes to write without it, "
            "or --dry-run to see what would be written"
        )
    # A value of a known type is checked before anything is sent.
    known = {each.tag: _parse(job, each, each.value_type) for each in job.requests if each.value_type is not None}
    client = await gateway.client()
    async with client.tags(job.client_name, supervisory=job.supervisory) as tags:
        plan = await _plan(tags, client.galaxy, job, known)
        if job.dry_run:
            print_plan(output, plan)
            return
        if job.is_recipe and output.terminal:
            print_plan(output, plan)
        if job.asks:
            _ask(output, plan, gateway.options.endpoint)
        writing = _Writing(tags, job, output)
        outcomes = await writing.run(plan)
        # Before the session is closed, which Ctrl-C may end.
        print_outcomes(output, plan, outcomes)
    if writing.interrupted:
        raise asyncio.CancelledError
    check_outcomes(outcomes)


class _Writing:
    """Writes a plan part by part, so that Ctrl-C ends it soon.

    Attributes:
        interrupted: Whether the command was cancelled meanwhile.
    """

    def __init__(self, tags: TagClient, job: WriteJob, output: Output) -> None:
        self._tags = tags
        self._job = job
        self._output = output
        self.interrupted = False

    async def run(self, plan: Sequence[PlannedWrite]) -> list[WriteOutcome]:
        """Write the plan and return the outcome of each write. It does not raise, not even when it is cancelled."""
        outcomes: list[WriteOutcome] = []
        error: MxGatewayError | None = None
        for start in range(0, len(plan), _WRITES_AT_ONCE):
            part = plan[start : start + _WRITES_AT_ONCE]
            if self.interrupted:
                error = MxGatewayUsageError("not sent, because the command was interrupted")
            if error is None:
                try:
                    outcomes += await self._write(part)
                    continue
                except MxGatewayError as failure:
                    # Nothing of this part was sent, and the next one would fail as well.
                    error = failure
            outcomes += [_outcome(planned, WriteState.NOT_SENT, error) for planned in part]
        return outcomes

    async def _write(self, part: Sequence[PlannedWrite]) -> Sequence[WriteOutcome]:
        writing = asyncio.create_task(
            self._tags.write_many(
                {planned.tag: planned.message for planned in part},
                user_id=self._job.user_id,
                timestamp=self._job.timestamp,
                resize=self._job.resize,
            ),
            name="mxgw-py write",
        )
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            self.interrupted = True
        self._output.diagnostics.warning(
            f"interrupted: waiting for the outcome of {len(part)} writes; press Ctrl-C again to stop waiting"
        )
        try:
            return await writing
        except asyncio.CancelledError:
            error = MxGatewayTransportError("may have been written: the command was interrupted twice")
            return [_outcome(planned, WriteState.UNKNOWN, error) for planned in part]


async def _plan(tags: TagClient, galaxy: Galaxy, job: WriteJob, known: Mapping[str, MxValue]) -> Sequence[PlannedWrite]:
    """Return the writes with their types, and with the old values where they are read.

    Old values are read for a recipe and for a dry run, which show them, and for a tag that decides the type.
    """
    shows_all = job.is_recipe or job.dry_run
    names = [request.tag for request in job.requests if shows_all or request.tag not in known]
    readings = await read_present(tags, names)
    plan: list[PlannedWrite] = []
    for request in job.requests:
        reading = readings.get(request.tag)
        message = known.get(request.tag)
        if message is None and reading is not None:
            value_type = type_of_value(reading.result.raw.value) or await type_from_galaxy(galaxy, request.tag, reading)
            message = _parse(job, request, value_type)
        if message is not None:
            value_type = type_of_value(message) or ""
            plan.append(PlannedWrite(tag=request.tag, value_type=value_type, message=message, old=reading))
    return plan


def _ask(output: Output, plan: Sequence[PlannedWrite], endpoint: str) -> None:
    """Ask whether to write the plan, which is shown on stderr unless stdout shows it already.

    Raises:
        CommandFailure: The answer was no.
        click.Abort: The answer was Ctrl-C.
    """
    if not output.terminal:
        for planned in plan:
            output.diagnostics.note(plan_line(planned))
    if not confirm(f"Write {len(plan)} {'tag' if len(plan) == 1 else 'tags'} to {endpoint}?"):
        raise CommandFailure("nothing was written, because the answer was no", ExitStatus.FAILED)


def _parse(job: WriteJob, request: WriteRequest, value_type: str) -> MxValue:
    try:
        return parse_value(value_type, request.text, decimal_comma=job.decimal_comma)
    except click.UsageError as error:
        problem = f"{request.place}{request.tag}: {error.message}"
    if not job.decimal_comma and _DECIMAL_COMMA.fullmatch(request.text):
        problem += ", or --decimal-comma if the comma is a decimal comma"
    raise click.UsageError(problem)


def _outcome(planned: PlannedWrite, state: WriteState, error: MxGatewayError) -> WriteOutcome:
    return WriteOutcome(tag=planned.tag, state=state, error=error)

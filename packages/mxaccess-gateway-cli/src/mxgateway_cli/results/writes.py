"""Planned writes and outcomes of writes as JSON records and as rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from mxgateway import MxAccessError, WriteState, from_mx_value
from mxgateway_cli.errors import PartialFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.gateway import describe_gateway_error
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_value, value_of
from mxgateway_cli.output.layouts import Layout, print_all
from mxgateway_cli.output.records import message_record, status_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway import MxGatewayError, MxValue, MxValueOutput, TagReading, WriteOutcome
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["PlannedWrite", "check_outcomes", "plan_line", "print_outcomes", "print_plan"]

_PLANNED: Final = "planned"
_NO_VALUE: Final = "?"
_VERDICTS: Final[Mapping[WriteState, str]] = {
    WriteState.CONFIRMED: "written",
    WriteState.ACCEPTED: "accepted",
    WriteState.REFUSED: "REFUSED",
    WriteState.NOT_SENT: "NOT SENT",
    WriteState.UNKNOWN: "UNKNOWN",
}
_COUNTED: Final[Mapping[WriteState, str]] = {
    WriteState.REFUSED: "refused",
    WriteState.UNKNOWN: "may have been written",
    WriteState.NOT_SENT: "not sent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWrite:
    """A write whose value has its type.

    Attributes:
        tag: The name of the tag.
        value_type: The type of the value on the command line.
        message: The value to send.
        old: The value before the write, or None if it was not read.
    """

    tag: str
    value_type: str
    message: MxValue
    old: TagReading | None = None

    @property
    def value(self) -> MxValueOutput:
        """The value to send."""
        return from_mx_value(self.message)

    @property
    def timestamp(self) -> None:
        """Always None: the value has no time yet."""
        return


_Written: TypeAlias = "tuple[PlannedWrite, WriteOutcome]"


def print_plan(output: Output, plan: Sequence[PlannedWrite]) -> None:
    """Print what is going to be written: as the result, one row per tag."""
    print_all(output, _PLANNED_WRITES, plan)


def plan_line(planned: PlannedWrite, zone: Zone = UTC) -> str:
    """Return a planned write as one line."""
    return f"{planned.tag} {_change_text(planned, zone)}"


def print_outcomes(output: Output, plan: Sequence[PlannedWrite], outcomes: Sequence[WriteOutcome]) -> None:
    """Print the outcome of each write of a plan."""
    print_all(output, _OUTCOMES, list(zip(plan, outcomes, strict=True)))


def check_outcomes(outcomes: Sequence[WriteOutcome]) -> None:
    """Raise an error unless all writes were confirmed. The outcomes have been printed before.

    Raises:
        MxGatewayError: The only write failed.
        PartialFailure: Some of several writes failed. The status is 6 if one of them was refused.
    """
    failed = [(outcome.state, outcome.error) for outcome in outcomes if outcome.error is not None]
    if not failed:
        return
    states = Counter(state for state, _ in failed)
    state, error = next((each for each in failed if each[0] is WriteState.REFUSED), failed[0])
    is_refused = state is WriteState.REFUSED
    if len(outcomes) == 1 and (isinstance(error, MxAccessError) or not is_refused):
        raise error
    failure = describe_gateway_error(error)
    message = error.summary if failure is None else failure.message
    status = ExitStatus.MXACCESS if is_refused or failure is None else failure.status
    counts = ", ".join(f"{states[state]} {words}" for state, words in _COUNTED.items() if states[state])
    raise PartialFailure(f"of {len(outcomes)} {'tag' if len(outcomes) == 1 else 'tags'} {counts}; {message}", status)


def _outcome_record(written: _Written) -> dict[str, Any]:
    planned, outcome = written
    record = _record(planned, outcome.state.value)
    if outcome.error is not None:
        record["errorMessage"] = str(outcome.error)
        record["statuses"] = [status_record(status) for status in outcome.statuses]
    return record


def _record(planned: PlannedWrite, state: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "tag": planned.tag,
        "written": state == WriteState.CONFIRMED.value,
        "state": state,
        "type": planned.value_type,
        "value": message_record(planned.message, f"the new value of {planned.tag}"),
    }
    if planned.old is not None and planned.old.result.was_successful:
        record["oldValue"] = message_record(planned.old.result.raw.value, f"the old value of {planned.tag}")
    return record


def _outcome_cells(written: _Written) -> Sequence[object]:
    planned, outcome = written
    reason = None if outcome.error is None else _reason(outcome.error)
    return (_VERDICTS[outcome.state], planned.tag, _old_value(planned), value_of(planned), reason)


def _outcome_line(written: _Written, zone: Zone) -> str:
    planned, outcome = written
    line = f"{_VERDICTS[outcome.state]} {plan_line(planned, zone)}"
    return line if outcome.error is None else f"{line}: {_reason(outcome.error)}"


def _reason(error: MxGatewayError) -> str:
    failed = "; ".join(str(status) for status in error.statuses if status.failed)
    return " ".join((failed or error.diagnostic_message or error.summary).split())


def _change_text(planned: PlannedWrite, zone: Zone) -> str:
    new = format_value(planned, zone)
    if planned.old is None:
        return new
    return f"{format_value(planned.old, zone) if planned.old.result.was_successful else _NO_VALUE} -> {new}"


def _old_value(planned: PlannedWrite) -> object:
    """Return the old value: None if it was not read, and a question mark if the tag has none."""
    if planned.old is None:
        return None
    return value_of(planned.old) if planned.old.result.was_successful else _NO_VALUE


_PLANNED_WRITES: Final[Layout[PlannedWrite]] = Layout(
    columns=(
        Column(name="tag"),
        Column(name="type"),
        Column(name="old", is_flexible=True),
        Column(name="new", is_flexible=True),
    ),
    cells=lambda planned: (planned.tag, planned.value_type, _old_value(planned), value_of(planned)),
    line=plan_line,
    values=lambda planned: (value_of(planned),),
    record=lambda planned: _record(planned, _PLANNED),
)
_OUTCOMES: Final[Layout[_Written]] = Layout(
    columns=(
        Column(name="result"),
        Column(name="tag"),
        Column(name="old", is_flexible=True, is_optional=True),
        Column(name="new", is_flexible=True),
        Column(name="reason", is_flexible=True, is_optional=True, spans=True),
    ),
    cells=_outcome_cells,
    line=_outcome_line,
    values=lambda written: (written[1].state.value,),
    record=_outcome_record,
    style=lambda written: "green" if written[1].error is None else "bold red",
)

"""Planned writes and outcomes of writes as JSON records and as rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mxgateway import MxAccessError, WriteState, from_mx_value
from mxgateway_cli.errors import PartialFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.gateway import describe_gateway_error
from mxgateway_cli.output.formatting import format_value
from mxgateway_cli.output.records import message_record, status_record
from mxgateway_cli.output.tables import Row, print_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway import MxGatewayError, MxValue, MxValueOutput, TagReading, WriteOutcome
    from mxgateway_cli.output.console import Output

__all__ = ["PlannedWrite", "check_outcomes", "plan_line", "print_outcomes", "print_plan"]

_PLANNED: Final = "planned"
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


def print_plan(output: Output, plan: Sequence[PlannedWrite]) -> None:
    """Print what is going to be written: as the result, one row per tag."""
    if output.as_json:
        for planned in plan:
            output.json(_record(planned, _PLANNED))
        return
    rows = [
        Row(
            cells=(planned.tag, planned.value_type, _old_text(planned), format_value(planned)),
            line=plan_line(planned),
        )
        for planned in plan
    ]
    print_rows(output, ("tag", "type", "old", "new"), rows)


def plan_line(planned: PlannedWrite) -> str:
    """Return a planned write as one line."""
    return f"{planned.tag} {_change_text(planned)}"


def print_outcomes(output: Output, plan: Sequence[PlannedWrite], outcomes: Sequence[WriteOutcome]) -> None:
    """Print the outcome of each write of a plan."""
    pairs = list(zip(plan, outcomes, strict=True))
    if output.as_json:
        for planned, outcome in pairs:
            output.json(_outcome_record(planned, outcome))
    else:
        print_rows(output, ("", "tag", "old", "new", "reason"), [_outcome_row(*pair) for pair in pairs])


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


def _outcome_record(planned: PlannedWrite, outcome: WriteOutcome) -> dict[str, Any]:
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


def _outcome_row(planned: PlannedWrite, outcome: WriteOutcome) -> Row:
    verdict = _VERDICTS[outcome.state]
    reason = "" if outcome.error is None else _reason(outcome.error)
    line = f"{verdict} {planned.tag} {_change_text(planned)}"
    return Row(
        cells=(verdict, planned.tag, _old_text(planned), format_value(planned), reason),
        line=f"{line}: {reason}" if reason else line,
        style="green" if outcome.error is None else "bold red",
    )


def _reason(error: MxGatewayError) -> str:
    failed = "; ".join(str(status) for status in error.statuses if status.failed)
    return " ".join((failed or error.diagnostic_message or error.summary).split())


def _change_text(planned: PlannedWrite) -> str:
    old = _old_text(planned)
    return f"{old} -> {format_value(planned)}" if old else format_value(planned)


def _old_text(planned: PlannedWrite) -> str:
    """Return the old value: empty if it was not read, and a question mark if the tag has none."""
    if planned.old is None:
        return ""
    return format_value(planned.old) if planned.old.result.was_successful else "?"

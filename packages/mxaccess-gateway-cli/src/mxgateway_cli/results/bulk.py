"""Results of bulk commands as a JSON record, lines and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from mxgateway import BulkReadResult, BulkWriteResult, SubscribeResult
from mxgateway_cli.errors import PartialFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_timestamp, format_value, time_of, value_of
from mxgateway_cli.output.layouts import Layout, print_all
from mxgateway_cli.output.records import message_record, status_record
from mxgateway_cli.results.events import quality_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["print_read_results", "print_subscribe_results", "print_write_results"]

_FAILED_STYLE: Final = "bold red"

ResultT = TypeVar("ResultT", BulkReadResult, BulkWriteResult, SubscribeResult)


def print_subscribe_results(
    output: Output, session_id: str, server_handle: int, results: Sequence[SubscribeResult]
) -> None:
    """Print the results of a bulk command that adds, advises, un-advises or removes items.

    Raises:
        PartialFailure: At least one entry failed. All results are printed before.
    """
    _print(output, session_id, server_handle, results, _SUBSCRIPTIONS)


def print_write_results(
    output: Output, session_id: str, server_handle: int, results: Sequence[BulkWriteResult]
) -> None:
    """Print the results of a bulk write.

    Raises:
        PartialFailure: At least one entry was refused. All results are printed before.
    """
    _print(output, session_id, server_handle, results, _WRITES)


def print_read_results(output: Output, session_id: str, server_handle: int, results: Sequence[BulkReadResult]) -> None:
    """Print the results of a bulk read.

    Raises:
        PartialFailure: At least one tag could not be read. All results are printed before.
    """
    _print(output, session_id, server_handle, results, _READS)


def _print(
    output: Output, session_id: str, server_handle: int, results: Sequence[ResultT], layout: Layout[ResultT]
) -> None:
    """Print the results: as JSON in one record, otherwise each of them."""
    if output.as_json:
        records = [layout.record(result) for result in results]
        output.json({"sessionId": session_id, "serverHandle": server_handle, "results": records})
    else:
        print_all(output, layout, results)
    failed = [result for result in results if not result.was_successful]
    if failed:
        raise PartialFailure(
            f"{len(failed)} of {len(results)} entries failed; see their results",
            ExitStatus.MXACCESS,
            {"sessionId": session_id},
        )


def _verdict(result: BulkReadResult | BulkWriteResult | SubscribeResult) -> str:
    return "ok" if result.was_successful else "FAILED"


def _style(result: BulkWriteResult | SubscribeResult) -> str:
    return "" if result.was_successful else _FAILED_STYLE


def _subscribe_record(result: SubscribeResult) -> dict[str, Any]:
    return {
        "serverHandle": result.server_handle,
        "tagAddress": result.tag_address,
        "itemHandle": result.item_handle,
        "wasSuccessful": result.was_successful,
        "errorMessage": result.error_message,
    }


def _subscribe_line(result: SubscribeResult, _: Zone) -> str:
    return f"{_verdict(result):<6}  {result.item_handle:>6}  {result.tag_address}  {result.error_message}".rstrip()


def _write_record(result: BulkWriteResult) -> dict[str, Any]:
    record: dict[str, Any] = {"serverHandle": result.server_handle, "itemHandle": result.item_handle}
    record["wasSuccessful"] = result.was_successful
    if result.hresult is not None:
        record["hresult"] = result.hresult
    record["statuses"] = [status_record(status) for status in result.statuses]
    record["errorMessage"] = result.error_message
    return record


def _write_line(result: BulkWriteResult, _: Zone) -> str:
    return f"{_verdict(result):<6}  {result.item_handle:>6}  {_write_reason(result)}".rstrip()


def _write_reason(result: BulkWriteResult) -> str:
    return "; ".join(
        [result.error_message] * bool(result.error_message) + [str(each) for each in result.statuses if each.failed]
    )


def _read_record(result: BulkReadResult) -> dict[str, Any]:
    return message_record(result.raw, f"the value of {result.tag_address}")


def _read_cells(result: BulkReadResult) -> Sequence[object]:
    if not result.was_successful:
        return ("FAILED", result.tag_address, None, None, None, None, result.error_message)
    return ("ok", result.tag_address, value_of(result), result.quality, time_of(result), result.was_cached, None)


def _read_line(result: BulkReadResult, zone: Zone) -> str:
    if not result.was_successful:
        return f"FAILED  {result.tag_address}  {result.error_message}"
    value, when = format_value(result, zone), format_timestamp(result, zone)
    return f"ok      {result.tag_address}  {when}  {result.quality}  {value}"


_VERDICT: Final = Column(name="result")
_REASON: Final = Column(name="reason", is_flexible=True, is_optional=True, spans=True)

_SUBSCRIPTIONS: Final[Layout[SubscribeResult]] = Layout(
    columns=(_VERDICT, Column(name="item handle"), Column(name="tag"), _REASON),
    cells=lambda result: (_verdict(result), result.item_handle, result.tag_address, result.error_message),
    line=_subscribe_line,
    values=lambda result: (result.item_handle,),
    record=_subscribe_record,
    style=_style,
)
_WRITES: Final[Layout[BulkWriteResult]] = Layout(
    columns=(_VERDICT, Column(name="item handle"), _REASON),
    cells=lambda result: (_verdict(result), result.item_handle, _write_reason(result)),
    line=_write_line,
    values=lambda result: (_verdict(result),),
    record=_write_record,
    style=_style,
)
_READS: Final[Layout[BulkReadResult]] = Layout(
    columns=(
        _VERDICT,
        Column(name="tag"),
        Column(name="value", is_flexible=True),
        Column(name="quality"),
        Column(name="time"),
        Column(name="cached"),
        _REASON,
    ),
    cells=_read_cells,
    line=_read_line,
    values=lambda result: (value_of(result) if result.was_successful else None,),
    record=_read_record,
    style=lambda result: quality_style(result.quality) if result.was_successful else _FAILED_STYLE,
)

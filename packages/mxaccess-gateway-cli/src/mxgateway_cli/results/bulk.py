"""Results of bulk commands as a JSON record and as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxgateway_cli.errors import PartialFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.output.formatting import format_timestamp, format_value
from mxgateway_cli.output.records import message_record, status_record
from mxgateway_cli.output.tables import Row, print_rows
from mxgateway_cli.results.events import quality_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway import BulkReadResult, BulkWriteResult, SubscribeResult
    from mxgateway_cli.output.console import Output

__all__ = ["print_read_results", "print_subscribe_results", "print_write_results"]

_FAILED_STYLE = "bold red"


def print_subscribe_results(
    output: Output, session_id: str, server_handle: int, results: Sequence[SubscribeResult]
) -> None:
    """Print the results of a bulk command that adds, advises, un-advises or removes items.

    Raises:
        PartialFailure: At least one entry failed. All results are printed before.
    """
    if output.as_json:
        records = [
            {
                "serverHandle": result.server_handle,
                "tagAddress": result.tag_address,
                "itemHandle": result.item_handle,
                "wasSuccessful": result.was_successful,
                "errorMessage": result.error_message,
            }
            for result in results
        ]
        _print_record(output, session_id, server_handle, records)
    else:
        print_rows(output, ("", "item handle", "tag", "reason"), [_subscribe_row(result) for result in results])
    _check_all_succeeded(session_id, [result.was_successful for result in results])


def print_write_results(
    output: Output, session_id: str, server_handle: int, results: Sequence[BulkWriteResult]
) -> None:
    """Print the results of a bulk write.

    Raises:
        PartialFailure: At least one entry was refused. All results are printed before.
    """
    if output.as_json:
        _print_record(output, session_id, server_handle, [_write_record(result) for result in results])
    else:
        print_rows(output, ("", "item handle", "reason"), [_write_row(result) for result in results])
    _check_all_succeeded(session_id, [result.was_successful for result in results])


def print_read_results(output: Output, session_id: str, server_handle: int, results: Sequence[BulkReadResult]) -> None:
    """Print the results of a bulk read.

    Raises:
        PartialFailure: At least one tag could not be read. All results are printed before.
    """
    if output.as_json:
        records = [message_record(result.raw, f"the value of {result.tag_address}") for result in results]
        _print_record(output, session_id, server_handle, records)
    else:
        headings = ("", "tag", "value", "quality", "time", "cached", "reason")
        print_rows(output, headings, [_read_row(result) for result in results])
    _check_all_succeeded(session_id, [result.was_successful for result in results])


def _print_record(output: Output, session_id: str, server_handle: int, records: list[dict[str, Any]]) -> None:
    output.json({"sessionId": session_id, "serverHandle": server_handle, "results": records})


def _check_all_succeeded(session_id: str, outcomes: Sequence[bool]) -> None:
    failed = outcomes.count(False)
    if failed:
        raise PartialFailure(
            f"{failed} of {len(outcomes)} entries failed; see their results",
            ExitStatus.MXACCESS,
            {"sessionId": session_id},
        )


def _verdict(*, ok: bool) -> str:
    return "ok" if ok else "FAILED"


def _subscribe_row(result: SubscribeResult) -> Row:
    verdict, handle = _verdict(ok=result.was_successful), str(result.item_handle)
    return Row(
        cells=(verdict, handle, result.tag_address, result.error_message),
        line=f"{verdict:<6}  {handle:>6}  {result.tag_address}  {result.error_message}".rstrip(),
        style="" if result.was_successful else _FAILED_STYLE,
    )


def _write_record(result: BulkWriteResult) -> dict[str, Any]:
    record: dict[str, Any] = {
        "serverHandle": result.server_handle,
        "itemHandle": result.item_handle,
        "wasSuccessful": result.was_successful,
        "statuses": [status_record(status) for status in result.statuses],
        "errorMessage": result.error_message,
    }
    if result.hresult is not None:
        record["hresult"] = result.hresult
    return record


def _write_row(result: BulkWriteResult) -> Row:
    verdict, handle = _verdict(ok=result.was_successful), str(result.item_handle)
    reason = "; ".join(
        [result.error_message] * bool(result.error_message) + [str(each) for each in result.statuses if each.failed]
    )
    return Row(
        cells=(verdict, handle, reason),
        line=f"{verdict:<6}  {handle:>6}  {reason}".rstrip(),
        style="" if result.was_successful else _FAILED_STYLE,
    )


def _read_row(result: BulkReadResult) -> Row:
    if not result.was_successful:
        return Row(
            cells=("FAILED", result.tag_address, "", "", "", "", result.error_message),
            line=f"FAILED  {result.tag_address}  {result.error_message}",
            style=_FAILED_STYLE,
        )
    value, quality, when = format_value(result), str(result.quality), format_timestamp(result)
    cached = "cached" if result.was_cached else ""
    return Row(
        cells=("ok", result.tag_address, value, quality, when, cached, ""),
        line=f"ok      {result.tag_address}  {when}  {quality}  {value}",
        style=quality_style(result.quality),
    )

"""The result of a write by handles, which MXAccess has accepted but not confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mxgateway_cli.output.console import Output

__all__ = ["print_accepted"]


def print_accepted(output: Output, session_id: str, server_handle: int, item_handle: int) -> None:
    """Print that a write was accepted, and where its outcome will be."""
    record = {"sessionId": session_id, "serverHandle": server_handle, "itemHandle": item_handle, "accepted": True}
    output.result(record, f"accepted; the outcome is the OnWriteComplete event of item {item_handle}")

"""TagReading: the result of reading one tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway.errors import ErrorFacts, MxAccessError

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway.bulk import BulkReadResult
    from mxgateway.status import MxStatus, Quality
    from mxgateway.values import MxValueOutput

__all__ = ["TagReading"]


class TagReading:
    """The result of reading one tag: a value, or the reason why there is none.

    Attributes:
        tag: The tag as the caller named it.
        result: The gateway's result as it was received.
    """

    __slots__ = ("result", "tag")

    def __init__(self, tag: str, result: BulkReadResult) -> None:
        self.tag: str = tag
        self.result: BulkReadResult = result

    @property
    def error(self) -> MxAccessError | None:
        """Why there is no value; None if there is one."""
        return None if self.result.was_successful else self._refusal()

    @property
    def value(self) -> MxValueOutput:
        """The value, converted as by `from_mx_value`. Check `quality` before you rely on it.

        Raises:
            MxAccessError: There is no value.
            ValueError: It is a timestamp outside the years 1 to 9999.
        """
        if not self.result.was_successful:
            raise self._refusal()
        return self.result.value

    @property
    def quality(self) -> Quality:
        """The OPC DA quality; bad if there is no value."""
        return self.result.quality

    @property
    def timestamp(self) -> datetime | None:
        """The time of the value according to its source, in UTC."""
        return self.result.timestamp

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Every status of the result."""
        return self.result.statuses

    def _refusal(self) -> MxAccessError:
        reason = self.result.error_message or "the gateway gave no reason"
        facts = ErrorFacts(method="ReadBulk", diagnostic_message=reason, statuses=self.result.statuses)
        return MxAccessError(f"{self.tag} could not be read", facts)

    def __repr__(self) -> str:
        outcome = f"error={self.error}" if self.error else f"value={self.value!r}, quality={self.quality!r}"
        return f"TagReading({self.tag!r}, {outcome})"

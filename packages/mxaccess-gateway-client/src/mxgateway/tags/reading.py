"""What reading a tag brings."""

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
    """What reading one tag brought: a value, or the reason why there is none.

    Attributes:
        tag: the tag as it was asked for.
        result: the gateway's answer as it came.
    """

    __slots__ = ("result", "tag")

    def __init__(self, tag: str, result: BulkReadResult) -> None:
        self.tag: str = tag
        self.result: BulkReadResult = result

    @property
    def error(self) -> MxAccessError | None:
        """Why there is no value; None when there is one."""
        return None if self.result.was_successful else self._refusal()

    @property
    def value(self) -> MxValueOutput:
        """The value, as `from_mx_value` gives it; look at `quality` before you believe it.

        Raises:
            MxAccessError: there is none.
            ValueError: it is a timestamp outside the years 1 to 9999.
        """
        if not self.result.was_successful:
            raise self._refusal()
        return self.result.value

    @property
    def quality(self) -> Quality:
        """The OPC DA quality; bad when there is no value."""
        return self.result.quality

    @property
    def timestamp(self) -> datetime | None:
        """When the source says the value is from, in UTC."""
        return self.result.timestamp

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Every status that came with it."""
        return self.result.statuses

    def _refusal(self) -> MxAccessError:
        reason = self.result.error_message or "no reason was given"
        facts = ErrorFacts(method="ReadBulk", diagnostic_message=reason, statuses=self.result.statuses)
        return MxAccessError(f"{self.tag} could not be read", facts)

    def __repr__(self) -> str:
        outcome = f"error={self.error}" if self.error else f"value={self.value!r}, quality={self.quality!r}"
        return f"TagReading({self.tag!r}, {outcome})"

"""Watch the deploys of the Galaxy."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway._transport.streams.stream import Stream
from mxgateway.errors import MxGatewayError, MxGatewayEventLossError, MxGatewayLimitError, MxGatewayStreamEndedError
from mxgateway.galaxy.calls import explained
from mxgateway.values.timestamps import datetime_field

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway._transport.channel import Channel
    from mxgateway._transport.streams.reader import Reader, StreamEnd

__all__ = ["DeployEvent", "DeployWatch"]

_NEW_WATCH_HINT: Final = "open a new watch, which begins with the current state"


class DeployEvent:
    """A deploy of the Galaxy. The first event of a watch is the current state.

    Attributes:
        raw: the received message.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: galaxy_pb.DeployEvent) -> None:
        self.raw: galaxy_pb.DeployEvent = raw

    @property
    def sequence(self) -> int:
        """Number of the event. It rises by one from event to event."""
        return self.raw.sequence

    @property
    def observed_at(self) -> datetime | None:
        """Time when the gateway noticed the deploy, in UTC.

        Raises:
            ValueError: the time is outside the years 1 to 9999.
        """
        return datetime_field(self.raw, "observed_at")

    @property
    def time_of_last_deploy(self) -> datetime | None:
        """Time of the last deploy in UTC, or None if the Galaxy was never deployed.

        It can be passed as `last_seen` to a later watch.

        Raises:
            ValueError: the time is outside the years 1 to 9999.
        """
        return datetime_field(self.raw, "time_of_last_deploy")

    @property
    def object_count(self) -> int:
        """Number of objects in the Galaxy."""
        return self.raw.object_count

    @property
    def attribute_count(self) -> int:
        """Number of attributes in the Galaxy."""
        return self.raw.attribute_count

    def __repr__(self) -> str:
        return f"DeployEvent(sequence={self.sequence}, object_count={self.object_count})"


class DeployWatch(Stream[galaxy_pb.DeployEvent, DeployEvent]):
    """The deploys of the Galaxy as they happen: an async iterator and async context manager.

    The watch sends its request (rpc `WatchDeployEvents`) when it is entered or first iterated. The first event has the
    current state and arrives at once. The watch ends normally only if it is closed; every loss raises an error. After
    an error open a new watch, which begins with the current state again.

    Iterating raises:

    - MxGatewayEventLossError if `sequence` has a gap or runs backwards: deploys were missed
    - MxGatewayAuthorizationError if the key lacks the scope `metadata:read`
    - MxGatewayStreamEndedError if the gateway ended the watch, even with status OK
    - MxGatewayGalaxyUnavailableError if the gateway has no copy of the Galaxy yet
    - MxGatewayTransportError if the connection was lost
    - MxGatewayUsageError if another task already waits on the watch, or if the client belongs to another event loop or
      process
    """

    _method = "WatchDeployEvents"
    _hints = MappingProxyType({MxGatewayStreamEndedError: _NEW_WATCH_HINT, MxGatewayLimitError: _NEW_WATCH_HINT})

    def __init__(
        self, channel: Channel, request: galaxy_pb.WatchDeployEventsRequest, *, timeout: float | None = None
    ) -> None:
        super().__init__(channel, timeout=timeout)
        self._request = request
        self._last_sequence = 0

    def _open_reader(self) -> Reader[galaxy_pb.DeployEvent]:
        return self._read_in_task(self._channel.galaxy.WatchDeployEvents, self._request)

    def _error(self, end: StreamEnd) -> MxGatewayError:
        error = super()._error(end)
        # A gateway that has sent its state has a copy of the Galaxy: it then reports something else, such as its end.
        return error if self._last_sequence else explained(error)

    def _item(self, message: galaxy_pb.DeployEvent) -> DeployEvent:
        sequence, last = message.sequence, self._last_sequence
        if last and sequence and sequence != last + 1:
            problem = f"has a gap ({sequence - last - 1} missing)" if sequence > last else "runs backwards"
            self._fail(
                MxGatewayEventLossError(
                    f"sequence {problem}: {sequence} follows {last}",
                    self._facts(_NEW_WATCH_HINT),
                )
            )
        self._last_sequence = sequence or last
        return DeployEvent(message)

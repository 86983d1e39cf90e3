"""What arrives over a channel: read from its bytes, and without our key before anybody sees it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from mxgateway.redaction import redact_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from mxgateway.auth import ApiKey

__all__ = ["UNREADABLE_BYTES", "guarded"]

_logger = logging.getLogger("mxgateway.channel")

UNREADABLE_BYTES: Final = (DecodeError, UnicodeDecodeError, RecursionError)
"""What parsing a message raises; protobuf's pure-Python backend has its own words for wrong text and deep nesting."""

ChannelT = TypeVar("ChannelT", grpc.Channel, grpc.aio.Channel)


def guarded(channel: ChannelT, api_key: ApiKey | None) -> ChannelT:
    """Give a channel for a stub, on which a gateway that echoes our key gives messages with `***` in its place.

    Whoever gets a message may print or log it: an id, a text or a value is not where a key is looked for.
    """
    return cast("ChannelT", _GuardedChannel(channel, api_key))


class _GuardedChannel:
    def __init__(self, channel: Any, api_key: ApiKey | None) -> None:
        self._channel = channel
        self._api_key = api_key

    def unary_unary(self, method: str, *, response_deserializer: Callable[[bytes], Message], **rest: Any) -> Any:
        """Give what calls a method with one reply."""
        return self._channel.unary_unary(method, response_deserializer=self._guarded(response_deserializer), **rest)

    def unary_stream(self, method: str, *, response_deserializer: Callable[[bytes], Message], **rest: Any) -> Any:
        """Give what calls a method that streams its replies."""
        return self._channel.unary_stream(method, response_deserializer=self._guarded(response_deserializer), **rest)

    def _guarded(self, deserialize: Callable[[bytes], Message]) -> Callable[[bytes], Message | None]:
        echo = None if self._api_key is None else self._api_key.echo

        def read(data: bytes) -> Message | None:
            try:
                message = deserialize(data)
            except UNREADABLE_BYTES as error:
                # What gRPC itself would make of it, but for a traceback in the log that leads to the message.
                _logger.debug("a message can't be read: %s", error)
                return None
            if echo is not None and echo in data:
                redact_message(message)
            return message

        return read

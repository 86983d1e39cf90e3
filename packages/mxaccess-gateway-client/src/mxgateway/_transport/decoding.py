"""Decode incoming messages and redact the API key from them."""

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

__all__ = ["UNREADABLE_BYTES", "redacting_channel"]

_logger = logging.getLogger("mxgateway.channel")

UNREADABLE_BYTES: Final = (DecodeError, UnicodeDecodeError, RecursionError)
"""The exceptions of parsing a message. protobuf's pure-Python backend has its own for invalid text and deep nesting."""

ChannelT = TypeVar("ChannelT", grpc.Channel, grpc.aio.Channel)


def redacting_channel(channel: ChannelT, api_key: ApiKey | None) -> ChannelT:
    """Return a channel for a stub whose messages have `***` in place of the API key, should a gateway echo it.

    The program that receives a message may print or log it, and expects no key in an id, a text or a value.
    """
    return cast("ChannelT", _RedactingChannel(channel, api_key))


class _RedactingChannel:
    """The two methods of a channel that the stubs of this contract use."""

    def __init__(self, channel: Any, api_key: ApiKey | None) -> None:
        self._channel = channel
        self._api_key = api_key

    def unary_unary(self, method: str, *, response_deserializer: Callable[[bytes], Message], **rest: Any) -> Any:
        """Return the callable for a method with one reply."""
        return self._channel.unary_unary(method, response_deserializer=self._redacting(response_deserializer), **rest)

    def unary_stream(self, method: str, *, response_deserializer: Callable[[bytes], Message], **rest: Any) -> Any:
        """Return the callable for a method that streams its replies."""
        return self._channel.unary_stream(method, response_deserializer=self._redacting(response_deserializer), **rest)

    def _redacting(self, deserialize: Callable[[bytes], Message]) -> Callable[[bytes], Message | None]:
        echo = None if self._api_key is None else self._api_key.echo

        def decode(data: bytes) -> Message | None:
            try:
                message = deserialize(data)
            except UNREADABLE_BYTES as error:
                # gRPC itself would also return None, but would log a traceback that leads to the message.
                _logger.debug("cannot decode a message: %s", error)
                return None
            if echo is not None and echo in data:
                redact_message(message)
            return message

        return decode

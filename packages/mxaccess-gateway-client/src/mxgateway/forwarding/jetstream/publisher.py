"""Publisher: messages to a stream, and the acknowledgements of the server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Publisher"]

_NO_RESPONDERS: Final = "503"


class Publisher:
    """Publishes messages that the stream stores in their order or not at all, and counts the acknowledgements.

    An acknowledgement is one of all messages before it. `publish_async` of nats-py has no such order to rely on: it
    makes a random inbox, a future and an object for each message, which take as long as the sending.

    Attributes:
        published: How many messages were published.
        acknowledged: How many of those the stream has stored.
        sequence: The sequence of the last one of those in the stream.
    """

    def __init__(self, client: Any, errors: Any) -> None:
        self._client = client
        self._errors = errors
        self._inbox: str = client.new_inbox()
        self.published: int = 0
        self.acknowledged: int = 0
        self.sequence: int = 0
        # The answers to earlier messages do not count.
        self._first = 0
        self._error: Exception | None = None
        self._waiting: tuple[int, asyncio.Future[None]] | None = None

    async def open(self) -> None:
        """Subscribe to the acknowledgements."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._receive)

    def begin(self) -> int:
        """Forget what was published before, acknowledged or not, and return how many messages that were."""
        self._first = self.acknowledged = self.published
        self._error = None
        return self._first

    async def publish(self, subject: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Publish a message, unless the stream has refused an earlier one.

        Raises:
            nats.js.errors.Error: The stream has refused an earlier one.
        """
        if self._error is not None:
            raise self._error
        self.published += 1
        await self._client.publish(subject, content, reply=f"{self._inbox}.{self.published}", headers=headers)

    def acknowledgement(self, number: int) -> asyncio.Future[None]:
        """Return a future that is done once so many messages are acknowledged, or one is refused."""
        future = asyncio.get_running_loop().create_future()
        self._waiting = (number, future)
        self._wake()
        return future

    async def _receive(self, message: Any) -> None:
        number = int(message.subject.rpartition(".")[2])
        if number <= self._first:
            return
        if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            self._refuse(self._errors.NoStreamResponseError())
            return
        reply: dict[str, Any] = json.loads(message.data)
        if "error" in reply:
            self._refuse(self._errors.APIError.from_error(reply["error"]))
        elif number > self.acknowledged:
            self.acknowledged, self.sequence = number, reply["seq"]
            self._wake()

    def _refuse(self, error: Exception) -> None:
        self._error = self._error or error
        self._wake()

    def _wake(self) -> None:
        if self._waiting is None:
            return
        number, future = self._waiting
        if future.done():
            self._waiting = None
        elif self._error is not None:
            future.set_exception(self._error)
        elif self.acknowledged >= number:
            future.set_result(None)

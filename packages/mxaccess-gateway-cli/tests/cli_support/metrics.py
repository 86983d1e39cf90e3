"""The metrics of a command, read over HTTP."""

from __future__ import annotations

import asyncio
import socket


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def get(port: int, path: str) -> tuple[int, str]:
    """Return the status and the text of an answer over HTTP."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    finally:
        writer.close()
    return int(head.split()[1]), body


async def until_answer(port: int, path: str, text: str) -> None:
    """Wait until an answer contains a text."""
    answer = ""
    try:
        async with asyncio.timeout(20):
            while text not in answer:
                await asyncio.sleep(0.02)
                try:
                    _, answer = await get(port, path)
                except OSError:
                    continue
    except TimeoutError:
        raise AssertionError(f"{text!r} never came: {answer}") from None

"""The files of a simulated gateway: certificates, plant and script."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from mxgateway.testing import Plant, PlantFileError, Script, ScriptError, ServerTls

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_plant", "read_script", "read_tls"]

_Content = TypeVar("_Content")


def read_tls(certificate: str | None, key: str | None, client_ca: str | None) -> ServerTls | None:
    """Return the TLS configuration of the gateway, or None for plaintext.

    Raises:
        click.UsageError: A file is missing or invalid.
    """
    if certificate is None or key is None:
        if certificate or key or client_ca:
            raise click.UsageError("TLS needs both --certificate-file and --key-file")
        return None
    for path in (certificate, key, client_ca):
        _check_pem(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        problem = error.reason or str(error)
    else:
        return ServerTls(
            certificate_chain=Path(certificate),
            private_key=Path(key),
            client_ca=None if client_ca is None else Path(client_ca),
        )
    raise click.UsageError(f"{certificate} and {key} are not a certificate and its private key: {problem}")


def read_plant(path: str | None) -> Plant:
    """Return the plant of a file, or the default plant.

    Raises:
        click.UsageError: The file cannot be read, or is invalid.
    """
    return Plant.default() if path is None else _read("plant file", path, Plant.from_toml)


def read_script(path: str | None, plant: Plant) -> Script | None:
    """Return the script of a file, which fits the plant, or None without a file. A Python file is executed.

    Raises:
        click.UsageError: The file cannot be read, is invalid, or does not fit the plant.
    """

    def read(path: str) -> Script:
        script = Script.from_file(path)
        script.check(plant)
        return script

    return None if path is None else _read("script", path, read)


def _read(kind: str, path: str, read: Callable[[str], _Content]) -> _Content:
    try:
        return read(path)
    except OSError as error:
        problem = f"cannot read the {kind} {path}: {error.strerror or type(error).__name__}"
    except (PlantFileError, ScriptError) as error:
        # The error begins with the name of the file.
        problem = f"invalid {kind} {error}"
    raise click.UsageError(problem)


def _check_pem(path: str | None) -> None:
    if path is None:
        return
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        problem = f"cannot read {path}: {error.strerror or type(error).__name__}"
    else:
        if b"-----BEGIN " in content:
            return
        problem = f"{path} is not a PEM file: PEM is text and begins with -----BEGIN"
    raise click.UsageError(problem)

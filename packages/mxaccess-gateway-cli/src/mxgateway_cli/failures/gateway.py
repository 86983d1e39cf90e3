"""Errors of the client: their exit statuses, messages and facts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mxgateway import (
    MxAccessError,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayGalaxyUnavailableError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayServerError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxGatewayWorkerError,
)
from mxgateway_cli.connecting.target import TLS_FIELDS
from mxgateway_cli.errors import Failure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.output.records import enum_record, status_record

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EXIT_STATUSES", "describe_gateway_error", "name_options"]

EXIT_STATUSES: Mapping[type[MxGatewayError], ExitStatus] = {
    MxGatewayError: ExitStatus.FAILED,
    MxGatewayConfigurationError: ExitStatus.USAGE,
    MxGatewayUsageError: ExitStatus.FAILED,
    MxGatewayTransportError: ExitStatus.TRANSPORT,
    # The connection works.
    MxGatewayServerError: ExitStatus.FAILED,
    MxGatewayGalaxyUnavailableError: ExitStatus.FAILED,
    MxGatewayProtocolError: ExitStatus.TRANSPORT,
    MxGatewayTimeoutError: ExitStatus.TIMED_OUT,
    MxGatewayAuthenticationError: ExitStatus.AUTHENTICATION,
    MxGatewayAuthorizationError: ExitStatus.AUTHENTICATION,
    MxGatewaySessionError: ExitStatus.SESSION,
    MxGatewayWorkerError: ExitStatus.SESSION,
    MxGatewayLimitError: ExitStatus.SESSION,
    MxGatewayCommandError: ExitStatus.FAILED,
    MxAccessError: ExitStatus.MXACCESS,
}

# Fields and arguments of the client that messages mention and that are options of the command line.
_OPTION_NAMES = (*TLS_FIELDS, "server_handle", "item_handle", "session_id")
_PLAINTEXT = re.compile(r"\bplaintext=True\b")
_FIELD = re.compile(rf"(?<![\w./\\])({'|'.join(_OPTION_NAMES)})(?![\w./\\])")
_FLAG = re.compile(r"\bclient\.tags\(\.\.\., (supervisory)=True\)|\b(resize)=True\b")
_COMMANDS = re.compile(r"\b(?:Session\.)?(write_secured|advise_supervisory)\b")


def describe_gateway_error(error: Exception) -> Failure | None:
    """Return the exit status, message and facts of an error of the client, or None for any other error."""
    if not isinstance(error, MxGatewayError):
        return None
    status = next(EXIT_STATUSES[kind] for kind in type(error).__mro__ if kind in EXIT_STATUSES)
    return Failure(status=status, type=type(error).__name__, message=name_options(str(error)), facts=_facts(error))


def _facts(error: MxGatewayError) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if error.method:
        facts["method"] = error.method
    if error.session_id:
        facts["sessionId"] = error.session_id
    if error.correlation_id:
        facts["correlationId"] = error.correlation_id
    if error.grpc_status is not None:
        facts["grpcStatus"] = error.grpc_status.name
        facts["sentByGateway"] = error.sent_by_gateway
    if error.details and "\n" in error.details:
        facts["details"] = error.details
    if error.http_status is not None:
        facts["httpStatus"] = error.http_status
    if error.trusted_fingerprints:
        facts["trustedFingerprints"] = list(error.trusted_fingerprints)
    if error.shown_fingerprint is not None:
        facts["shownFingerprint"] = error.shown_fingerprint
    if error.protocol_status is not None:
        facts["protocolStatus"] = enum_record("PROTOCOL_STATUS_CODE", error.protocol_status)
    numbers = {"hresult": error.hresult, "arrayLength": error.array_length, "valueLength": error.value_length}
    facts.update((name, number) for name, number in numbers.items() if number is not None)
    if error.statuses:
        facts["statuses"] = [status_record(status) for status in error.statuses]
    return facts


def name_options(message: str) -> str:
    """Replace the names of fields and methods by the options and commands of the command line."""
    message = _FIELD.sub(lambda field: f"--{field.group().replace('_', '-')}", message)
    message = _FLAG.sub(lambda flag: f"--{flag[1] or flag[2]}", message)
    message = _COMMANDS.sub(lambda command: command.group(1).replace("_", "-"), message)
    return _PLAINTEXT.sub("--plaintext", message)

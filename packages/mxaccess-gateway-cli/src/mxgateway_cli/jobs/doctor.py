"""The doctor: looks at everything between here and a working session, one check after the other."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from mxgateway import (
    GatewayClient,
    MxGatewayAuthorizationError,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayVersionError,
)
from mxgateway.diagnosis import inspect_tls, look_up, reach
from mxgateway_cli.failures.gateway import explain_gateway_error
from mxgateway_cli.output.records import time_record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from mxgateway import ClientOptions, Session
    from mxgateway.diagnosis import TlsReport
    from mxgateway_cli.output.console import Output

__all__ = ["CHECKS", "Doctor", "Verdict"]

CHECKS: Final = ("name", "tcp", "tls", "key", "scopes", "session", "protocol-version", "worker", "close-session")

_SOON: Final = timedelta(days=30)
# No gateway gives a session this id: what is asked of it is refused, and how says what the key may do.
_NO_SESSION: Final = f"session-{'0' * 32}"
# Without these not even the doctor gets on.
_NEEDED_SCOPES: Final = ("session:open", "session:close", "invoke:read")
_USES: Final = {
    "session:close": "close sessions",
    "invoke:read": "use a session at all",
    "invoke:write": "write, and acknowledge alarms",
    "invoke:secure": "make secured writes and authenticate users",
    "events:read": "stream events and alarms",
    "metadata:read": "browse the Galaxy",
}


class Verdict(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Check:
    """One check while it is made.

    Attributes:
        verdict: what it came to.
        finding: what was found, for people.
        advice: what to do about it.
        facts: what else it found out, in protobuf JSON names.
    """

    verdict: Verdict = Verdict.OK
    finding: str = ""
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def warn(self, finding: str, advice: str) -> None:
        """Note what works but should be looked at."""
        self.verdict, self.finding, self.advice = Verdict.WARNING, finding, advice


class Doctor:
    """Makes the checks and prints what each came to."""

    def __init__(self, options: ClientOptions, output: Output) -> None:
        self._options = options
        self._output = output
        self._made: set[str] = set()

    async def examine(self) -> None:
        """Make one check after the other, until one fails; close what was opened.

        Raises:
            MxGatewayError: the failure of the first check that failed.
        """
        try:
            await self._examine_network()
            await self._examine_gateway()
        except MxGatewayError:
            for name in CHECKS:
                if name not in self._made:
                    self._print(name, Check(verdict=Verdict.SKIPPED), None)
            raise

    async def _examine_network(self) -> None:
        async with self._check("name") as check:
            addresses = await look_up(self._options)
            check.finding = ", ".join(addresses)
            check.facts["addresses"] = list(addresses)
        async with self._check("tcp") as check:
            await reach(self._options)
            check.finding = f"{self._options.endpoint} accepts connections"
        async with self._check("tls") as check:
            report = await inspect_tls(self._options)
            if report is None:
                check.warn("plaintext, as asked for: nothing is encrypted", "on a network that others use, set up TLS")
            else:
                self._judge(check, report)

    async def _examine_gateway(self) -> None:
        options = self._options
        async with self._check("key") as check:
            client = await GatewayClient.connect(options)
            check.finding = "the gateway knows the key"
        async with client:
            async with self._check("scopes") as check:
                await _examine_scopes(client, check)
            # However the checks end: leaving the client closes the session.
            session = await self._open_session(client)
            async with self._check("worker") as check:
                await session.ping()
                info = await session.get_worker_info()
                check.finding = f"process {info.worker_process_id} answers"
                check.facts["workerProcessId"] = info.worker_process_id
                check.facts["workerProtocolVersion"] = info.worker_protocol_version
            async with self._check("close-session") as check:
                await session.close()
                check.finding = f"closed {session.session_id}"

    async def _open_session(self, client: GatewayClient) -> Session:
        session: Session | MxGatewayVersionError
        async with self._check("session") as check:
            try:
                session = await client.open_session(client_session_name="mxgw-py doctor")
            except MxGatewayVersionError as error:
                # The session came about, and was closed again: it is the version that is wrong.
                session = error
                check.finding = "opened, and closed again because of its version"
            else:
                check.finding = session.session_id
                check.facts["sessionId"] = session.session_id
        async with self._check("protocol-version") as check:
            if isinstance(session, MxGatewayVersionError):
                raise session
            check.finding = f"{session.info.gateway_protocol_version}, as this client speaks"
            check.facts["gatewayProtocolVersion"] = session.info.gateway_protocol_version
        return session

    def _judge(self, check: Check, report: TlsReport) -> None:
        certificate = report.certificate
        names = ", ".join(certificate.names) or "no name"
        end = certificate.not_after
        check.facts["tlsVersion"] = report.tls_version
        check.facts["certificate"] = {
            "names": list(certificate.names),
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "fingerprint": certificate.fingerprint,
        }
        for name, moment in (("notBefore", certificate.not_before), ("notAfter", end)):
            if moment is not None:
                check.facts["certificate"][name] = time_record(moment)
        finding = (
            f"{report.tls_version}, a certificate for {names} by {certificate.issuer}, valid from "
            f"{_day(certificate.not_before)} to {_day(end)}, SHA-256 fingerprint {certificate.fingerprint}"
        )
        check.finding = finding
        if report.problem is not None:
            raise MxGatewayTransportError("the gateway's certificate can't be trusted").with_hint(report.problem)
        if report.first_use:
            check.warn(finding, "the gateway isn't known yet: compare the fingerprint with the gateway's own")
        if end is not None and end - datetime.now(UTC) < _SOON:
            check.warn(finding, f"the certificate ends on {_day(end)}: let the gateway have a new one")

    @asynccontextmanager
    async def _check(self, name: str) -> AsyncGenerator[Check]:
        check = Check()
        began = time.perf_counter()
        try:
            with self._output.busy(name):
                yield check
        except MxGatewayError as error:
            self._fail(name, check, error, began)
            raise
        self._print(name, check, began)

    def _fail(self, name: str, check: Check, error: MxGatewayError, began: float) -> None:
        check.verdict = Verdict.FAILED
        failure = explain_gateway_error(error)
        message = " ".join((failure.message if failure else str(error)).split())
        problem, _, advice = message.partition(" -> ")
        check.finding = f"{problem}; {check.finding}" if check.finding else problem
        check.advice = advice
        self._print(name, check, began)

    def _print(self, name: str, check: Check, began: float | None) -> None:
        self._made.add(name)
        elapsed = 0.0 if began is None else (time.perf_counter() - began) * 1000
        if self._output.as_json:
            record = {"check": name, "verdict": check.verdict.value, "elapsedMs": round(elapsed, 3)}
            texts = {key: text for key, text in (("finding", check.finding), ("advice", check.advice)) if text}
            self._output.json({**record, **texts, **check.facts})
            return
        word = check.verdict.value.upper() if check.verdict is Verdict.FAILED else check.verdict.value
        self._output.line(f"{word:<8}{name:<18}{check.finding}".rstrip(), _STYLES[check.verdict])
        if check.advice:
            self._output.line(f"{'':<26}-> {check.advice}", _STYLES[check.verdict])


_STYLES: Mapping[Verdict, str] = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.SKIPPED: "dim",
}


async def _examine_scopes(client: GatewayClient, check: Check) -> None:
    """Find out what the key may do, by asking for things that can't happen."""
    nowhere = client.attach_session(_NO_SESSION)
    questions: Mapping[str, Callable[[], Awaitable[object]]] = {
        "session:close": nowhere.close,
        "invoke:read": nowhere.ping,
        "invoke:write": lambda: nowhere.write(0, 0, None),
        "invoke:secure": lambda: nowhere.write_secured(0, 0, 0, 0, None),
        "events:read": lambda: nowhere.drain_events(1),
        "metadata:read": client.galaxy.test_connection,
    }
    refusals: dict[str, MxGatewayAuthorizationError] = {}
    for scope, ask in questions.items():
        refusal = await _refusal(ask)
        if refusal is not None:
            refusals[scope] = refusal
    check.facts["scopes"] = {scope: scope not in refusals for scope in questions}
    for scope in _NEEDED_SCOPES:
        if scope in refusals:
            check.finding = f"the key lacks {scope}"
            raise refusals[scope]
    granted = ", ".join(scope for scope in questions if scope not in refusals)
    if refusals:
        uses = "; ".join(f"{scope} to {_USES[scope]}" for scope in refusals)
        check.warn(f"the key has {granted}, but not {', '.join(refusals)}", f"if you need it, give the key {uses}")
    else:
        check.finding = f"the key has {granted}"


async def _refusal(ask: Callable[[], Awaitable[object]]) -> MxGatewayAuthorizationError | None:
    try:
        await ask()
    except MxGatewayAuthorizationError as error:
        return error
    except (MxGatewayTransportError, MxGatewayTimeoutError):
        raise
    except MxGatewayError:
        # There is no such session: the key would have done.
        return None
    return None


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else moment.date().isoformat()

"""The doctor: checks every step from this machine to a working session."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from mxgateway import (
    GatewayClient,
    MxGatewayAuthorizationError,
    MxGatewayError,
    MxGatewayProtocolError,
    MxGatewayServerError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayVersionError,
)
from mxgateway.diagnosis import inspect_tls, look_up, reach
from mxgateway_cli.failures.gateway import describe_gateway_error
from mxgateway_cli.jobs.contract.answers import Answers
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.layouts import Layout, Printer
from mxgateway_cli.output.records import time_record
from mxgateway_cli.output.settings import OutputFormat
from mxgateway_cli.results.galaxy_status import galaxy_status_record, galaxy_status_text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from mxgateway import ClientOptions, Session
    from mxgateway.diagnosis import TlsReport
    from mxgateway_cli.connecting.settings import Setting
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["CHECKS", "Doctor", "Verdict", "check_gateways"]

CHECKS: Final = (
    "settings",
    "name",
    "tcp",
    "tls",
    "key",
    "scopes",
    "galaxy",
    "session",
    "protocol-version",
    "worker",
    "close-session",
    "contract",
)

_LINE_FORMATS: Final = frozenset({OutputFormat.TABLE, OutputFormat.LINES})
_EXPIRY_WARNING: Final = timedelta(days=30)
_CONTRACT_ADVICE: Final = "this gateway's contract differs, run mxgw-py contract"
# No gateway issues this id. Every call with it is refused, and the error says whether the key has the scope.
_UNUSED_SESSION_ID: Final = f"session-{'0' * 32}"
# A database that is down may delay the answer.
_GALAXY_TIMEOUT_SECONDS: Final = 5.0
# The scopes that the remaining checks need.
_REQUIRED_SCOPES: Final[tuple[str, ...]] = ("session:open", "session:close", "invoke:read")
_SCOPE_USES: Final = {
    "session:close": "close sessions",
    "invoke:read": "use sessions",
    "invoke:write": "write, and acknowledge alarms",
    "invoke:secure": "make secured writes and authenticate users",
    "events:read": "stream events and alarms",
    "metadata:read": "browse the Galaxy",
}


class Verdict(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Check:
    """The result of one check, filled in while the check runs.

    Attributes:
        verdict: The result.
        finding: What was found, as text.
        advice: What to do about it.
        facts: Further facts, under protobuf JSON names.
    """

    verdict: Verdict = Verdict.OK
    finding: str = ""
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def warn(self, finding: str, advice: str) -> None:
        """Record something that works but needs attention."""
        self.verdict, self.finding, self.advice = Verdict.WARNING, finding, advice


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """A finished check.

    Attributes:
        endpoint: The gateway that was checked.
        name: The name of the check.
        check: Its result.
        elapsed_ms: How long it took, in milliseconds; 0 if it was skipped.
    """

    endpoint: str
    name: str
    check: Check
    elapsed_ms: float


async def check_gateways(options: ClientOptions, settings: Sequence[Setting], output: Output) -> None:
    """Check each gateway of the options, whatever the results of the others. The settings are what they consist of.

    Raises:
        MxGatewayError: The error of the first check that failed.
    """
    printer = Printer(output, _RESULTS)
    gateways = options.by_endpoint()
    failures: list[MxGatewayError] = []
    for each in gateways:
        if len(gateways) > 1 and output.format in _LINE_FORMATS:
            output.line(each.endpoint, "bold")
        try:
            await Doctor(each, settings, output, printer).run()
        except MxGatewayError as error:
            failures.append(error)
    if failures:
        raise failures[0]


class Doctor:
    """Runs the checks of one gateway and prints their results."""

    def __init__(
        self, options: ClientOptions, settings: Sequence[Setting], output: Output, printer: Printer[CheckResult]
    ) -> None:
        self._options = options
        self._settings = settings
        self._output = output
        self._printer = printer
        self._finished: set[str] = set()
        self._answers = Answers()

    async def run(self) -> None:
        """Run the checks until one fails, print the rest as skipped, and close the session.

        The last check, of the contract, also runs after a failure if the gateway has answered.

        Raises:
            MxGatewayError: The error of the check that failed.
        """
        self._print_settings()
        try:
            await self._check_network()
            await self._check_gateway()
        except MxGatewayError as error:
            self._answers.add_failure(error)
            self._skip_remaining_checks()
            self._print_contract()
            raise
        self._print_contract()
        if self._answers.problem:
            raise MxGatewayProtocolError(self._answers.problem).with_hint(_CONTRACT_ADVICE)

    def _print_settings(self) -> None:
        check = Check(finding=", ".join(map(str, self._settings)))
        check.facts["settings"] = [asdict(setting) for setting in self._settings]
        self._print("settings", check, None)

    def _print_contract(self) -> None:
        """Print whether the gateway's answers have the fields of our contract."""
        check, answers = Check(), self._answers
        unknown = f"unknown fields {', '.join(answers.unknown)}" if answers.unknown else ""
        if answers.problem:
            check.verdict, check.advice = Verdict.FAILED, _CONTRACT_ADVICE
            check.finding = "; ".join(filter(None, (answers.problem, unknown)))
        elif unknown:
            check.warn(unknown, _CONTRACT_ADVICE)
        elif answers.count:
            check.finding = f"{answers.count} answers have the fields that mxgw-py knows"
        else:
            check.verdict = Verdict.SKIPPED
        for key, found in (("missingFields", answers.missing), ("unknownFields", answers.unknown)):
            if found:
                check.facts[key] = list(found)
        self._print("contract", check, None)

    def _skip_remaining_checks(self) -> None:
        for name in CHECKS[:-1]:
            if name not in self._finished:
                self._print(name, Check(verdict=Verdict.SKIPPED), None)

    async def _check_network(self) -> None:
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
                check.warn("plaintext as requested, nothing is encrypted", "set up TLS if others share the network")
            else:
                self._check_certificate(check, report)

    async def _check_gateway(self) -> None:
        options = self._options
        async with self._check("key") as check:
            client = await GatewayClient.connect(options)
            client.observe_replies(self._answers.add)
            check.finding = "the gateway accepts the key"
            if client.serves_only_galaxy:
                check.finding = "the server accepts the key, but serves only the Galaxy"
        only_galaxy = client.serves_only_galaxy or options.services == "galaxy"
        async with client:
            async with self._check("scopes") as check:
                await _check_scopes(client, check, only_galaxy=only_galaxy)
            async with self._check("galaxy") as check:
                await _check_galaxy(client, check, self._output.zone, required=only_galaxy)
            if options.services == "galaxy":
                self._skip_remaining_checks()
                return
            # Closing the client also closes the session, whatever the result of the checks.
            session = await self._open_session(client)
            async with self._check("worker") as check:
                await session.ping()
                info = await session.get_worker_info()
                check.finding = f"process {info.worker_process_id} responds"
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
                # The session was opened and closed again; only its protocol version is wrong.
                session = error
                check.finding = "opened, then closed because of its protocol version"
            else:
                check.finding = session.session_id
                check.facts["sessionId"] = session.session_id
        async with self._check("protocol-version") as check:
            if isinstance(session, MxGatewayVersionError):
                raise session
            check.finding = f"{session.info.gateway_protocol_version}, supported by this client"
            check.facts["gatewayProtocolVersion"] = session.info.gateway_protocol_version
        return session

    def _check_certificate(self, check: Check, report: TlsReport) -> None:
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
            f"{report.tls_version}, certificate for {names} issued by {certificate.issuer}, valid from "
            f"{_day(certificate.not_before)} to {_day(end)}, SHA-256 fingerprint {certificate.fingerprint}"
        )
        check.finding = finding
        if report.problem is not None:
            raise MxGatewayTransportError("the gateway's certificate is not trusted").with_hint(report.problem)
        if report.first_use:
            check.warn(
                finding, "the gateway is not known yet: compare the fingerprint with the one shown on the gateway"
            )
        if end is not None and end - datetime.now(UTC) < _EXPIRY_WARNING:
            check.warn(finding, f"the certificate expires on {_day(end)}: install a new one on the gateway")

    @asynccontextmanager
    async def _check(self, name: str) -> AsyncGenerator[Check]:
        check = Check()
        start = time.perf_counter()
        try:
            with self._output.spinner(name):
                yield check
        except MxGatewayError as error:
            self._fail(name, check, error, start)
            raise
        self._print(name, check, start)

    def _fail(self, name: str, check: Check, error: MxGatewayError, start: float) -> None:
        check.verdict = Verdict.FAILED
        failure = describe_gateway_error(error)
        message = " ".join((failure.message if failure else str(error)).split())
        problem, _, advice = message.partition(" -> ")
        check.finding = f"{problem}; {check.finding}" if check.finding else problem
        check.advice = advice
        self._print(name, check, start)

    def _print(self, name: str, check: Check, start: float | None) -> None:
        self._finished.add(name)
        elapsed = 0.0 if start is None else (time.perf_counter() - start) * 1000
        result = CheckResult(endpoint=self._options.endpoint, name=name, check=check, elapsed_ms=round(elapsed, 3))
        self._printer.print(result)
        if check.advice and self._output.format in _LINE_FORMATS:
            self._output.line(f"{'':<26}-> {check.advice}", _STYLES[check.verdict])


def _line(result: CheckResult, _: Zone) -> str:
    check = result.check
    word = check.verdict.value.upper() if check.verdict is Verdict.FAILED else check.verdict.value
    return f"{word:<8}{result.name:<18}{check.finding}".rstrip()


def _record(result: CheckResult) -> dict[str, Any]:
    check = result.check
    record = {
        "endpoint": result.endpoint,
        "check": result.name,
        "verdict": check.verdict.value,
        "elapsedMs": result.elapsed_ms,
    }
    texts = {key: text for key, text in (("finding", check.finding), ("advice", check.advice)) if text}
    return {**record, **texts, **check.facts}


_STYLES: Mapping[Verdict, str] = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.SKIPPED: "dim",
}

_RESULTS: Final[Layout[CheckResult]] = Layout(
    columns=tuple(Column(name=name) for name in ("endpoint", "check", "verdict", "elapsed ms", "finding", "advice")),
    cells=lambda result: (
        result.endpoint,
        result.name,
        result.check.verdict.value,
        result.elapsed_ms,
        result.check.finding,
        result.check.advice,
    ),
    line=_line,
    values=lambda result: (result.check.verdict.value,),
    record=_record,
    style=lambda result: _STYLES[result.check.verdict],
)


async def _check_scopes(client: GatewayClient, check: Check, *, only_galaxy: bool) -> None:
    """Determine the scopes of the key with calls to a session that does not exist, so nothing can happen."""
    unused = client.attach_session(_UNUSED_SESSION_ID)
    probes: dict[str, Callable[[], Awaitable[object]]] = {
        "session:close": unused.close,
        "invoke:read": unused.ping,
        "invoke:write": lambda: unused.write(0, 0, None),
        "invoke:secure": lambda: unused.write_secured(0, 0, 0, 0, None),
        "events:read": lambda: unused.drain_events(1),
        "metadata:read": client.galaxy.test_connection,
    }
    required = _REQUIRED_SCOPES
    if only_galaxy:
        required = ("metadata:read",)
        probes = {scope: probe for scope, probe in probes.items() if scope in required}
    refusals: dict[str, MxGatewayAuthorizationError] = {}
    for scope, probe in probes.items():
        refusal = await _refusal(probe)
        if refusal is not None:
            refusals[scope] = refusal
    check.facts["scopes"] = {scope: scope not in refusals for scope in probes}
    for scope in required:
        if scope in refusals:
            check.finding = f"the key lacks {scope}"
            raise refusals[scope]
    granted = ", ".join(scope for scope in probes if scope not in refusals)
    if refusals:
        uses = "; ".join(f"{scope} to {_SCOPE_USES[scope]}" for scope in refusals)
        check.warn(f"the key has {granted}, but not {', '.join(refusals)}", f"grant these scopes if needed: {uses}")
    else:
        check.finding = f"the key has {granted}"


async def _check_galaxy(client: GatewayClient, check: Check, zone: Zone, *, required: bool) -> None:
    """Check how current the gateway's copy of the Galaxy is. Sessions work without it: some failures are warnings."""
    try:
        status = await client.galaxy.status(timeout=min(_GALAXY_TIMEOUT_SECONDS, client.options.timeout))
    except MxGatewayAuthorizationError:
        check.warn("not checked: the key lacks metadata:read", "grant this scope if programs browse the Galaxy")
        return
    except MxGatewayError as error:
        if required or not isinstance(error, MxGatewayProtocolError | MxGatewayServerError):
            raise
        check.warn(f"the Galaxy cannot be browsed: {error.summary}", error.hint or "check the gateway's version")
        return
    check.finding = galaxy_status_text(status, zone)
    check.facts["galaxy"] = galaxy_status_record(status)
    if not status.loaded or status.may_be_outdated:
        check.warn(check.finding, "check the gateway's connection to the Galaxy's database, and its log")


async def _refusal(probe: Callable[[], Awaitable[object]]) -> MxGatewayAuthorizationError | None:
    """Return the error of a call if it was refused for a missing scope, or None if the key has the scope."""
    try:
        await probe()
    except MxGatewayAuthorizationError as error:
        return error
    except (MxGatewayTransportError, MxGatewayTimeoutError):
        raise
    except MxGatewayError:
        # The gateway checked the scope first and then rejected the session id.
        return None
    return None


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else moment.date().isoformat()

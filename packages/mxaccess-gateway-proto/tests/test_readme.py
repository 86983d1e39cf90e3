"""The snippet of the README runs unchanged."""

import re
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc

README = Path(__file__).resolve().parents[1] / "README.md"
KEY = "mxgw_test_made-up_secret"


class Gateway(pb_grpc.MxAccessGatewayServicer):
    """Opens and closes one session if the key is right."""

    def __init__(self, status: pb.ProtocolStatus) -> None:
        self.status = status
        self.closed: list[str] = []

    def OpenSession(self, request: pb.OpenSessionRequest, context: Any) -> pb.OpenSessionReply:  # noqa: N802
        self.check(context, request.client_correlation_id)
        return pb.OpenSessionReply(session_id="session-1", protocol_status=self.status)

    def CloseSession(self, request: pb.CloseSessionRequest, context: Any) -> pb.CloseSessionReply:  # noqa: N802
        self.check(context, request.client_correlation_id)
        self.closed.append(request.session_id)
        return pb.CloseSessionReply(session_id=request.session_id)

    def check(self, context: Any, correlation_id: str) -> None:
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {KEY}" or not correlation_id:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "key or correlation id is missing")


@pytest.fixture
def snippet() -> dict[str, Any]:
    """The names that the README's Python defines."""
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, str(README), "exec"), names)  # noqa: S102  # the test is to run it
    return names


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[tuple[Gateway, str]]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    servicer = Gateway(getattr(request, "param", pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK)))
    pb_grpc.add_MxAccessGatewayServicer_to_server(servicer, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield servicer, f"localhost:{port}"
    server.stop(grace=None).wait()


def test_snippet_opens_and_closes_a_session(snippet: dict[str, Any], gateway: tuple[Gateway, str]) -> None:
    servicer, endpoint = gateway

    assert snippet["open_and_close"](endpoint, KEY) == "session-1"
    assert servicer.closed == ["session-1"]


@pytest.mark.parametrize(
    "gateway",
    [pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE, message="no worker started")],
    ids=["refused"],
    indirect=True,
)
def test_snippet_raises_the_reason_of_a_refusal(snippet: dict[str, Any], gateway: tuple[Gateway, str]) -> None:
    servicer, endpoint = gateway

    with pytest.raises(RuntimeError, match="no worker started"):
        snippet["open_and_close"](endpoint, KEY)
    assert servicer.closed == []


def test_readme_names_every_module_and_service() -> None:
    text = README.read_text(encoding="utf-8")

    for name in (
        "mxaccess_gateway_pb2",
        "mxaccess_gateway_pb2_grpc",
        "galaxy_repository_pb2",
        "galaxy_repository_pb2_grpc",
        "mxaccess_gateway.v1.MxAccessGateway",
        "galaxy_repository.v1.GalaxyRepository",
    ):
        assert f"`{name}`" in text

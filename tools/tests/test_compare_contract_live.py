"""compare_contract with a running server, over real sockets."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any, TypeVar, cast

import compare_contract
import grpc
import pytest
import trustme
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2

KEY = "mxgw_test_made-up_secret"
VERSIONS = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
Serve = Callable[..., str]
Request = TypeVar("Request")
Response = TypeVar("Response")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that starts a gRPC server on loopback and returns HOST:PORT."""
    servers: list[grpc.Server] = []

    def start(
        *handlers: grpc.GenericRpcHandler,
        interceptors: Sequence[grpc.ServerInterceptor] = (),
        credentials: grpc.ServerCredentials | None = None,
    ) -> str:
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), interceptors=list(interceptors))
        server.add_generic_rpc_handlers(handlers)
        address = "localhost:0"
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
        server.start()
        servers.append(server)
        return f"localhost:{port}"

    yield start
    for server in servers:
        server.stop(grace=None).wait()


def reflecting(version: str, pool: descriptor_pool.DescriptorPool | None = None) -> grpc.GenericRpcHandler:
    """Return server reflection as grpc's own package serves it, under the name of either version."""
    servicer = reflection.ReflectionServicer(compare_contract.SERVICES, pool=pool)
    # The stub has no return type.
    behaviour = cast("Callable[..., object]", servicer.ServerReflectionInfo)  # pyright: ignore[reportUnknownMemberType]
    return answering(version, behaviour)


def answering(version: str, behaviour: Callable[..., object]) -> grpc.GenericRpcHandler:
    handler = grpc.stream_stream_rpc_method_handler(
        behaviour,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(f"{version}.ServerReflection", {"ServerReflectionInfo": handler})


class KeyRequired(grpc.ServerInterceptor):
    """Refuses calls as a gateway does: UNAUTHENTICATED without the key, PERMISSION_DENIED without the scope."""

    def __init__(self, *, scope_missing: bool = False) -> None:
        self.scope_missing = scope_missing

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Request, Response] | None"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Request, Response] | None":
        metadata = dict(handler_call_details.invocation_metadata)
        if metadata.get("authorization") != f"Bearer {KEY}":
            return refusing(grpc.StatusCode.UNAUTHENTICATED, "invalid API key")
        if self.scope_missing:
            return refusing(grpc.StatusCode.PERMISSION_DENIED, "scope metadata:read is missing")
        return continuation(handler_call_details)


def refusing(code: grpc.StatusCode, details: str) -> "grpc.RpcMethodHandler[Any, Any]":
    def refuse(_requests: object, context: grpc.ServicerContext) -> Iterator[object]:
        yield from ()
        context.abort(code, details)

    return grpc.stream_stream_rpc_method_handler(refuse)


def one_line_error(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line.removeprefix("compare_contract: ")


@pytest.fixture
def ca(tmp_path: Path) -> tuple[trustme.CA, Path]:
    authority = trustme.CA()
    path = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(str(path))
    return authority, path


def server_credentials(authority: trustme.CA, name: str = "localhost") -> grpc.ServerCredentials:
    certificate = authority.issue_cert(name)
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    return grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])


@pytest.mark.parametrize("version", VERSIONS)
def test_server_with_our_contract_has_no_difference(
    version: str, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(reflecting(version))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert capsys.readouterr() == ("", "compare_contract: no differences\n")
    assert status == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_server_with_another_contract_has_differences(
    version: str, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(reflecting(version, pool_with_another_number()))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert capsys.readouterr().out.splitlines() == [
        "field galaxy_repository.v1.TestConnectionReply.ok: number 1 here, 7 there"
    ]
    assert status == 1


def pool_with_another_number() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(name: str) -> None:
        if name in added:
            return
        added.add(name)
        file = descriptor_pb2.FileDescriptorProto()
        descriptor_pool.Default().FindFileByName(name).CopyToProto(file)
        for dependency in file.dependency:
            add(dependency)
        for changed in (message for message in file.message_type if message.name == "TestConnectionReply"):
            changed.field[0].number = 7
        pool.Add(file)

    for file in compare_contract.OUR_FILES:
        add(file.name)
    return pool


def test_missing_galaxy_service_is_one_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    pool = descriptor_pool.DescriptorPool()
    gateway = descriptor_pb2.FileDescriptorProto()
    compare_contract.OUR_FILES[0].CopyToProto(gateway)
    for name in (*gateway.dependency, gateway.name):
        file = descriptor_pb2.FileDescriptorProto()
        descriptor_pool.Default().FindFileByName(name).CopyToProto(file)
        pool.Add(file)
    endpoint = serve(reflecting(VERSIONS[0], pool))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert capsys.readouterr().out == "package galaxy_repository.v1: missing there\n"
    assert status == 1


def test_tls_is_the_default_and_the_ca_file_is_trusted(
    serve: Serve, ca: tuple[trustme.CA, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    authority, path = ca
    endpoint = serve(reflecting(VERSIONS[0]), credentials=server_credentials(authority))

    assert compare_contract.main(["--endpoint", endpoint, "--ca-file", str(path)]) == 0
    assert compare_contract.main(["--endpoint", endpoint]) == 2
    assert "UNAVAILABLE: is the address right, does it serve TLS" in capsys.readouterr().err


def test_certificate_may_have_the_overridden_name(
    serve: Serve, ca: tuple[trustme.CA, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    authority, path = ca
    endpoint = serve(reflecting(VERSIONS[0]), credentials=server_credentials(authority, "gateway.plant"))
    arguments = ["--endpoint", endpoint, "--ca-file", str(path)]

    assert compare_contract.main([*arguments, "--server-name-override", "gateway.plant"]) == 0
    capsys.readouterr()
    assert compare_contract.main(arguments) == 2
    assert "UNAVAILABLE" in one_line_error(capsys)


@pytest.mark.parametrize("arguments", [[], ["--api-key-env", "PLANT_KEY"]], ids=["default variable", "named variable"])
def test_key_from_the_environment_is_sent(
    arguments: Sequence[str], serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(arguments[-1] if arguments else "MXGATEWAY_API_KEY", f"{KEY}\n")
    endpoint = serve(reflecting(VERSIONS[0]), interceptors=[KeyRequired()])

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext", *arguments])

    assert (status, capsys.readouterr().out) == (0, "")


def test_missing_key_has_a_hint(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MXGATEWAY_API_KEY", raising=False)
    endpoint = serve(reflecting(VERSIONS[0]), interceptors=[KeyRequired()])

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == (
        f"{endpoint}: UNAUTHENTICATED: set a key in the environment and name the variable with --api-key-env "
        "(invalid API key)"
    )


def test_wrong_key_is_refused_and_not_shown(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", "mxgw_test_another_secret")
    endpoint = serve(reflecting(VERSIONS[0]), interceptors=[KeyRequired()])

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == (
        f"{endpoint}: UNAUTHENTICATED: the server does not accept the key (invalid API key)"
    )


def test_key_without_the_scope_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", KEY)
    endpoint = serve(reflecting(VERSIONS[0]), interceptors=[KeyRequired(scope_missing=True)])

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == (
        f"{endpoint}: PERMISSION_DENIED: the key may not use server reflection (scope metadata:read is missing)"
    )


def test_named_variable_must_be_set(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PLANT_KEY", raising=False)

    status = compare_contract.main(["--endpoint", "localhost:5000", "--plaintext", "--api-key-env", "PLANT_KEY"])

    assert status == 2
    assert one_line_error(capsys) == "the environment variable PLANT_KEY of --api-key-env is not set"


@pytest.mark.parametrize("key", ["mxgw_a_sec\nret", "mxgw_a_secrèt"], ids=["line break", "accent"])
def test_key_with_invalid_characters_is_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", key)

    status = compare_contract.main(["--endpoint", "localhost:5000", "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == "the key in MXGATEWAY_API_KEY contains invalid characters"


def test_server_without_reflection_has_a_hint(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = serve()

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == f"{endpoint} does not support server reflection: compare with --descriptor-set"


def test_server_of_another_product_is_one_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = serve(reflecting(VERSIONS[0], descriptor_pool.DescriptorPool()))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == (
        f"{endpoint} contains neither mxaccess_gateway.v1 nor galaxy_repository.v1: is it a gateway?"
    )


def test_silent_server_times_out(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    silence = threading.Event()

    def say_nothing(_requests: object, context: grpc.ServicerContext) -> Iterator[object]:
        context.add_callback(silence.set)
        silence.wait()
        yield from ()

    endpoint = serve(answering(VERSIONS[0], say_nothing))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext", "--timeout", "0.2"])

    assert status == 2
    assert one_line_error(capsys).startswith(f"{endpoint}: DEADLINE_EXCEEDED: no answer within 0.2 s (")


def test_invalid_descriptor_is_one_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def babble(requests: Iterator[object], _context: object) -> Iterator[object]:
        for _ in requests:
            files = reflection_pb2.FileDescriptorResponse(file_descriptor_proto=[b"\xff"])
            yield reflection_pb2.ServerReflectionResponse(file_descriptor_response=files)

    endpoint = serve(answering(VERSIONS[0], babble))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == f"{endpoint} sent an invalid file descriptor"


def test_refused_file_is_one_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(requests: Iterator[object], _context: object) -> Iterator[object]:
        for _ in requests:
            error = reflection_pb2.ErrorResponse(error_code=13, error_message="no descriptors loaded")
            yield reflection_pb2.ServerReflectionResponse(error_response=error)

    endpoint = serve(answering(VERSIONS[0], refuse))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == f"{endpoint} cannot send its contract: no descriptors loaded"


def test_missing_response_is_one_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def end(_requests: object, _context: object) -> Iterator[object]:
        yield from ()

    endpoint = serve(answering(VERSIONS[0], end))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys) == f"{endpoint} sent 0 responses to one reflection request"


def test_closed_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    # Nothing listens on port 1 (tcpmux) of loopback, and it is never assigned to a test.
    status = compare_contract.main(["--endpoint", "localhost:1", "--plaintext"])

    assert status == 2
    assert one_line_error(capsys).startswith("localhost:1: UNAVAILABLE: is the address right")


def test_plaintext_to_a_tls_port_is_one_line(
    serve: Serve, ca: tuple[trustme.CA, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(reflecting(VERSIONS[0]), credentials=server_credentials(ca[0]))

    status = compare_contract.main(["--endpoint", endpoint, "--plaintext"])

    assert status == 2
    assert one_line_error(capsys).startswith(f"{endpoint}: UNAVAILABLE: ")


def test_foreign_certificate_is_one_line_in_a_program(
    serve: Serve, ca: tuple[trustme.CA, Path], tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.crt"
    trustme.CA().cert_pem.write_to_path(str(foreign))
    endpoint = serve(reflecting(VERSIONS[0]), credentials=server_credentials(ca[0]))
    program = [sys.executable, compare_contract.__file__ or ""]

    finished = subprocess.run(
        [*program, "--endpoint", endpoint, "--ca-file", str(foreign)], capture_output=True, text=True, check=False
    )

    assert (finished.returncode, finished.stdout) == (2, "")
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"compare_contract: {endpoint}: UNAVAILABLE: ")
    assert "--ca-file" in line


def test_ca_file_is_checked_before_connecting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary = tmp_path / "ca.der"
    binary.write_bytes(b"\x30\x82")
    nowhere = tmp_path / "nowhere.crt"

    assert compare_contract.main(["--endpoint", "localhost:5001", "--ca-file", str(binary)]) == 2
    assert one_line_error(capsys) == f"the CA file {binary} contains no PEM certificate"
    assert compare_contract.main(["--endpoint", "localhost:5001", "--ca-file", str(nowhere)]) == 2
    assert one_line_error(capsys) == f"cannot read the CA file {nowhere}: No such file or directory"

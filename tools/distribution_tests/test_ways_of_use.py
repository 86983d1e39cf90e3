"""The three ways to use the packages, each with built wheels in a fresh environment outside the clone."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.metadata import Metadata

pytestmark = pytest.mark.timeout(180)  # the first time, they download

ROOT = Path(__file__).resolve().parents[2]

ROUND_TRIP = """
from mxaccess_gateway.v1 import mxaccess_gateway_pb2
from mxaccess_gateway.v1 import galaxy_repository_pb2_grpc, mxaccess_gateway_pb2_grpc

request = mxaccess_gateway_pb2.MxCommandRequest(session_id="session-1")
request.command.kind = mxaccess_gateway_pb2.MX_COMMAND_KIND_REGISTER
request.command.register.client_name = "alone"
assert mxaccess_gateway_pb2.MxCommandRequest.FromString(request.SerializeToString()) == request
assert mxaccess_gateway_pb2_grpc.MxAccessGatewayStub and galaxy_repository_pb2_grpc.GalaxyRepositoryStub
print("alone")
"""

# Starts a simulated gateway and runs the snippet in its own process.
BESIDE_A_GATEWAY = """
import asyncio, os, sys
from mxgateway.testing import SimulatedGateway

async def main():
    async with SimulatedGateway() as gateway:
        told = {"MXGATEWAY_ENDPOINT": gateway.endpoint, "MXGATEWAY_API_KEY": gateway.api_key}
        snippet = await asyncio.create_subprocess_exec(sys.executable, sys.argv[1], env=os.environ | told)
        return await snippet.wait()

sys.exit(asyncio.run(main()))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment that does not contain this project."""

    home: Path

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self.home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def run(self, *arguments: str | Path, **variables: str) -> str:
        """Run its Python and return the output; fail with the output if the exit status is not 0."""
        return succeed([self.python, *arguments], cwd=self.home, variables=variables)

    def installed(self) -> set[str]:
        """Return the names of the installed distributions."""
        said = succeed(["uv", "pip", "list", "--quiet", "--format", "freeze", "--python", self.python], cwd=self.home)
        return {line.partition("==")[0].partition(" @")[0] for line in said.splitlines() if line}


def succeed(command: Sequence[str | Path], *, cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """Run a command and return its standard output; fail if the exit status is not 0."""
    # Variables for the tools of this project must not reach a user's environment.
    hidden = ("HATCH", "MXGATEWAY", "PIPX", "PYTHON", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    finished = subprocess.run(
        command, cwd=cwd, env=environment | dict(variables or {}), capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        shown = " ".join(map(str, command))
        pytest.fail(f"{shown}\nexit status {finished.returncode}\n{finished.stdout}{finished.stderr}", pytrace=False)
    return finished.stdout


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A fresh environment, with pip."""
    succeed(["uv", "venv", "--quiet", "--seed", "--python", sys.executable, tmp_path / "environment"], cwd=tmp_path)
    return Environment(tmp_path / "environment")


def floors(wheel: Path) -> list[str]:
    """Return pins to the oldest allowed version of each requirement of the wheel, on this Python."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        requirements = Metadata.from_email(archive.read(name)).requires_dist or []
    return [
        f"{requirement.name}=={specifier.version}"
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
        for specifier in requirement.specifier
        if specifier.operator == ">="
    ]


@pytest.mark.parametrize("versions", ["floor", "newest"])
def test_generated_code_works_alone(environment: Environment, wheels: Mapping[str, Path], versions: str) -> None:
    pins = floors(wheels["proto"]) if versions == "floor" else []
    before = environment.installed()

    environment.run("-m", "pip", "install", "--quiet", wheels["proto"], *pins)

    assert environment.run("-W", "error", "-c", ROUND_TRIP).strip() == "alone"
    needed_by_grpcio = {"typing-extensions"}
    assert environment.installed() - before - needed_by_grpcio == {"grpcio", "mxaccess-gateway-proto", "protobuf"}


def test_first_snippet_of_the_client_readme_runs_unchanged(
    environment: Environment, wheels: Mapping[str, Path], these_wheels: Path, tmp_path: Path
) -> None:
    readme = (ROOT / "packages" / "mxaccess-gateway-client" / "README.md").read_text(encoding="utf-8")
    snippet = tmp_path / "snippet.py"
    snippet.write_text(readme.partition("```python\n")[2].partition("```")[0], encoding="utf-8")

    environment.run("-m", "pip", "install", "--quiet", "--constraint", these_wheels, wheels["client"])

    assert "TestChildObject.TestInt is " in environment.run("-c", BESIDE_A_GATEWAY, snippet)


def test_command_line_works_when_installed_by_pipx(
    wheels: Mapping[str, Path], these_wheels: Path, tmp_path: Path
) -> None:
    home = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    install = [sys.executable, "-m", "pipx", "install", "--quiet", "--python", sys.executable]
    constraint = f"--pip-args=--constraint {these_wheels.as_posix()}"
    succeed([*install, constraint, wheels["cli"]], cwd=tmp_path, variables=home)
    mxgw_py = tmp_path / "bin" / ("mxgw-py.exe" if os.name == "nt" else "mxgw-py")

    version = succeed([mxgw_py, "version"], cwd=tmp_path)
    smoke = succeed([mxgw_py, "smoke", "--simulate"], cwd=tmp_path)

    assert wheels["cli"].name.split("-")[1] in version
    assert "TestChildObject.TestInt" in smoke

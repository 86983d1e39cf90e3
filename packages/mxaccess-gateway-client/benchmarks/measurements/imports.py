"""Measure the CPU time of imports, each in a new interpreter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import Final

from comparison import Comparison, Plan, at_most
from processes import Figures

_GENERATED: Final = "mxaccess_gateway.v1.{0}_pb2, mxaccess_gateway.v1.{0}_pb2_grpc"
_RAW: Final = f"import grpc.aio, {_GENERATED.format('mxaccess_gateway')}, {_GENERATED.format('galaxy_repository')}"
_OURS: Final = {
    "import mxgateway": at_most(1.1),
    "from mxgateway import GatewayClient": at_most(1.1),
    "from mxgateway import GatewayClient, Session, TagClient": None,
    "from mxgateway import *": None,
}
# CPU time, which does not depend on other load.
_TIMED: Final = "import time; began = time.process_time(); {}; print(time.process_time() - began)"
_REPEATS: Final = 5


def measure(plan: Plan) -> Iterator[Comparison]:
    with TemporaryDirectory() as folder:
        # Both sides import from bytecode, as after an installation.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for statement in (_RAW, *_OURS):
            _import_seconds(statement, environment)
        repeats = plan.count(_REPEATS)
        for statement, target in _OURS.items():
            ours = partial(_median_import, statement, environment, repeats)
            rounds = plan.run_rounds(partial(_median_import, _RAW, environment, repeats), ours)
            what = f"`{statement}`, compared with grpc.aio and the generated code"
            yield Comparison.of(what, "CPU ms", "ms", rounds, target)


def _median_import(statement: str, environment: dict[str, str], repeats: int) -> Figures:
    return {"ms": statistics.median(_import_seconds(statement, environment) for _ in range(repeats)) * 1000}


def _import_seconds(statement: str, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", _TIMED.format(statement)]
    return float(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)

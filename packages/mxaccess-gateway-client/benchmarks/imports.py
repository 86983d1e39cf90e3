"""What importing costs, each time in a fresh interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Final

from comparison import Comparison, Plan, at_most
from processes import Figures

_RAW: Final = "import grpc.aio, mxaccess_gateway.v1.mxaccess_gateway_pb2_grpc"
_OURS: Final = ("import mxgateway", "from mxgateway import GatewayClient")
_TIMED: Final = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
_TIMES: Final = 5


def measure(plan: Plan) -> Iterator[Comparison]:
    for statement in _OURS:
        duels = plan.duels(partial(_imported, _RAW), partial(_imported, statement))
        what = f"`{statement}`, beside grpc.aio and the generated code"
        yield Comparison.of(what, "ms", "ms", duels, at_most(1.1))


def _imported(statement: str) -> Figures:
    command = [sys.executable, "-c", _TIMED.format(statement)]
    taken = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(_TIMES)]
    return {"ms": statistics.median(taken) * 1000}

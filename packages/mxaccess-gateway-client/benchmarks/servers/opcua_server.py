"""An OPC UA server of asyncua with integer variables."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import sys
from collections.abc import Sequence

from asyncua import ua
from asyncua.server.server import Server

# All variables change once in this time. If they changed more often, asyncua would hardly send anything.
_CHANGE_SECONDS = 0.01


async def serve(nodes: int, *, changing: bool = False) -> None:
    """Serve until the input ends. If `changing` is set, all variables change as fast as they are delivered."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    namespace = await server.register_namespace("urn:benchmark")
    variables: list[ua.NodeId] = []
    for number in range(nodes):
        name = f"Tag{number:05d}"
        node_id = ua.NodeId(ua.String(name), ua.Int16(namespace))
        variable = await server.nodes.objects.add_variable(node_id, name, 0, ua.VariantType.Int64)
        await variable.set_writable()
        variables.append(node_id)
    async with server:
        node_ids = [node_id.to_string() for node_id in variables]
        print(json.dumps({"url": f"opc.tcp://127.0.0.1:{port}/", "node_ids": node_ids}), flush=True)
        changes = asyncio.create_task(_change_variables(server, variables)) if changing else None
        await asyncio.to_thread(sys.stdin.read)
        if changes is not None:
            changes.cancel()


async def _change_variables(server: Server, variables: Sequence[ua.NodeId]) -> None:
    for value in itertools.count(1):
        for node_id in variables:
            await server.write_attribute_value(node_id, ua.DataValue(ua.Variant(value, ua.VariantType.Int64)))
        await asyncio.sleep(_CHANGE_SECONDS)

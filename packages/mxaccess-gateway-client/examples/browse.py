"""Show the Galaxy as a tree, level by level: python browse.py [levels [object]].

Children are requested page by page while they are printed, so memory use does not depend on the size of the Galaxy.
"""

import asyncio
import sys

from mxgateway import ClientOptions, Galaxy, GalaxyObject, GatewayClient


async def show(galaxy: Galaxy, parent: GalaxyObject | str | None, levels: int, indent: str = "") -> None:
    async for child in galaxy.browse_children(parent):
        kind = "area" if child.is_area else next(iter(child.template_chain), "object")
        print(f"{indent}{child.tag_name} ({kind})")
        for attribute in child.attributes:
            print(f"{indent}  .{attribute.attribute_name}  {attribute.data_type_name}{'[]' * attribute.is_array}")
        if child.has_children and levels > 1:
            await show(galaxy, child, levels - 1, indent + "  ")


async def main(levels: int, root: str | None) -> None:
    async with GatewayClient.connect(ClientOptions.from_env()) as client:
        print(f"deployed {await client.galaxy.last_deploy_time()}")
        await show(client.galaxy, root, levels)


asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 2, sys.argv[2] if sys.argv[2:] else None))

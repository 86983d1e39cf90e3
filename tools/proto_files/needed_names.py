"""Which names of the contract the client and the command line use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mxgateway.contract import Difference


def needed_names(differences: Iterable[Difference], sources: Iterable[Path]) -> Iterator[str]:
    """Yield one line for each name that only our contract has and that the code uses, with the files that use it.

    A name counts as used if the code contains it as a word: messages are also used by way of their fields' names.
    """
    words = {path: set(re.findall(r"\w+", path.read_text(encoding="utf-8"))) for path in sources}
    for difference in differences:
        if difference.there is None or difference.fact == "name":
            name = difference.name.rpartition(".")[2]
            files = sorted(_in_package(path) for path, used in words.items() if name in used)
            if files:
                yield f"{difference.kind} {difference.name}: used in {', '.join(files)}"


def _in_package(path: Path) -> str:
    """Return a source file as `mxgateway/client.py`."""
    return Path(*path.parts[path.parts.index("src") + 1 :]).as_posix()

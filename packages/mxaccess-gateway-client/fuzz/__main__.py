"""Fuzzes what the client makes of a gateway's words: replies, streams, events.

    python fuzz                        60 seconds, shared by all targets
    python fuzz --seconds 600          longer
    python fuzz --target events        one target
    python fuzz FILE ...               look at findings again: the name of a file begins with its target

It ends with status 1 at a finding, whose bytes are then in a file. Atheris guides the search by what code is reached;
where it can't be installed, Hypothesis varies the seeds without such a guide.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES: Final = ("replies", "streams", "events")
_LONGEST_INPUT: Final = 4096
# Of one input. What takes longer is a hang, what needs more is no bounded memory.
_SECONDS_EACH: Final = 10
_MEGABYTES: Final = 1024


def main() -> int:
    """Run what the command line says and give the exit status."""
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("findings", nargs="*", type=Path, metavar="FILE", help="bytes to look at again")
    parser.add_argument("--seconds", type=float, default=60, help="how long in all (default 60)")
    parser.add_argument("--target", action="append", choices=_NAMES, help="only this target; may be repeated")
    parser.add_argument("--seed", type=int, default=None, help="what the search begins with (default: the time)")
    parser.add_argument("--keep", type=Path, default=None, help="the folder for findings (default: a temporary one)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    # A client that says what went wrong says it a thousand times a second here.
    logging.disable()
    if options.findings:
        return _look_again(options.findings)
    folder: Path = options.keep or Path(tempfile.mkdtemp(prefix="mxgateway-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    targets: Sequence[str] = options.target or _NAMES
    seed: int = int(time.time()) if options.seed is None else options.seed
    if options.child:
        _search(targets[0], options.seconds, seed, folder)
        return 0
    failed = [each for each in targets if not _search_apart(each, options.seconds / len(targets), seed, folder)]
    for finding in sorted(folder.iterdir()):
        print(f"to look at it again: python tools/run.py fuzz {finding}")
    print(f"findings in {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


def _search_apart(target: str, seconds: float, seed: int, folder: Path) -> bool:
    """Search in a process of its own, which atheris never leaves but by ending it; gives whether nothing was found."""
    print(f"fuzzing {target} for {seconds:g} s, seed {seed}", flush=True)
    command = [sys.executable, __file__, "--child", "--target", target, "--seed", str(seed)]
    ended = subprocess.run([*command, "--seconds", str(seconds), "--keep", str(folder)], check=False)
    return ended.returncode == 0


def _search(target: str, seconds: float, seed: int, folder: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        from unguided import search  # noqa: PLC0415 - only where there is no atheris

        search(target, seconds, seed, folder)
        return
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["mxgateway"]):
        from seeds import SEEDS  # noqa: PLC0415 - atheris looks at what is imported here
        from targets import TARGETS  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as corpus:
        for index, data in enumerate(SEEDS[target]):
            (Path(corpus) / str(index)).write_bytes(data)
        arguments = {
            "max_total_time": max(1, round(seconds)),
            "max_len": _LONGEST_INPUT,
            "timeout": _SECONDS_EACH,
            "rss_limit_mb": _MEGABYTES,
            "seed": seed,
            "artifact_prefix": folder / f"{target}-",
            "print_final_stats": 1,
        }

        def look(data: bytes) -> None:
            try:
                TARGETS[target](data)
            except BaseException:
                # Under the name that libFuzzer gives it: it keeps what ends the process, but not on every machine.
                (folder / f"{target}-crash-{hashlib.sha1(data).hexdigest()}").write_bytes(data)  # noqa: S324
                raise

        atheris.Setup([sys.argv[0], *(f"-{name}={value}" for name, value in arguments.items()), corpus], look)
        atheris.Fuzz()


def _look_again(findings: Sequence[Path]) -> int:
    from targets import TARGETS  # noqa: PLC0415 - see _search

    for finding in findings:
        target, _, _ = finding.name.partition("-")
        if target not in TARGETS:
            print(f"{finding}: the name of a finding begins with its target: {', '.join(TARGETS)}", file=sys.stderr)
            return 2
        TARGETS[target](finding.read_bytes())
        print(f"{finding}: as promised")
    return 0


if __name__ == "__main__":
    sys.exit(main())

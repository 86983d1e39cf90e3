"""Fuzz the client's decoding of replies, streams and events.

    python fuzz                        60 seconds, shared by all targets
    python fuzz --seconds 600          longer
    python fuzz --target events        one target
    python fuzz FILE ...               replay saved findings; a file's name begins with its target

The exit status is 1 if there is a finding, whose bytes are then saved in a file. Atheris guides the search by code
coverage. Where it cannot be installed, Hypothesis varies the seeds without guidance.
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

_TARGETS: Final = ("replies", "streams", "events")
_MAX_INPUT_BYTES: Final = 4096
# An input that takes longer counts as a hang, one that needs more memory as unbounded.
_SECONDS_PER_INPUT: Final = 10
_MEMORY_MB: Final = 1024


def main() -> int:
    """Run the command line, and return the exit status."""
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("findings", nargs="*", type=Path, metavar="FILE", help="saved findings to replay")
    parser.add_argument("--seconds", type=float, default=60, help="total duration (default 60)")
    parser.add_argument("--target", action="append", choices=_TARGETS, help="only this target; may be repeated")
    parser.add_argument("--seed", type=int, default=None, help="seed of the random search (default: the time)")
    parser.add_argument("--keep", type=Path, default=None, help="folder for findings (default: a temporary one)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    # The client would log thousands of warnings per second.
    logging.disable()
    if options.findings:
        return _replay(options.findings)
    folder: Path = options.keep or Path(tempfile.mkdtemp(prefix="mxgateway-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    targets: Sequence[str] = options.target or _TARGETS
    seed: int = int(time.time()) if options.seed is None else options.seed
    if options.child:
        _search(targets[0], options.seconds, seed, folder)
        return 0
    seconds = options.seconds / len(targets)
    failed = [target for target in targets if not _search_in_process(target, seconds, seed, folder)]
    for finding in sorted(folder.iterdir()):
        print(f"to replay it: python tools/run.py fuzz {finding}")
    print(f"findings in {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


def _search_in_process(target: str, seconds: float, seed: int, folder: Path) -> bool:
    """Search in a separate process, because atheris ends its process; return whether nothing was found."""
    print(f"fuzzing {target} for {seconds:g} s, seed {seed}", flush=True)
    command = [sys.executable, __file__, "--child", "--target", target, "--seed", str(seed)]
    process = subprocess.run([*command, "--seconds", str(seconds), "--keep", str(folder)], check=False)
    return process.returncode == 0


def _search(target: str, seconds: float, seed: int, folder: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        from hypothesis_search import search  # noqa: PLC0415 - only where atheris is missing

        search(target, seconds, seed, folder)
        return
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["mxgateway"]):
        from seeds import SEEDS  # noqa: PLC0415 - atheris instruments what is imported here
        from targets import TARGETS  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as corpus:
        for index, data in enumerate(SEEDS[target]):
            (Path(corpus) / str(index)).write_bytes(data)
        arguments = {
            "max_total_time": max(1, round(seconds)),
            "max_len": _MAX_INPUT_BYTES,
            "timeout": _SECONDS_PER_INPUT,
            "rss_limit_mb": _MEMORY_MB,
            "seed": seed,
            "artifact_prefix": folder / f"{target}-",
            "print_final_stats": 1,
        }

        def run_target(data: bytes) -> None:
            try:
                TARGETS[target](data)
            except BaseException:
                # libFuzzer should save the input under this name, but does not do so on every machine.
                (folder / f"{target}-crash-{hashlib.sha1(data).hexdigest()}").write_bytes(data)  # noqa: S324
                raise

        atheris.Setup([sys.argv[0], *(f"-{name}={value}" for name, value in arguments.items()), corpus], run_target)
        atheris.Fuzz()


def _replay(findings: Sequence[Path]) -> int:
    from targets import TARGETS  # noqa: PLC0415 - see _search

    for finding in findings:
        target, _, _ = finding.name.partition("-")
        if target not in TARGETS:
            print(f"cannot replay {finding}: its name must begin with a target: {', '.join(TARGETS)}", file=sys.stderr)
            return 2
        TARGETS[target](finding.read_bytes())
        print(f"{finding}: passes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

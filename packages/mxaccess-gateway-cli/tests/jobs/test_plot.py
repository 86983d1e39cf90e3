"""Trends of recorded files and of live tags, as pictures and as lines."""

from __future__ import annotations

import asyncio
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from cli_support.command_line import Result, mxgw_py, succeed
from cli_support.recordings import at, change, status, take_trends, write_records
from cli_support.schemas import validate
from cli_support.svg import texts_of
from mxgateway.recording import AlarmRecord, CsvSink, JsonLinesSink, RecordKind, TagRecord
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

INT, STRING = "TestChildObject.TestInt", "TestChildObject.TestString"
DOCS = Path(__file__).resolve().parents[3] / "mxaccess-gateway-client" / "docs"
SVG_NAMESPACES = ("http://www.w3.org/", "http://purl.org/", "https://matplotlib.org/", "http://creativecommons.org/")


RECORDS = [
    *(change("A.Level", second, second * 1.5) for second in range(0, 40, 10)),
    *(change("A.Pump", second, second % 20 == 0) for second in range(0, 40, 10)),
    status(RecordKind.LOST, 40, "the gateway is away"),
    status(RecordKind.RESTORED, 60, "in a new session at g:1: changes since 40 were missed; the present values follow"),
    change("A.Level", 60, 5.0),
    change("A.Pump", 60, False),
    change("A.Level", 70, 6.0, quality=64),
    change("A.Level", 80, 7.0, quality=0),
]
TEXT = change("A.Name", 80, "seven")


@pytest.fixture
async def recording(tmp_path: Path) -> Path:
    """A recording of two tags with a gap of 20 seconds. Beside it is one that has a text too, `text.jsonl`."""
    for name, records in (("values", RECORDS), ("text", [*RECORDS, TEXT])):
        await write_records(JsonLinesSink(tmp_path / f"{name}.jsonl"), records)
    return tmp_path / "values.jsonl"


async def text_of(path: Path) -> str:
    """Return the text of a file."""
    return await asyncio.to_thread(path.read_text, "utf-8")


async def test_a_recorded_tag_is_a_line_with_its_trend_and_its_gap(recording: Path) -> None:
    result = await succeed("plot", recording, "--only", "A.Level")

    (line,) = result.stdout.splitlines()
    tag, bars, figures = line.split(" ", 2)
    assert tag == "A.Level"
    assert len(bars) == 40
    # From 40 to 60 of 80 seconds; the last value is bad.
    assert bars.strip("▁▂▃▄▅▆▇█") == "·" * 10 + "▂" * 9 + "x"
    assert bars.index("·") == 20
    assert bars[19] == "█"
    assert figures == (
        "min 0.0, max 45.0, last 7.0, changes 7, gaps 1, 2026-03-01T06:00:00.000Z to 2026-03-01T06:01:20.000Z, each 2 s"
    )


async def test_json_has_the_figures_of_each_trend(recording: Path) -> None:
    result = await succeed("plot", recording, "--json")

    level, pump = result.records
    for record in (level, pump):
        validate(record, "trend")
    assert (level["min"], level["max"], level["last"], level["gaps"], level["bad"]) == (0.0, 45.0, 7.0, 1, 1)
    assert (level["begin"], level["end"]) == ("2026-03-01T06:00:00Z", "2026-03-01T06:01:20Z")
    assert (pump["min"], pump["max"], pump["last"]) == (False, True, False)


async def test_a_tag_without_numbers_is_left_out_with_a_warning(recording: Path) -> None:
    result = await mxgw_py("plot", recording.with_name("text.jsonl"))

    assert (result.status, len(result.stdout.splitlines())) == (ExitStatus.GOOD, 2)
    assert "warning: not plotted, because they have no numbers: A.Name" in result.stderr


async def test_times_choose_what_is_plotted(recording: Path) -> None:
    chosen = ("--since", "2026-03-01T06:00:10Z", "--until", "2026-03-01T06:00:30Z", "--only", "A.Level")
    result = await succeed("plot", recording, *chosen, "--json")

    assert (result.record["changes"], result.record["min"], result.record["max"]) == (2, 15.0, 30.0)
    assert (result.record["begin"], result.record["end"]) == (chosen[1], chosen[3])


async def test_a_value_from_before_still_holds(recording: Path) -> None:
    """Also if nothing changes in the chosen time, but not across a time of which changes are missing."""
    chosen = ("--only", "A.Level", "--since", "2026-03-01T06:00:32Z", "--until", "2026-03-01T06:00:38Z")
    result = await succeed("plot", recording, *chosen, "--json")
    assert (result.record["changes"], result.record["last"]) == (0, 45.0)
    assert result.record["end"] == "2026-03-01T06:00:38Z"

    line = (await succeed("plot", recording, "--only", "A.Level", "--since", "2026-03-01T06:00:30Z")).stdout
    assert line.split()[1].startswith("█" * 8 + "·" * 16)
    late = ("--only", "A.Level", "--since", "2026-03-01T06:01:05Z")
    assert (await succeed("plot", recording, *late, "--json")).record["min"] == 5.0


async def plotted(folder: Path, *records: TagRecord) -> str:
    """Return the picture of records, as SVG."""
    await write_records(CsvSink(folder / "some.csv"), records)
    await succeed("plot", folder / "some.csv", "--to", folder / "some.svg")
    return await text_of(folder / "some.svg")


async def test_a_value_that_is_old_does_not_stretch_the_axis(tmp_path: Path) -> None:
    old = change("A.Setpoint", -900_000, 72.5)
    old.received_nanoseconds = at(0)
    svg = await plotted(tmp_path, old, *(change("A.Level", second, float(second)) for second in range(60)))

    for shown in ("06:00:20", "06:00:50", "2026-03-01"):
        assert f">{shown}</text>" in svg


async def test_a_connection_that_stays_lost_is_missing_until_the_end(tmp_path: Path) -> None:
    lost = status(RecordKind.LOST, 20, "the gateway is away")
    refused = status(RecordKind.REFUSED, 40, "unknown")
    svg = await plotted(tmp_path, change("A.Level", 0, 1.0), lost, refused)
    result = await succeed("plot", tmp_path / "some.csv", "--json")

    assert ">changes are missing</text>" in svg
    assert (result.record["gaps"], result.record["end"]) == (1, "2026-03-01T06:00:40Z")


async def test_numbers_of_one_attribute_share_a_diagram(tmp_path: Path) -> None:
    pairs = [("R_1.Temp", 70.0), ("R_2.Temp", 75.0), ("R_3.Temp", 9000.0), ("R_1.Count", 5), ("R_1.On", True)]
    records = [
        change(tag, second, value if isinstance(value, bool) else value + second * 5)
        for second in range(3)
        for tag, value in pairs
    ]
    svg = await plotted(tmp_path, *records)

    titles = [tag for tag in ("Temp", "R_1", "R_2", "R_3.Temp", "R_1.Count", "R_1.On") if f">{tag}</text>" in svg]
    # Alone, because beside 9000 the others would be flat.
    assert titles == ["Temp", "R_1", "R_2", "R_3.Temp", "R_1.Count", "R_1.On"]


def corners(svg: str) -> list[tuple[float, float]]:
    """Return the corners of the only line of a picture."""
    (path,) = (each for each in re.findall(r'<path d="([^"]*)"[^>]*stroke: #1f5fa8', svg) if each.count("L") > 1)
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] ([-0-9.]+) ([-0-9.]+)", path)]


async def test_a_setpoint_has_steps_and_a_measurement_has_slopes(tmp_path: Path) -> None:
    setpoint = corners(await plotted(tmp_path, *(change("A.B", second, second / 7) for second in (0, 30, 60))))
    assert all(before[0] == after[0] or before[1] == after[1] for before, after in pairwise(setpoint))

    (tmp_path / "some.csv").unlink()
    measured = [change("A.B", second, second / 7) for second in (*range(20), 80, *range(81, 100))]
    line = corners(await plotted(tmp_path, *measured))
    slopes = [after for before, after in pairwise(line) if before[0] != after[0] and before[1] != after[1]]
    # The long wait in the middle is a step.
    assert len(slopes) == len(measured) - 2


async def test_names_are_no_formulas_and_bad_values_without_a_number_are_marked(tmp_path: Path) -> None:
    name = "$A.<&x$"
    svg = await plotted(tmp_path, change(name, 0, 1.0), change(name, 5, None, quality=0), change(name, 9, 2.0))

    assert ">$A.&lt;&amp;x$</text>" in svg
    assert ">bad quality</text>" in svg


async def test_a_picture_is_made_by_its_suffix(recording: Path, tmp_path: Path) -> None:
    for suffix in ("png", "svg", "html"):
        picture = tmp_path / f"trend.{suffix}"
        result = await succeed("plot", recording, "--to", picture)
        assert result.stdout == f"{picture}: 2 trends\n"

    assert (await asyncio.to_thread((tmp_path / "trend.png").read_bytes)).startswith(b"\x89PNG")
    svg = await text_of(tmp_path / "trend.svg")
    for shown in ("A.Level", "A.Pump", "false", "true", "changes are missing", "uncertain quality", "bad quality"):
        assert f">{shown}</text>" in svg
    assert ">time in UTC</text>" in svg
    page = await text_of(tmp_path / "trend.html")
    assert "<title>A.Level, A.Pump</title>" in page
    assert ">changes are missing</text>" in page
    # Nothing is loaded from elsewhere.
    for part in page.replace("https://", "http://").split("http://")[1:]:
        assert f"http://{part}".startswith(tuple(each.replace("https", "http") for each in SVG_NAMESPACES))


async def test_the_same_recording_makes_the_same_picture(recording: Path, tmp_path: Path) -> None:
    pictures: list[str] = []
    for _ in range(2):
        await succeed("plot", recording, "--to", tmp_path / "trend.svg")
        pictures.append(await text_of(tmp_path / "trend.svg"))

    assert pictures[0] == pictures[1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no TZ")
async def test_the_axis_names_its_time_zone(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time  # noqa: PLC0415 - tzset is for Unix only

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        await succeed("plot", recording, "--to", tmp_path / "trend.svg", "--local")
    finally:
        monkeypatch.undo()
        time.tzset()

    assert ">time in CET (UTC+01:00)</text>" in await text_of(tmp_path / "trend.svg")


async def test_many_values_keep_their_peaks(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    values = [change("A.Level", n / 100, 99.0 if n == 12_345 else 1.0 + n % 2) for n in range(20_000)]
    await write_records(CsvSink(path), values)
    await succeed("plot", path, "--to", tmp_path / "trend.svg")

    svg = await text_of(tmp_path / "trend.svg")
    assert len(svg) < 1_000_000
    assert ">100</text>" in svg


async def test_live_tags_are_watched_for_the_duration(gateway: SimulatedGateway, tmp_path: Path) -> None:
    plotting = asyncio.create_task(succeed("plot", INT, "--duration", "500ms", "--json"))
    await gateway.wait_for(lambda: any(call.rpc == "StreamEvents" and call.messages_sent for call in gateway.calls))
    gateway.plant[INT].set(50)
    result = await plotting
    picture = await succeed("plot", INT, "--duration", "200ms", "--to", tmp_path / "live.svg")

    assert [result.record[name] for name in ("tag", "min", "max", "last")] == [INT, 42, 50, 50]
    assert picture.stdout == f"{tmp_path / 'live.svg'}: 1 trend\n"


def refusal(result: Result) -> tuple[int, str]:
    """Return the status and the error of a command, which has one line."""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.status, result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected", "text"),
    [
        (("{away}",), ExitStatus.FAILED, "away.csv has no recording"),
        (("{recording}", "--to", "t.pdf"), ExitStatus.USAGE, "the name must end in .png, .svg, .html"),
        (("{recording}", "--to", "no/such/t.png"), ExitStatus.USAGE, "does not exist"),
        (("{recording}", INT), ExitStatus.USAGE, "give either recorded files or tags, not both"),
        (("{text}", "--only", "A.Name"), ExitStatus.FAILED, "no numbers among the values of A.Name"),
        (("{recording}", "--only", "No.Tag"), ExitStatus.FAILED, "has no tag 'No.Tag', only A.Level, A.Pump"),
        (("{recording}", "--since", "2027-01-01T00:00:00Z"), ExitStatus.FAILED, "has no values"),
        (("{recording}", "--duration", "5s"), ExitStatus.USAGE, "--duration is for live tags"),
        (("No.Such", "--duration", "100ms"), ExitStatus.FAILED, "no numbers among the values of No.Such (bad quality)"),
        (("{recording}", "--since", "yesterday"), ExitStatus.USAGE, "use an ISO 8601 time with a time zone"),
        ((INT, "--only", INT), ExitStatus.USAGE, "are for recorded files"),
        ((STRING, "--duration", "100ms"), ExitStatus.FAILED, f"no numbers among the values of {STRING}"),
    ],
)
@pytest.mark.usefixtures("gateway")
async def test_what_cannot_be_plotted_is_one_line(
    recording: Path, tmp_path: Path, arguments: tuple[str, ...], expected: ExitStatus, text: str
) -> None:
    others = {name: tmp_path / file for name, file in (("away", "away.csv"), ("text", "text.jsonl"))}
    here = [each.format(recording=recording, **others) for each in arguments]
    found, error = refusal(await mxgw_py("plot", *here))

    assert found == expected
    assert text in error


async def test_a_missing_library_is_named(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found, error = refusal(await mxgw_py("plot", recording, "--to", tmp_path / "t.png"))

    assert found == ExitStatus.USAGE
    assert "pipx inject mxaccess-gateway-cli matplotlib" in error


async def test_refused_tags_are_named_with_the_reason(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read", galaxy=("TestMachine_001.*",))
    monkeypatch.setenv("MXGATEWAY_API_KEY", key)
    other = "TestMachine_001.TestChangingInt"
    result = await mxgw_py("plot", other, INT, "--duration", "200ms", "--json")
    assert (result.status, result.record["tag"]) == (ExitStatus.GOOD, other)
    assert f"refused: {INT}: " in result.error

    found, error = refusal(await mxgw_py("plot", INT, "--duration", "100ms"))
    assert found == ExitStatus.MXACCESS
    assert f"nothing to plot: {INT}: " in error


async def test_a_recording_of_alarms_is_named(recording: Path) -> None:
    path = recording.with_name("alarms.csv")
    await write_records(CsvSink(path, records=AlarmRecord), [])
    found, error = refusal(await mxgw_py("plot", path))

    assert found == ExitStatus.FAILED
    assert "alarms.csv is not a recording of tags" in error


async def test_the_picture_in_the_documentation_is_fresh(tmp_path: Path) -> None:
    shown = await text_of(DOCS / "images" / "plot.svg")
    assert texts_of(shown) == texts_of(await take_trends(tmp_path)), "run 'hatch run screenshots' and look at plot.svg"

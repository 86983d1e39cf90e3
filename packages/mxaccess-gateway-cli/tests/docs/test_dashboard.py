"""The Grafana dashboard of the documentation shows what `record` and `forward` report."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

from mxgateway_cli.jobs.metrics.forwarding import ForwardMetrics
from mxgateway_cli.jobs.metrics.recording import RecordMetrics

PATH = Path(__file__).resolve().parents[3] / "mxaccess-gateway-client" / "docs" / "assets" / "grafana-dashboard.json"
DASHBOARD: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
QUERIES: list[str] = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]
COLUMNS = 24


def test_dashboard_shows_every_metric_and_no_other() -> None:
    shown = {name for query in QUERIES for name in re.findall(r"\bmxgateway_\w+", query)}

    assert shown == {*ForwardMetrics.descriptions, *RecordMetrics.descriptions}


def test_counters_are_shown_by_their_increase() -> None:
    # The total of what was dropped is the one that must never rise.
    counters = [query for query in QUERIES if "_total{" in query and "forward_dropped_total" not in query]

    assert counters
    assert all(
        re.fullmatch(r"(rate|increase)\(mxgateway_\w+_total\{.*\}\[\$__rate_interval\]\)", each) for each in counters
    )


def test_every_query_can_be_narrowed_to_a_job_and_an_instance() -> None:
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}

    assert names == {"datasource", "job", "instance"}
    assert all('{job=~"$job",instance=~"$instance"}' in query for query in QUERIES)
    assert {panel["datasource"]["uid"] for panel in PANELS if panel["type"] != "row"} == {"${datasource}"}


def test_panels_have_their_own_number_and_place() -> None:
    places = [panel["gridPos"] for panel in PANELS]
    cells = [
        (x, y)
        for place in places
        for x, y in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]

    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < COLUMNS

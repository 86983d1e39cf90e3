"""The fixtures work in a folder of tests that knows nothing of ours, and disturb nobody who doesn't use them."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

AUTOMATION = """
import pytest

TAG = "TestChildObject.TestInt"

{mark}
async def test_the_gateway_is_there(mx_gateway, mx_client):
    assert mx_client.endpoint == mx_gateway.endpoint
    assert mx_gateway.sessions == ()

{mark}
async def test_a_session_of_its_own(mx_gateway, mx_session):
    server = await mx_session.register("stranger")
    assert await mx_session.add_item(server, TAG)
    assert [session.session_id for session in mx_gateway.sessions] == [mx_session.session_id]

{mark}
async def test_tags_and_a_fault(mx_gateway, mx_tags):
    await mx_tags.write(TAG, 5)
    await mx_gateway.faults.restart()
    assert (await mx_tags.read(TAG))[0].value == 5

{mark}
async def test_each_test_has_its_own_plant(mx_tags):
    assert (await mx_tags.read(TAG))[0].value == 42
"""

PLANT = """
[objects.Boiler.attributes]
Level = { type = "double", value = 0.5 }
"""

OVERRIDES = """
from pathlib import Path

import pytest
from mxgateway.testing import Limits, Plant

@pytest.fixture
def mx_plant():
    return Plant.from_toml(Path(__file__).with_name("plant.toml"))

@pytest.fixture
def mx_gateway_options():
    return {"limits": Limits(sessions=1), "ramp_interval": None}

async def test_the_plant_and_the_limits_are_mine(mx_gateway, mx_client, mx_tags):
    (level,) = await mx_tags.read("Boiler.Level")
    assert level.value == 0.5
    assert [tag.name for tag in mx_gateway.plant] == ["Boiler.Level"]
    with pytest.raises(Exception, match="limit of 1 open sessions"):
        await mx_client.open_session()
"""


@pytest.fixture
def stranger(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder of tests that is not ours, with every warning an error."""
    pytester.makeini(
        """
        [pytest]
        filterwarnings =
            error
            ignore:Type google._upb._message:DeprecationWarning
        """
    )
    return pytester


def run(stranger: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run its tests in a process of their own, with the plugins that are installed."""
    return stranger.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=50)


def run_asyncio(stranger: pytest.Pytester, mode: str, *, loop_scope: str = "function") -> pytest.RunResult:
    """Run its tests with pytest-asyncio."""
    scopes = [f"asyncio_default_{of}_loop_scope={loop_scope}" for of in ("fixture", "test")]
    return run(stranger, f"--asyncio-mode={mode}", *(word for scope in scopes for word in ("-o", scope)))


def test_pytest_finds_the_plugin_by_itself() -> None:
    (plugin,) = entry_points(group="pytest11", name="mxgateway")

    assert plugin.value == "mxgateway.testing.pytest_plugin"


def test_the_fixtures_work_in_auto_mode(stranger: pytest.Pytester) -> None:
    stranger.makepyfile(AUTOMATION.format(mark=""))

    run_asyncio(stranger, "auto").assert_outcomes(passed=4)


def test_the_fixtures_work_in_strict_mode(stranger: pytest.Pytester) -> None:
    stranger.makepyfile(AUTOMATION.format(mark="@pytest.mark.asyncio"))

    run_asyncio(stranger, "strict").assert_outcomes(passed=4)


def test_the_fixtures_work_in_one_event_loop_for_all_tests(stranger: pytest.Pytester) -> None:
    stranger.makepyfile(AUTOMATION.format(mark=""))

    run_asyncio(stranger, "auto", loop_scope="session").assert_outcomes(passed=4)


def test_the_plant_and_the_gateway_are_overridden_by_fixtures(stranger: pytest.Pytester) -> None:
    stranger.makefile(".toml", plant=PLANT)
    stranger.makepyfile(OVERRIDES)

    run_asyncio(stranger, "auto").assert_outcomes(passed=1)


def test_the_fixtures_are_listed_with_what_they_are(stranger: pytest.Pytester) -> None:
    listed = run(stranger, "--fixtures", "-p", "no:asyncio").stdout

    for fixture in ("mx_gateway", "mx_client", "mx_session", "mx_tags", "mx_plant", "mx_gateway_options"):
        listed.re_match_lines_random([rf"{fixture} -- .*pytest_plugin.*"])
    listed.fnmatch_lines(["*A simulated gateway on loopback, for one test*"])
    listed.no_fnmatch_line("*_mx_asyncio*")


NEEDING_THEM = """
def test_a_session(mx_session):
    pass

def test_the_tags(mx_tags):
    pass
"""


def test_without_pytest_asyncio_the_fixtures_say_what_is_missing(
    stranger: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger.makepyfile(NEEDING_THEM)
    hidden = stranger.mkdir("hidden")
    (hidden / "pytest_asyncio.py").write_text("raise ImportError('it is not installed')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(hidden))

    assert_missing(run(stranger, "-p", "no:asyncio"))


def test_with_pytest_asyncio_switched_off_the_fixtures_say_what_is_missing(stranger: pytest.Pytester) -> None:
    stranger.makepyfile(NEEDING_THEM)

    assert_missing(run(stranger, "-p", "no:asyncio"))


def assert_missing(result: pytest.RunResult) -> None:
    """Make sure that each test failed with the one line that says why."""
    result.assert_outcomes(errors=2)
    line = "the mx_ fixtures need pytest-asyncio: pip install mxaccess-gateway-client[[]pytest]"
    result.stdout.fnmatch_lines([line, "*", line])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("plugins", [(), ("-p", "no:asyncio")], ids=["with asyncio", "without asyncio"])
def test_who_uses_no_fixture_of_ours_needs_nothing(stranger: pytest.Pytester, plugins: tuple[str, ...]) -> None:
    stranger.makepyfile("def test_mine(): pass")
    scope = () if plugins else ("-o", "asyncio_default_fixture_loop_scope=function")

    run(stranger, *plugins, *scope).assert_outcomes(passed=1)


LOOKING = """
import sys

def pytest_unconfigure(config):
    assert config.pluginmanager.hasplugin("mxgateway")
    heavy = {"grpc", "google.protobuf", "mxaccess_gateway.v1", "mxgateway.client", "mxgateway.testing.gateway"}
    print("HEAVY", sorted(heavy & set(sys.modules)))
"""


def test_who_uses_no_fixture_of_ours_does_not_wait_for_grpc(stranger: pytest.Pytester) -> None:
    stranger.makeconftest(LOOKING)
    stranger.makepyfile("")

    run(stranger, "-p", "no:asyncio", "--collect-only").stdout.fnmatch_lines(["HEAVY [[][]]"])

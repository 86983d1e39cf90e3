"""The fixtures work in a user's project, and cost nothing in a project that does not use them."""

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
    server = await mx_session.register("automation")
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
    with pytest.raises(Exception, match="which is the limit"):
        await mx_client.open_session()
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a user's project, in which every warning is an error."""
    pytester.makeini(
        """
        [pytest]
        filterwarnings =
            error
            ignore:Type google._upb._message:DeprecationWarning
        """
    )
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the tests of the project in a separate process, without plugins that are slow to load and not used."""
    slow = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:xdist")
    return project.runpytest_subprocess(*slow, *arguments, timeout=50)


def run_asyncio(project: pytest.Pytester, mode: str, *arguments: str, loop_scope: str = "function") -> pytest.RunResult:
    """Run the tests of the project with pytest-asyncio."""
    scopes = [f"asyncio_default_{of}_loop_scope={loop_scope}" for of in ("fixture", "test")]
    return run(project, f"--asyncio-mode={mode}", *arguments, *(word for scope in scopes for word in ("-o", scope)))


def test_pytest_finds_the_plugin() -> None:
    (plugin,) = entry_points(group="pytest11", name="mxgateway")

    assert plugin.value == "mxgateway.testing.pytest_plugin"


def test_fixtures_work_in_auto_mode(project: pytest.Pytester) -> None:
    project.makepyfile(AUTOMATION.format(mark=""))

    run_asyncio(project, "auto").assert_outcomes(passed=4)


def test_fixtures_work_in_strict_mode(project: pytest.Pytester) -> None:
    project.makepyfile(AUTOMATION.format(mark="@pytest.mark.asyncio"))

    run_asyncio(project, "strict").assert_outcomes(passed=4)


def test_fixtures_work_in_one_event_loop_for_all_tests(project: pytest.Pytester) -> None:
    project.makepyfile(AUTOMATION.format(mark=""))

    run_asyncio(project, "auto", loop_scope="session").assert_outcomes(passed=4)


def test_fixtures_override_the_plant_and_the_gateway(project: pytest.Pytester) -> None:
    project.makefile(".toml", plant=PLANT)
    project.makepyfile(OVERRIDES)

    run_asyncio(project, "auto").assert_outcomes(passed=1)


def test_fixtures_are_listed_with_their_descriptions(project: pytest.Pytester) -> None:
    listed = run(project, "--fixtures", "-p", "no:asyncio").stdout

    for fixture in ("mx_gateway", "mx_client", "mx_session", "mx_tags", "mx_plant", "mx_gateway_options"):
        listed.re_match_lines_random([rf"{fixture} -- .*pytest_plugin.*"])
    listed.fnmatch_lines(["*Run a simulated gateway on loopback for one test*"])
    listed.no_fnmatch_line("*_mx_asyncio*")


TESTS_WITH_FIXTURES = """
def test_a_session(mx_session):
    pass

def test_the_tags(mx_tags):
    pass
"""


def test_fixtures_name_missing_pytest_asyncio(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    project.makepyfile(TESTS_WITH_FIXTURES)
    hidden = project.mkdir("hidden")
    (hidden / "pytest_asyncio.py").write_text("raise ImportError('not installed')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(hidden))

    assert_missing(run(project, "-p", "no:asyncio"))


def test_fixtures_name_disabled_pytest_asyncio(project: pytest.Pytester) -> None:
    project.makepyfile(TESTS_WITH_FIXTURES)

    assert_missing(run(project, "-p", "no:asyncio"))


def assert_missing(result: pytest.RunResult) -> None:
    """Check that each test failed with one line that names what is missing."""
    result.assert_outcomes(errors=2)
    line = "the mx_ fixtures need pytest-asyncio: pip install mxaccess-gateway-client[[]pytest]"
    result.stdout.fnmatch_lines([line, "*", line])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("plugins", [(), ("-p", "no:asyncio")], ids=["with asyncio", "without asyncio"])
def test_tests_without_the_fixtures_need_nothing(project: pytest.Pytester, plugins: tuple[str, ...]) -> None:
    project.makepyfile("def test_mine(): pass")
    scope = () if plugins else ("-o", "asyncio_default_fixture_loop_scope=function")

    run(project, *plugins, *scope).assert_outcomes(passed=1)


PRINT_HEAVY_IMPORTS = """
import sys

def pytest_unconfigure(config):
    assert config.pluginmanager.hasplugin("mxgateway")
    heavy = {"grpc", "google.protobuf", "mxaccess_gateway.v1", "mxgateway.client", "mxgateway.testing.gateway"}
    print("HEAVY", sorted(heavy & set(sys.modules)))
"""


def test_tests_without_the_fixtures_do_not_import_grpc(project: pytest.Pytester) -> None:
    project.makeconftest(PRINT_HEAVY_IMPORTS)
    project.makepyfile("")

    run(project, "-p", "no:asyncio", "--collect-only").stdout.fnmatch_lines(["HEAVY [[][]]"])


MARKED = """
import pytest
from mxgateway.testing import Plant

pytestmark = pytest.mark.mx_plant("plants/plant.toml")

@pytest.fixture
def mx_plant():
    return Plant.default()

async def test_the_marked_plant(mx_gateway):
    assert [tag.name for tag in mx_gateway.plant] == ["Boiler.Level"]

@pytest.mark.mx_fault("silent_tag", "Boiler.Level")
@pytest.mark.mx_fault("refused_writes", tag="Boiler.Level", at=30)
async def test_faults_are_active_during_the_test(mx_tags, mx_gateway):
    level = mx_gateway.plant["Boiler.Level"]
    assert level.silent and not level.write_refusal
    mx_gateway.clock.advance(30)
    await mx_gateway.wait_for(lambda: level.write_refusal)

@pytest.mark.mx_fault("kill_worker")
@pytest.mark.mx_fault("frozen_network", at=60)
async def test_sessions_of_fixtures_are_open_when_the_faults_begin(mx_session, mx_gateway):
    assert [session.state.name for session in mx_gateway.sessions] == ["FAULTED"]

@pytest.mark.mx_script("faults.toml")
async def test_a_script_runs(mx_tags, mx_gateway):
    mx_gateway.clock.advance(5)
    await mx_gateway.wait_for(lambda: mx_gateway.plant["Boiler.Level"].value == 0.75)

def test_another_test_of_the_module():
    pass
"""

SCRIPT = """
[[steps]]
at = 5
do = "set"
tag = "Boiler.Level"
value = 0.75
"""


def test_markers_choose_plant_faults_and_script(project: pytest.Pytester) -> None:
    project.makefile(".toml", **{"plants/plant": PLANT, "faults": SCRIPT})
    project.makepyfile(MARKED)

    # --strict-markers: the markers are registered.
    run_asyncio(project, "auto", "--strict-markers").assert_outcomes(passed=5)


MISTAKES = """
import pytest

@pytest.mark.mx_plant("none.toml")
async def test_no_file(mx_gateway): pass

@pytest.mark.mx_plant("plant.toml")
async def test_bad_file(mx_gateway): pass

@pytest.mark.mx_plant
async def test_no_path(mx_gateway): pass

@pytest.mark.mx_fault("silent_tga", "A.B")
async def test_bad_name(mx_gateway): pass

@pytest.mark.mx_fault("silent_tag", "TestChildObject.TestIn")
async def test_bad_tag(mx_gateway): pass

@pytest.mark.mx_fault("kill_worker")
async def test_no_session(mx_gateway): pass

@pytest.mark.mx_fault("restart")
async def test_no_gateway(): pass

@pytest.mark.mx_script("plant.toml")
async def test_bad_script(mx_gateway): pass
"""


def test_mistakes_in_markers_name_the_test(project: pytest.Pytester) -> None:
    project.makefile(".toml", plant="[objects.A]\ncolour = 1")
    project.makepyfile(test_mine=MISTAKES)

    result = run_asyncio(project, "auto")

    result.assert_outcomes(errors=8)
    for line in (
        "test_mine.py::test_no_file: mx_plant: cannot read *none.toml: No such file or directory",
        "test_mine.py::test_bad_file: mx_plant: *plant.toml: unknown key objects.A.colour: use *",
        'test_mine.py::test_no_path: mx_plant: give the path of one file: @pytest.mark.mx_plant("file.toml")',
        "test_mine.py::test_bad_name: mx_fault: unknown action 'silent_tga': did you mean silent_tag*",
        "test_mine.py::test_bad_tag: mx_fault: *did you mean TestChildObject.TestInt?",
        "test_mine.py::test_no_session: mx_fault: no session is open",
        "test_mine.py::test_no_gateway: mx_fault has no effect: the test must use mx_gateway, *",
        "test_mine.py::test_bad_script: mx_script: *plant.toml: unknown key objects: use steps",
    ):
        result.stdout.fnmatch_lines([line])
    result.stdout.no_fnmatch_line("*Traceback*")

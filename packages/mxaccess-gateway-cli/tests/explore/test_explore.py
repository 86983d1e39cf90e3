"""The explorer: the Galaxy, watched tags, writes and alarms on one screen."""

from __future__ import annotations

from cli_support.exploring import Explorer, exploring
from cli_support.gateways import last_request
from mxgateway.testing import Scope, SimulatedGateway, Tag

INT = "TestChildObject.TestInt"
READ_ONLY = "TestChildObject.TestReadOnly"
SUPERVISORY = "TestChildObject.TestSupervisory"
HOT = "SimulatedGalaxy!TestArea.TestChildObject.TestAlarmed"


def line_of(explorer: Explorer, text: str) -> str:
    """Return the first line of the screen with a text."""
    return next((line for line in explorer.lines if text in line), "")


async def write(explorer: Explorer, value: str) -> None:
    """Write a value to the selected tag, up to the question."""
    await explorer.press("w")
    await explorer.type(value)
    await explorer.press("enter")
    await explorer.wait_for("Write this to")


async def test_tree_is_requested_as_it_is_unfolded_and_enter_watches_an_attribute(gateway: SimulatedGateway) -> None:
    async with exploring(gateway, size=(120, 40)) as explorer:
        await explorer.wait_for("▸ TestPlant")
        await explorer.press("right")
        await explorer.wait_for("▸ TestArea2")
        await explorer.press("down", "right")
        await explorer.wait_for("▸ TestChildObject")
        assert "TestMachine_001" not in explorer.text
        await explorer.press("down", "right")
        await explorer.wait_for("▸ Pump", "TestBool Boolean")
        await explorer.press("down", "down", "down", "enter")
        await explorer.wait_for("● TestBool Boolean", "1 tag,")
        requests = len(gateway.calls)
        await explorer.press("left", "left", "right")
        await explorer.wait_for("TestBool Boolean")
        assert not [call for call in gateway.calls[requests:] if call.rpc.startswith(("Browse", "Discover"))]


async def test_large_galaxy_is_listed_part_by_part_and_searched_by_the_gateway(gateway: SimulatedGateway) -> None:
    for number in range(450):
        gateway.plant.add(Tag(f"Unit_{number:03}.Speed", "integer"))
    async with exploring(gateway) as explorer:
        await explorer.wait_for("▸ Unit_000")
        await explorer.press("end")
        await explorer.wait_for("… 251 more")
        assert len([call for call in gateway.calls if call.rpc == "BrowseChildren"]) == 1
        await explorer.press("enter")
        await explorer.wait_for("▸ Unit_199", without="251")
        await explorer.press("slash")
        await explorer.type("t_44")
        await explorer.press("enter")
        await explorer.wait_for("Search: t_44", "Unit_440", "Unit_449", without="TestPlant")
        assert last_request(gateway, "DiscoverHierarchy").tag_name_glob == "*t_44*"
        await explorer.press("slash")
        await explorer.type("t_44.speed")
        await explorer.press("enter")
        await explorer.wait_for("Unit_449.Speed", without="loading")
        await explorer.press("enter")
        await explorer.wait_for("● Unit_440.Speed", "1 tag,")
        await explorer.press("escape")
        await explorer.wait_for("▸ TestPlant")


async def test_values_have_quality_age_and_trend_at_80_columns(gateway: SimulatedGateway) -> None:
    names = ("TestUncertain", "No", "TestString")
    async with exploring(
        gateway, "TestMachine_001.TestSine", INT, *(f"TestChildObject.{name}" for name in names)
    ) as explorer:
        await explorer.wait_for("42 good", "uncertain", "invalid reference", "Hello good")
        gateway.plant.step()
        await explorer.wait_for("10.30902")
        gateway.plant.step()
        await explorer.wait_for("10.58779")
        assert line_of(explorer, "uality").split()[-5:] == ["tag", "value", "quality", "age", "trend"]
        name, value, quality, age, trend = line_of(explorer, "stSine").rpartition("▌")[2].split()
        assert (name, quality, age[-1]) == ("TestMac…stSine", "good", "s")
        assert 9 <= float(value) <= 11
        assert set(trend) <= set("▁▂▃▄▅▆▇█")
        # The selected tag is shown in full, with a plot.
        assert "─TestMachine_001.TestSine─" in explorer.text
        assert "-30 " in explorer.lines[-2]
        assert explorer.lines[-1].split()[::2] == ["g", "t", "a", "/", "n", "w", "?", "q"]
        assert max(map(len, explorer.lines)) <= 80
        await explorer.press("question_mark")
        await explorer.wait_for("stop watching the selected tag", "Esc closes")
        await explorer.press("escape")
        await explorer.pilot.click("#tags", offset=(5, 6))
        await explorer.wait_for("─TestChildObject.TestString─")
        await explorer.press("delete")
        await explorer.wait_for("4 tags,", without="Hello")


async def test_write_is_confirmed_after_a_question_or_refused_with_a_hint(gateway: SimulatedGateway) -> None:
    async with exploring(gateway, INT, SUPERVISORY) as explorer:
        await explorer.wait_for("42 good", "1 good")
        await explorer.press("w")
        await explorer.type("4x")
        await explorer.press("enter")
        await explorer.wait_for("invalid int32 '4x'")
        await explorer.press("backspace", "3", "enter")
        await explorer.wait_for("42 → 43  (int32)", f"Write this to {gateway.endpoint}?")
        # Enter twice must not write.
        await explorer.press("enter")
        await explorer.wait_for("42 good", without="Write a tag")
        assert gateway.plant[INT].value == 42

        await write(explorer, "43")
        await explorer.press("y")
        await explorer.wait_for("CONFIRMED: MXAccess has written the value")
        await explorer.press("enter")
        await explorer.wait_for("43 good", f"{INT}: CONFIRMED", without="Write a tag")

        await explorer.press("down")
        await write(explorer, "5")
        await explorer.press("y")
        await explorer.wait_for("REFUSED: the tag was not written", "security error", "use --supervisory")


async def test_alarm_is_acknowledged_with_a_comment(gateway: SimulatedGateway) -> None:
    async with exploring(gateway) as explorer:
        await explorer.wait_for("1 alarm, 1 not acknowledged")
        await explorer.press("a")
        await explorer.wait_for("active  700", "TestArea")
        await explorer.press("enter")
        await explorer.type("quick")
        await explorer.wait_for(HOT, "quick")
        await explorer.press("enter")
        await explorer.wait_for("acked   700", f"acknowledged {HOT}", "1 alarm, 0 not acknowledged")
        request = last_request(gateway, "AcknowledgeAlarm")
        assert (request.alarm_full_reference, request.comment, request.operator_user) == (HOT, "quick", "tester")


async def test_loss_makes_values_stale_and_writes_unknown_until_the_connection_is_restored(
    gateway: SimulatedGateway,
) -> None:
    async with exploring(gateway, INT, is_monochrome=True) as explorer:
        await explorer.wait_for("42 good", "● connected  127", "1 alarm")
        await write(explorer, "43")
        with gateway.faults.held_commands(gateway.sessions[0].session_id):
            await explorer.press("y")
            await explorer.wait_for("waiting for the outcome")
            await gateway.stop()
            await explorer.wait_for("UNKNOWN: the tag may have been written")
        await explorer.press("escape")
        await explorer.wait_for("✕ CONNECTION LOST at ", "s ago", "reconnecting: ", "(outdated)")
        await explorer.wait_for("stale ", "STALE, was good")
        assert " good " not in line_of(explorer, "estInt ")
        gateway.plant[INT].set(44)
        await gateway.start()
        await explorer.wait_for(
            "● connected, GAP", "changes in the meantime were missed", "44 good", without="(outdated)"
        )


async def test_missing_scopes_and_a_revoked_key_are_explained(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "invoke:write")
    async with exploring(gateway, api_key=key) as explorer:
        await explorer.press("a")
        await explorer.wait_for("alarms unavailable", "metadata:read", "events:read")

    key = gateway.add_key(*Scope)
    async with exploring(gateway, INT, api_key=key) as explorer:
        await explorer.wait_for("42 good")
        gateway.revoke_key(key)
        await gateway.faults.drop_connections()
        await explorer.wait_for("✕ ENDED", "stale", "key")
    # Nothing can close the session any more.
    await gateway.stop()

"""The plant behind the gateway: tags, programs and plant files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mxgateway.testing import (
    Cycle,
    Plant,
    PlantFileError,
    Ramp,
    SecurityClassification,
    SimulatedGateway,
    Sine,
    Tag,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mxgateway.testing import Program


USER = "[users.me]\npassword = 'x'\nguid = '6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01'\n"


def test_tag_is_found_ignoring_case_and_brackets() -> None:
    plant = Plant.default()
    for name in ("TestChildObject.TestStringArray", "testchildobject.TESTSTRINGARRAY[]"):
        assert plant[name].reference == "TestChildObject.TestStringArray[]"
        assert name in plant
    assert "NoSuchObject_999.NoSuchAttr" not in plant
    with pytest.raises(KeyError, match="NoSuchObject_999"):
        plant["NoSuchObject_999.NoSuchAttr"]


@pytest.mark.parametrize(
    "name",
    [
        "TestChildObject.TestInt",
        "TestChildObject.TestBool",
        "TestChildObject.TestString",
        "TestChildObject.TestStringArray[]",
        *(f"TestMachine_00{number}.TestChangingInt" for number in range(1, 7)),
    ],
)
def test_default_plant_has_the_usual_test_tags(name: str) -> None:
    assert name in Plant.default()


def test_set_sets_good_quality_and_timestamp() -> None:
    tag = Tag("A.B", "integer", 1, quality=8)
    before = datetime.now(UTC)
    tag.set(2)
    assert (tag.value, tag.quality) == (2, 192)
    assert before <= tag.timestamp <= datetime.now(UTC)
    tag.set(quality=64, timestamp=datetime(2020, 1, 1, tzinfo=UTC))
    assert (tag.value, tag.quality, tag.timestamp.year) == (2, 64, 2020)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (Tag("A.B", "integer"), "1"),
        (Tag("A.B", "integer"), True),
        (Tag("A.B", "integer"), 1 << 31),
        (Tag("A.B", "integer"), [1]),
        (Tag("A.B", "integer", [1]), 1),
        (Tag("A.B", "string", ["a"]), ["a", 1]),
        (Tag("A.B", "time"), datetime(2020, 1, 1)),  # noqa: DTZ001 - must be refused
        (Tag("A.B", "float"), 1e300),
        (Tag("A.B", "double"), 10**400),
    ],
    ids=str,
)
def test_wrong_type_raises_type_error_with_the_tag_name(tag: Tag, value: int) -> None:
    with pytest.raises(TypeError, match=r"A\.B"):
        tag.set(value)


def test_invalid_quality_or_timestamp_raises_value_error() -> None:
    tag = Tag("A.B", "integer")
    with pytest.raises(ValueError, match=r"A\.B.*256"):
        tag.set(1, quality=256)
    with pytest.raises(ValueError, match=r"A\.B.*time zone"):
        tag.set(1, timestamp=datetime(2020, 1, 1))  # noqa: DTZ001 - must be refused


def test_array_keeps_its_number_of_dimensions() -> None:
    row, matrix = Tag("A.Row", "integer", [1, 2]), Tag("A.Matrix", "integer", [[1, 2], [3, 4]])
    row.set([1, 2, 3])
    assert row.dimensions == (3,)
    matrix.set([[5, 6], [7, 8]])
    assert (matrix.dimensions, matrix.value) == ((2, 2), (5, 6, 7, 8))
    with pytest.raises(ValueError, match="shape"):
        matrix.set([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ValueError, match="same length"):
        Tag("A.Ragged", "integer", [[1, 2], [3]])


@pytest.mark.parametrize(
    ("program", "values"),
    [
        (Ramp(start=0, end=2), [0, 1, 2, 0, 1]),
        (Ramp(start=5, end=1, increment=-2), [5, 3, 1, 5, 3]),
        (Ramp(start=0.0, end=1.0, increment=0.5), [0.0, 0.5, 1.0, 0.0, 0.5]),
        (Sine(amplitude=2, middle=10, period=4), [10, 12, 10, 8, 10]),
        (Cycle((1.0, 4.0)), [1, 4, 1, 4, 1]),
    ],
)
def test_program_changes_a_tag_at_every_step(program: Program, values: list[float]) -> None:
    plant = Plant(tags=[Tag("A.B", "double", program=program)])
    seen: list[object] = []
    for _ in values:
        seen.append(plant["A.B"].value)
        plant.step()
    assert seen == pytest.approx(values)


@pytest.mark.parametrize(
    "wrong", [lambda: Ramp(end=-1), lambda: Ramp(increment=0), lambda: Sine(period=0), lambda: Cycle(())]
)
def test_invalid_program_is_refused(wrong: type[Ramp]) -> None:
    with pytest.raises(ValueError, match=r"ramp|sine|cycle"):
        wrong()


def test_duplicate_or_invalid_tag_name_is_refused() -> None:
    plant = Plant(tags=[Tag("A.B", "integer")])
    with pytest.raises(ValueError, match=r"a\.b"):
        plant.add(Tag("a.b", "integer"))
    with pytest.raises(ValueError, match=r"Object\.Attribute"):
        plant.add(Tag("Nameless", "integer"))


async def test_tag_can_be_added_to_a_running_gateway(gateway: SimulatedGateway) -> None:
    tag = gateway.plant.add(Tag("New.Tag", "integer"))
    gateway.clock.advance(1000)
    tag.set(3)
    assert (tag.timestamp - datetime.now(UTC)).total_seconds() > 900
    assert "New" in [each.tag_name for each in gateway.plant.objects]


async def test_wait_for_sees_changes_of_the_plant(gateway: SimulatedGateway) -> None:
    tag = gateway.plant["TestChildObject.TestInt"]
    gateway.clock.call_later(0, lambda: tag.set(99))
    await gateway.wait_for(lambda: tag.value == 99)


def test_plant_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(
        """
        [galaxy]
        name = "Mine"
        last_deploy = 2026-01-01T00:00:00Z

        [users.me]
        password = "secret"
        guid = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"
        may = ["tune"]

        [objects.Area]
        area = true

        [objects.Pump_001]
        parent = "Area"
        contained_name = "Pump"
        templates = ["$Pump"]

        [objects.Pump_001.attributes]
        Speed = { type = "float", ramp = { start = 0.0, end = 10.0, increment = 0.5 }, historized = true }
        Mode = { type = "integer", cycle = [1, 2], security = "tune" }
        Names = { type = "string", value = [], resizable = true }
        Setpoint = { type = "double", value = 1.0, supervisory = true }
        """
    )
    plant = Plant.from_toml(path)
    assert plant.name == "Mine"
    assert plant.last_deploy == datetime(2026, 1, 1, tzinfo=UTC)
    (user,) = plant.users
    assert user.may == {SecurityClassification.TUNE}
    assert "secret" not in repr(user)
    area, pump = plant.objects
    assert (area.is_area, pump.parent, pump.contained_name, pump.templates) == (True, "Area", "Pump", ("$Pump",))
    assert [tag.reference for tag in plant] == [
        "Pump_001.Speed",
        "Pump_001.Mode",
        "Pump_001.Names[]",
        "Pump_001.Setpoint",
    ]
    assert [tag.attribute_name for tag in plant if tag.resizable] == ["Names"]
    assert [tag.attribute_name for tag in plant if tag.supervisory] == ["Setpoint"]
    plant.step()
    assert plant["Pump_001.Speed"].value == 0.5
    assert plant["Pump_001.Mode"].value == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[galaxy]\nname =\n", "line 2"),
        ("[plant]", "unknown key plant: use galaxy, users, objects"),
        ("[galaxy]\nnmae = 'x'", "unknown key galaxy.nmae: use name, last_deploy"),
        ("[galaxy]\nname = 1", "galaxy.name must be a string, not 1"),
        ("[galaxy]\nlast_deploy = 2026-01-01T00:00:00", "galaxy.last_deploy must have a time zone"),
        (USER.replace("password = 'x'", ""), "users.me.password is missing"),
        ("[users.me]\npassword = 'x'", "users.me.guid is missing"),
        ("[users.me]\npassword = 'x'\nguid = 'x'", "users.me.guid must be a GUID, not 'x'"),
        (f"{USER}may = ['fly']", "users.me.may must be one of free_access, operate,"),
        (f"{USER}may = [1]", "users.me.may must be an array of strings"),
        ("objects = 1", "objects must be a table"),
        ("[objects.A]\nparent = 'B'", "objects.A.parent must be an object of this file, not 'B'"),
        ("[objects.A]\narea = 1", "objects.A.area must be true or false"),
        ("[objects.A]\ncolour = 1", "unknown key objects.A.colour: use"),
        (
            "[objects.A.attributes]\nB = { type = 'number' }",
            "objects.A.attributes.B.type must be one of boolean, byte,",
        ),
        ("[objects.A.attributes]\nB = { type = 'integer', value = 'x' }", "objects.A.attributes.B: "),
        ("[objects.A.attributes]\nB = { type = 'integer', vlaue = 1 }", "unknown key objects.A.attributes.B.vlaue: "),
        ("[objects.A.attributes]\nB = { type = 'double', ramp = { end = -1 } }", "objects.A.attributes.B.ramp: "),
        ("[objects.A.attributes]\nB = { type = 'double', ramp = { top = 1 } }", "B.ramp.top: use start, end, "),
        (
            "[objects.A.attributes]\nB = { type = 'double', ramp = { end = 'x' } }",
            "objects.A.attributes.B.ramp.end must be a number, not 'x'",
        ),
        ("[objects.A.attributes]\nB = { type = 'double', ramp = {}, cycle = [1] }", "objects.A.attributes.B.ramp, "),
        ("[objects.A.attributes]\nB = { type = 'integer', settle_time = true }", "B.settle_time must be a number"),
        ("[objects.A.attributes]\nB = { type = 'integer', alarm = {} }", "B.alarm: an alarm needs exactly one"),
        (
            "[users.me]\npasswort = 'x'",
            "unknown key users.me.passwort: use password, guid, may, may_verify",
        ),
        ("[objects.A.attributes]\nB = { type = 'integer', supervisory = 1 }", "B.supervisory must be true or false"),
        ("[objects.A.attributes]\nB = { type = 'integer', resizable = true }", "B cannot be resizable: it is not"),
    ],
)
def test_mistake_in_a_file_names_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(text)
    with pytest.raises(PlantFileError) as caught:
        Plant.from_toml(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_bytes(b"\xff\xff")
    with pytest.raises(PlantFileError, match=r"plant\.toml"):
        Plant.from_toml(path)
    with pytest.raises(FileNotFoundError):
        Plant.from_toml(tmp_path / "other.toml")

"""Bills of materials and audits cover all dependencies; workflows reference actions by commit."""

from __future__ import annotations

import re
from pathlib import Path

import audit
import pytest
import sbom
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_bill_of_materials_needs_a_wheel(tmp_path: Path) -> None:
    with pytest.raises(sbom.SbomError, match="has no wheels"):
        sbom.write_all(tmp_path, tmp_path / "bills")


def test_bill_lists_the_package_and_its_requirements() -> None:
    bill = {
        "metadata": {"component": {"name": "mxaccess-gateway-proto", "version": "0.1.0"}},
        "components": [{"name": "protobuf", "version": "7.36.2"}],
    }

    assert sbom.components(bill) == {"mxaccess-gateway-proto": "0.1.0", "protobuf": "7.36.2"}


@pytest.mark.parametrize("name", ["mxaccess_gateway_proto", "mxaccess_gateway_client", "mxaccess_gateway_cli"])
def test_each_wheel_has_a_project(name: str) -> None:
    assert sbom.project_of(name).is_file()


def test_requirements_of_the_packages_are_audited() -> None:
    names = {Requirement(each).name for each in audit.published(ROOT)}

    assert {"grpcio", "protobuf", "click", "rich"} <= names
    assert not [name for name in names if name.startswith("mxaccess-gateway-")]


def test_requirements_of_the_environments_are_audited() -> None:
    names = {Requirement(each).name for each in audit.of_environments(ROOT)}

    assert {"pytest", "ruff", "hatchling", "zizmor"} <= names
    assert "setuptools" not in names  # of the old generator, which conflicts with the others


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_referenced_by_commit(workflow: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text(encoding="utf-8"))

    assert used
    for action, comment in used:
        if not action.startswith("$/.github/workflows/"):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action

"""check_release accepts a tag only if it matches the tree."""

from __future__ import annotations

from pathlib import Path

import check_release
import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with client 1.2.0 and its entry in the changelog."""
    package = tmp_path / "packages" / "mxaccess-gateway-client"
    package.mkdir(parents=True)
    (package / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n', encoding="utf-8")
    (package / "CHANGELOG.md").write_text("# Changelog\n\n## [1.2.0] - 2026-11-02\n", encoding="utf-8")
    return tmp_path


def test_tag_of_the_present_version_is_accepted(root: Path) -> None:
    assert check_release.check("client-v1.2.0", root) == "mxaccess-gateway-client 1.2.0"


@pytest.mark.parametrize("tag", ["", "v1.2.0", "client-1.2.0", "server-v1.2.0", "client-v1.2", "client-v1.2.0-rc1"])
def test_invalid_tag_is_refused(root: Path, tag: str) -> None:
    with pytest.raises(check_release.ReleaseError, match="invalid release tag"):
        check_release.check(tag, root)


def test_tag_of_another_version_is_refused(root: Path) -> None:
    with pytest.raises(check_release.ReleaseError, match=r"names 1\.3\.0, but mxaccess-gateway-client is 1\.2\.0"):
        check_release.check("client-v1.3.0", root)


def test_release_without_changelog_entry_is_refused(root: Path) -> None:
    changelog = root / "packages" / "mxaccess-gateway-client" / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## [Unreleased]\n", encoding="utf-8")

    with pytest.raises(check_release.ReleaseError, match="no heading"):
        check_release.check("client-v1.2.0", root)

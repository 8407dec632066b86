"""The licences of packages, collected from how wheels are unpacked."""

import importlib.metadata
import shutil
from pathlib import Path

import licenses
import pytest


def unpack(site: Path, name: str, metadata: str, **files: str) -> None:
    info = site / f"{name}-1.0.dist-info"
    record = [f"{name}/LICENSE.txt,,", f"{name}/license_check.py,,"]
    (site / name).mkdir(parents=True)
    for inner, text in files.items():
        path = info / inner.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        record.append(f"{path.relative_to(site)},,")
    (site / name / "license_check.py").touch()
    (site / name / "LICENSE.txt").write_text("inside", "utf-8")
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{metadata}\n", "utf-8")
    (info / "RECORD").write_text("\n".join(record), "utf-8")


def test_texts_and_index(tmp_path: Path) -> None:
    site, out = tmp_path / "site", tmp_path / "out"
    unpack(site, "zebra", "License-Expression: MIT", licenses__LICENSE="mine", METADATA_="x")
    unpack(site, "ape", "Classifier: License :: OSI Approved :: BSD License", NOTICE="noted")
    assert licenses.collect(site, out) == []
    hone, python, *others = licenses.read(out)
    assert (hone.part, hone.name, python.part) == ("Hone", "Apache-2.0", "Python")
    assert "Apache License" in hone.text and "PYTHON SOFTWARE FOUNDATION LICENSE" in python.text
    assert [(part.part, part.version, part.name, dict(part.texts)) for part in others] == [
        ("ape", "1.0", "BSD License", {"NOTICE": "noted", "LICENSE.txt": "inside"}),
        ("zebra", "1.0", "MIT", {"LICENSE": "mine", "LICENSE.txt": "inside"}),
    ]
    assert (out / "zebra-1.0/LICENSE").read_text("utf-8") == "mine"


def bare(site: Path, name: str, metadata: str = "") -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense: MIT\n{metadata}"
    (info / "METADATA").write_text(text, "utf-8")
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n", "utf-8")


def test_a_package_without_a_text_is_named(tmp_path: Path) -> None:
    bare(tmp_path / "site", "bare")
    assert licenses.collect(tmp_path / "site", tmp_path / "out") == ["bare 1.0 (MIT)"]


def test_texts_that_wheels_lack_are_added(tmp_path: Path) -> None:
    bare(tmp_path / "site", "PySide6_Essentials")
    bare(tmp_path / "site", "tokenizers")
    assert licenses.collect(tmp_path / "site", tmp_path / "out") == []
    *_, qt, tokenizers = licenses.read(tmp_path / "out")
    assert [name for name, _ in qt.texts] == ["GPL-3.0.txt", "LGPL-3.0.txt", "Qt-notice.txt"]
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in qt.text and "download.qt.io" in qt.text
    assert "Apache License" in tokenizers.text


def test_only_what_is_needed(tmp_path: Path) -> None:
    site = tmp_path / "site"
    bare(site, "top", "Requires-Dist: Mid_dle>=1\nRequires-Dist: never; python_version < '3'\n"
         "Requires-Dist: fast; extra == 'quick'\nProvides-Extra: quick\n")  # fmt: skip
    bare(site, "mid-dle", "Requires-Dist: top\nRequires-Dist: absent\n")
    for name in ("never", "fast", "tool"):
        bare(site, name)
    assert licenses.collect(site, tmp_path / "out", ["top"]) == ["mid-dle 1.0 (MIT)", "top 1.0 (MIT)"]
    quick = ["fast 1.0 (MIT)", "mid-dle 1.0 (MIT)", "top 1.0 (MIT)"]
    assert licenses.collect(site, tmp_path / "out", ["top[quick]"]) == quick


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="for Debian and its relatives")
def test_libraries_of_the_system_bring_debians_words(tmp_path: Path) -> None:
    licenses.write(licenses.hone_and_python(), tmp_path)
    found = sorted(Path("/usr/lib").rglob("libz.so.1"))
    assert licenses.collect_system_libraries([*found, tmp_path / "libnobody.so.7"], tmp_path) == ["libnobody.so.7"]
    if found:
        zlib = licenses.read(tmp_path)[-1]
        assert zlib.part.startswith("zlib1g") and zlib.name == "of libz.so.1" and "Jean-loup Gailly" in zlib.text


def test_every_package_of_this_environment_has_a_text() -> None:
    """Whatever Hone needs, installed beside these tests: what a new version leaves out shows here."""
    installed = {licenses._key(p.name): p for p in importlib.metadata.distributions()}
    names = licenses.needed(installed, ["hone[cpu]"]) - {"hone"}
    assert {"pyside6-essentials", "shiboken6", "mlx", "transformers", "tokenizers"} <= names
    assert licenses.without_text(licenses.of_packages(installed[name] for name in names)) == []

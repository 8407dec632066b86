"""The licences of packages, collected from how wheels are unpacked."""

from pathlib import Path

import licenses


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
    assert (out / "index.txt").read_text("utf-8") == "ape 1.0: BSD License\nzebra 1.0: MIT\n"
    kept = {str(p.relative_to(out)): p.read_text("utf-8") for p in out.rglob("*") if p.parent != out and p.is_file()}
    assert kept == {
        "zebra-1.0/LICENSE": "mine",
        "zebra-1.0/LICENSE.txt": "inside",
        "ape-1.0/NOTICE": "noted",
        "ape-1.0/LICENSE.txt": "inside",
    }
    assert "Apache License" in (out / "LICENSE").read_text("utf-8")


def test_a_package_without_a_text_is_named(tmp_path: Path) -> None:
    info = tmp_path / "site/bare-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: bare\nVersion: 1.0\nLicense: MIT\n", "utf-8")
    (info / "RECORD").write_text("bare-1.0.dist-info/METADATA,,\n", "utf-8")
    assert licenses.collect(tmp_path / "site", tmp_path / "out") == ["bare 1.0: MIT"]

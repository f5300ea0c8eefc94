"""images/build.sh: its tags follow from what the images are made of."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("images", "buildpacks", "src"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def tags(root: Path, **environ: str) -> dict[str, str]:
    command = [root / "images/build.sh", "--tags"]
    done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=True)
    return {name.split(":")[0].removeprefix("grille/"): name for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("src/grille/codec.py", {"system"}),
        ("src/grille/builder/slug.py", {"build", "system"}),
        ("src/grille/runner/runner.sh", {"run", "build", "system"}),
        ("buildpacks/static/nginx.conf", {"build"}),
        ("images/base/packages", {"run", "build", "system"}),
        ("src/grille/__pycache__/x.pyc", set()),
    ],
)
def test_only_the_images_that_hold_a_file_change_with_it(copy, path, changed):
    before = tags(copy)
    (copy / path).parent.mkdir(exist_ok=True)
    with (copy / path).open("a") as file:
        file.write("# changed\n")
    after = tags(copy)
    assert {name for name in after if after[name] != before[name]} == changed


def test_the_suite_and_the_epoch_make_other_images(copy):
    names = {tuple(tags(copy, **more).values()) for more in ({}, {"DEBIAN_SUITE": "trixie"}, {"GRILLE_EPOCH": "2"})}
    assert len(names) == 3


def test_images_that_are_there_are_not_made_again(copy):
    command = [copy / "images/build.sh"]
    subprocess.run(command, check=True, capture_output=True)
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 2
    assert sorted(done.stdout.splitlines()) == sorted(f"ok {name}" for name in tags(copy).values())


def test_an_unreadable_ca_bundle_is_one_clear_line():
    environ = {**os.environ, "GRILLE_CA_BUNDLE": "/nowhere"}
    done = subprocess.run([ROOT / "images/build.sh"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ("images/build.sh: GRILLE_CA_BUNDLE=/nowhere cannot be read: name a readable file, or none\n")

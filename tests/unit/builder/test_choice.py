"""Which buildpacks are asked for, what bin/release says, what .slugignore names, what buildpacks may see."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from grille.builder import buildpack, compile, slug, slugignore, task
from grille.wire.errors import GrilleError

BUILT_IN = Path(__file__).resolve().parents[3] / "buildpacks"


def test_buildpack_url_wins_over_the_list_and_the_list_over_detection(tmp_path: Path):
    assert buildpack.wanted("", tmp_path) == []
    (tmp_path / ".buildpacks").write_text("# first\nhttps://a/b.git#v1\n\npython\n")
    assert buildpack.wanted("", tmp_path) == ["https://a/b.git#v1", "python"]
    assert buildpack.wanted("static", tmp_path) == ["static"]


@pytest.mark.parametrize(
    ("files", "title"),
    [
        (["requirements.txt", "index.html", "Procfile"], ("python", "Python")),
        (["public/index.html", "Procfile"], ("static", "Static site")),
        (["Procfile"], ("procfile", "Procfile")),
        (["main.c"], None),
    ],
)
def test_the_first_built_in_that_detects_the_app_is_taken(tmp_path: Path, files, title):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    packs = [buildpack.Buildpack(name, BUILT_IN / name) for name in buildpack.BUILT_IN]
    found = [(pack.name, name) for pack in packs if (name := compile.detect(pack, tmp_path, {"PATH": "/usr/bin:/bin"}))]
    assert (found[0] if found else None) == title


@pytest.mark.parametrize("reference", ["heroku/python", "../x", "ftp://x/y", "https:///x"])
def test_a_buildpack_that_is_neither_built_in_nor_a_url_is_refused(tmp_path: Path, reference):
    with pytest.raises(GrilleError, match="neither built in nor a URL") as caught:
        buildpack.obtain(reference, BUILT_IN, tmp_path / "pack", {})
    assert caught.value.code == "no_buildpack"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_buildpack_is_cloned_at_a_branch_or_a_commit(tmp_path: Path):
    origin = tmp_path / "origin"
    (origin / "bin").mkdir(parents=True)
    git(origin, "init", "-q")
    commits = []
    for number in ("1", "2"):
        for verb in ("detect", "compile"):
            (origin / "bin" / verb).write_text(f"#!/bin/sh\necho {number}\n")
        git(origin, "add", ".")
        git(origin, "commit", "-qm", number)
        commits.append(git(origin, "rev-parse", "HEAD"))
    environ = dict(os.environ)
    for number, (reference, said) in enumerate([("", "2"), ("#main", "2"), (f"#{commits[0]}", "1")]):
        pack = buildpack.obtain(f"file://{origin}{reference}", BUILT_IN, tmp_path / f"pack-{number}", environ)
        assert compile.detect(pack, tmp_path, environ) == said
    with pytest.raises(GrilleError, match="cannot be cloned") as caught:
        buildpack.obtain(f"file://{origin}#nothing", BUILT_IN, tmp_path / "pack-x", environ)
    assert caught.value.code == "no_buildpack"


def test_release_gives_processes_and_variables():
    text = "---\naddons:\n- x\nconfig_vars:\n  A: 1\ndefault_process_types:\n  web: run $PORT\n"
    assert compile.parse_release(text, "x") == compile.Defaults({"web": "run $PORT"}, {"A": "1"})
    assert compile.parse_release("--- {}", "x") == compile.parse_release("", "x") == compile.Defaults()


@pytest.mark.parametrize("text", ["- a list", "a: [", "default_process_types:\n  Web Server: x\n"])
def test_release_that_is_something_else_fails_the_build(text):
    with pytest.raises(GrilleError) as caught:
        compile.parse_release(text, "x")
    assert caught.value.code == "compile_failed"


@pytest.mark.parametrize(
    ("rule", "path", "folder", "named"),
    [
        ("*.log", "a/b/x.log", False, True),
        ("*.log", "x.logs", False, False),
        ("/docs", "docs", True, True),
        ("/docs", "a/docs", True, False),
        ("docs/", "a/docs", True, True),
        ("docs/", "docs", False, False),
        ("a/*.md", "a/x.md", False, True),
        ("a/*.md", "a/b/x.md", False, False),
        ("a/**/x", "a/x", False, True),
        ("a/**/x", "a/b/c/x", False, True),
        ("a/**", "a/b/c", False, True),
        ("!keep", "keep", False, False),
        ("# c", "# c", False, False),
    ],
)
def test_slugignore_patterns(rule, path, folder, named):
    assert slugignore.matches(slugignore.compile_rules([rule]), path, folder=folder) is named


def test_slugignore_removes_and_does_not_follow_links(tmp_path: Path):
    app, outside = tmp_path / "app", tmp_path / "outside"
    for path in (app / "spec/a", app / "kept", outside / "precious"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (app / "link").symlink_to(outside)
    (app / ".slugignore").write_text("spec\nlink\n")
    assert slugignore.apply(app) == 2
    assert sorted(path.name for path in app.iterdir()) == [".slugignore", "kept"]
    assert (outside / "precious").exists()


def test_buildpacks_see_neither_signed_urls_nor_the_builders_python():
    environ = {"GRILLE_SLUG_URL": "u", "PYTHONPATH": "p", "GIT_DIR": "g", "BUILDPACK_URL": "b", "PATH": "/bin"}
    assert task.buildpack_base(environ) == {"PATH": "/bin"}


def test_a_task_names_the_variable_that_is_missing_or_wrong():
    with pytest.raises(GrilleError, match="GRILLE_SOURCE_URL is not set"):
        task.Task.from_environ({})
    with pytest.raises(GrilleError, match="GRILLE_BUILD_ENV is not JSON"):
        task.Task.from_environ({"GRILLE_BUILD_ENV": "{"})


def test_files_times_follow_from_what_is_built():
    assert slug.stamp("s", {"A": "1", "B": "2"}, "") == slug.stamp("s", {"B": "2", "A": "1"}, "")
    assert len({slug.stamp("s", {}, ""), slug.stamp("t", {}, ""), slug.stamp("s", {"A": "1"}, "")}) == 3


def test_a_slug_over_the_limit_is_refused():
    assert slug.check_size(slug.MAX_BYTES) == slug.MAX_BYTES
    with pytest.raises(GrilleError) as caught:
        slug.check_size(slug.MAX_BYTES + 1)
    assert caught.value.code == "slug_too_large"

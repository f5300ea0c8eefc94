"""What changes make of environments, scales and releases; the shape of commands; the planner's imports."""

from __future__ import annotations

import ast
import time
from dataclasses import replace
from pathlib import Path

import pytest

import grille.controller.planner as planner
from grille.controller.planner import StartJob, merge_env, merge_scale, plan, same_release, scale_formation
from grille.controller.planner.specs import arguments
from grille.wire.errors import InvalidValue
from grille.wire.specs import Formation, Scale
from tests.unit.planner.world import START, World, release

PURE = {"__future__", "collections", "dataclasses", "functools", "heapq", "itertools", "re", "shlex", "typing"}


def test_env_changes_are_laid_over_and_none_removes() -> None:
    assert merge_env({"A": "1", "B": "2"}, {"A": None, "C": "3", "D": None}) == {"B": "2", "C": "3"}


def test_releases_are_the_same_whatever_their_names() -> None:
    one = release("shop", 1)
    two = replace(one, version=2, created=START + 9, description="again", source="x")
    assert same_release(one, two)
    assert not same_release(one, replace(two, env={"A": "1"}))
    assert not same_release(one, replace(two, image="other"))


def test_a_scale_is_a_count_or_a_part_of_limits() -> None:
    former = Scale(count=3, memory=256)
    assert merge_scale("web", former, 5) == Scale(count=5, memory=256)
    assert merge_scale("web", former, {"cpu": 2}) == Scale(count=3, memory=256, cpu=2.0)
    assert merge_scale("web", former, {"memory": None}) == Scale(count=3)


@pytest.mark.parametrize(
    "wanted", [-1, 1.5, True, "2", None, {"size": 1}, {"count": 1, "memory": 1}, {"count": 1, "cpu": 0}]
)
def test_a_wrong_scale_names_the_process_type(wanted: object) -> None:
    with pytest.raises(InvalidValue, match="web"):
        merge_scale("web", None, wanted)


def test_scaling_a_process_type_that_is_not_there_says_which_are() -> None:
    formation = Formation(app="shop", release=1)
    with pytest.raises(InvalidValue) as caught:
        scale_formation(formation, release("shop", 1), {"wbe": 2})
    assert caught.value.remedy == "use one of: web, worker"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("", []),
        ("httpd -f -p 5000", ["httpd", "-f", "-p", "5000"]),
        ("say 'a b'", ["say", "a b"]),
        ("httpd -p $PORT", ["sh", "-c", "httpd -p $PORT"]),
        ("it's", ["sh", "-c", "it's"]),
    ],
)
def test_a_command_line_for_an_image(command: str, expected: list[str]) -> None:
    assert arguments(command) == expected


def test_the_planner_imports_nothing_that_does_io() -> None:
    for file in Path(planner.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{file.name} reaches out of the planner"
                names = [node.module or ""] if node.level == 0 else []
            for name in names:
                assert name.split(".")[0] in PURE or name.startswith("grille.wire."), f"{file.name}: {name}"


def test_a_large_grid_is_planned_in_about_linear_time() -> None:
    world = World(hosts=1000)
    for number in range(200):
        world.add_app(f"app-{number}", web=90, worker=10)
    world.add_app("giant", web=5000)
    began = time.process_time()
    first = world.plan()
    assert time.process_time() - began < 10  # about 1 s; quadratic scans take minutes
    assert sum(isinstance(action, StartJob) for action in first) == 25_000
    world.carry_out(first)
    for ident in world.jobs:
        world.set(ident, "up")
    began = time.process_time()
    assert plan(world.state(), world.limits, world.now) == []
    assert time.process_time() - began < 5

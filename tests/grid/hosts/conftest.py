"""Three hosts with a grid and an app on them: one lab for all tests, gone after them however they end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.grid.hosts.rig import HOSTS, Grid, until
from tests.lab import Lab
from tests.support.grid import ROOT
from tests.support.images import images

APP = "hello"
COUNT = 6


@pytest.fixture(scope="package")
def grid() -> Iterator[Grid]:
    """A grid of three hosts, each of which does everything, laid over SSH.

    With ``GRILLE_LAB=up`` in the environment it is the one on the lab that is up, which stays.
    """
    if os.environ.get("GRILLE_LAB") == "up":
        yield Grid(Lab.attach())
        return
    with Lab(len(HOSTS), list(images().values())) as lab:
        made = Grid(lab)
        made.playbook("site").ok()
        source = str(Path(ROOT) / "examples" / "hello-python")
        made.playbook("deploy", app=APP, source=source, scale={"web": COUNT}).ok()
        yield made


@pytest.fixture
def app(grid: Grid) -> str:
    """The app, up on all hosts, which are all on; whatever the test before did."""
    grid.lab.start(*(number for number in HOSTS if not grid.lab.host(number).pid))
    until("all instances run", lambda: sum(grid.spread(APP).values()) == COUNT, 90)
    if min(grid.spread(APP).values()) == 0:  # a host that returned has none; new ones go there
        grid.scale(APP, len(HOSTS))
        until("the surplus is gone", lambda: sum(grid.spread(APP).values()) == len(HOSTS), 60)
        grid.scale(APP, COUNT)
        until("each host has some", lambda: min(grid.spread(APP).values()) > 0, 60)
    for number in HOSTS:
        until(f"discoverd on host {number} finds all", lambda n=number: len(grid.instances(APP, n)) == COUNT, 60)
        until(f"router {number} answers", lambda n=number: grid.get(n, APP)[0] == 200, 30)
    return APP

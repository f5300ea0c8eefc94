"""The lab itself: each verb does what it says, and a lab whose owner died leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.lab.lab import STATE
from tests.lab.shell import FOLDER, LabError, sh


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two hosts without images."""
    with Lab(2) as made:
        yield made


def _ssh(lab: Lab, number: int, *words: str) -> subprocess.CompletedProcess[str]:
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=5", "BatchMode=yes"]
    flags = [flag for option in options for flag in ("-o", option)]
    command = ["ssh", "-q", "-i", str(lab.folder / "key"), *flags, f"root@{lab.host(number).address}", *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 255, "", "no answer")


def _answers(lab: Lab, number: int) -> bool:
    return _ssh(lab, number, "true").returncode == 0


def _left() -> list[str]:
    """What of a lab is on this machine."""
    found = [line for line in sh("ip", "netns", "list").splitlines() if line.startswith("grille-")]
    found += [line for line in sh("ip", "-o", "link").splitlines() if "grille-lab" in line]
    found += [line for line in sh("iptables-save").splitlines() if "grille-lab" in line or "10.90.0.0" in line]
    found += [line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if str(STATE) in line]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob("*/grille-lab*")]
    return found + ([str(STATE)] if STATE.exists() else [])


def test_hosts_are_apart_and_reach_one_another_and_the_world(lab: Lab) -> None:
    assert [_ssh(lab, number, "hostname").stdout.strip() for number in (1, 2)] == ["alpha", "bravo"]
    assert _ssh(lab, 1, "docker", "ps", "-q").stdout == ""
    assert "sshd" in _ssh(lab, 1, "cat", "/proc/*/comm").stdout
    reach = f"exec 3<>/dev/tcp/{lab.host(2).address}/22 && head -c 4 <&3"
    assert _ssh(lab, 1, f"bash -c '{reach}'").stdout == "SSH-"


def test_power_off_keeps_the_disk_and_nothing_else(lab: Lab) -> None:
    _ssh(lab, 2, "echo kept >/root/file; echo lost >/run/file")
    lab.kill(2)
    assert (lab.host(2).pid, _answers(lab, 2), _answers(lab, 1)) == (0, False, True)
    lab.start(2)
    assert _ssh(lab, 2, "cat", "/root/file", "/run/file").stdout == "kept\n"
    with pytest.raises(LabError, match="on already"):
        lab.start(2)


def test_a_cut_host_runs_and_is_not_reached(lab: Lab) -> None:
    lab.cut(2)
    assert not _answers(lab, 2)
    assert lab.host(2).run("cat", "/sys/class/net/eth0/carrier").stdout == "1\n"
    lab.mend(2)
    assert _answers(lab, 2)


def test_a_frozen_host_accepts_and_says_nothing(lab: Lab) -> None:
    lab.freeze(2)
    begin = time.monotonic()
    assert not _answers(lab, 2)
    assert time.monotonic() - begin > 1.5  # it was not refused
    lab.thaw(2)
    assert _answers(lab, 2)
    lab.freeze(2)
    lab.kill(2)  # frozen processes die as well
    assert lab.host(2).pid == 0
    lab.start(2)


def test_one_lab_at_a_time_and_no_such_host(lab: Lab) -> None:
    with pytest.raises(LabError, match="uses it"):
        Lab(1).up()
    assert _answers(lab, 1)
    with pytest.raises(LabError, match="no host 3"):
        lab.kill(3)
    with pytest.raises(LabError, match="1 to 5 hosts, not 9"):
        Lab(9)


def test_a_killed_owner_leaves_nothing(lab: Lab) -> None:
    lab.down()
    assert _left() == []
    up = "import os, time; from tests.lab import Lab; Lab(2).up(owner=os.getpid())"
    script = f"{up}; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=FOLDER.parents[1], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        assert len(_left()) > 5
        owner.kill()
    end = time.monotonic() + 20
    while _left() and time.monotonic() < end:
        time.sleep(0.2)
    assert _left() == []

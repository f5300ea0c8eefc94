"""The certificates that HAProxy serves, kept in step with their records. Used by the reconciler, one call at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from ...service.sealing import Keyring
from ...store import Entry, Event
from ...wire import keys
from ..cli import Cli
from . import disk, plan
from .claims import Claims, settle
from .held import Held, ask, list_file, refresh
from .ocsp import Answer
from .plan import Step, Wanted
from .records import Records
from .staples import Staples

log = structlog.get_logger()
RETRY, MOST_RETRY = 1.0, 60.0  # seconds after which something refused is tried again: doubled each time
LINGER = 10.0  # seconds that a file stays after its certificate: the list on the disk may name it a little longer


@dataclass(frozen=True)
class Refusal:
    """HAProxy said no to a certificate: what it said, how often in a row, and when to try again (monotonic)."""

    said: str
    times: int
    again: float


class Certificates:
    """Keeps HAProxy's certificates in step with the records below ``keys.CERTIFICATES``.

    ``dropped``: lines taken from HAProxy's list; of each, HAProxy 2.6 gives some 20 KiB back only when it ends.
    ``refused``: keys in the store whose certificates are left out, in whole or in part, with the reason.
    ``staples``: what fetches OCSP answers; its ``run`` is a loop of the daemon's, and a turn is due after its ``news``.

    Args:
        folder: the router's folder; certificates lie in its ``certs``, the crt-list is ``certs/list.txt``.
        keyring: opens private keys.
    """

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self._folder, self._records = folder, Records(keyring)
        self._certs, self._list = folder / "certs", list_file(folder)
        self._claims = Claims()
        self._wanted: dict[str, Wanted] = {}  # by file
        self._refusals: dict[str, Refusal] = {}  # by file
        self._held = Held()
        self._disk: dict[str, str] = {}  # digests, by path
        self._orphans: dict[str, float] = {}  # files of no use, and since when (monotonic)
        self._due = False
        self._stapled: dict[str, Answer] = {}  # what HAProxy was given, by file
        self.staples = Staples()
        self.dropped = 0
        self.refused: dict[str, str] = {}

    def apply(self, events: Iterable[Event]) -> bool:
        """Take in changes of the store; whether there is something to do."""
        return self._changed(self._records.apply(events))

    def reset(self, entries: Mapping[str, Entry]) -> None:
        """Take ``entries``, all there are, for what was known before."""
        self._changed(self._records.reset(entries))
        self._due = True

    def _changed(self, changed: set[str]) -> bool:
        for key in changed:
            self._refusals.pop(self._file(key), None)
        self._due = self._due or bool(changed)
        return self._due

    async def ask(self, cli: Cli) -> None:
        """Read what HAProxy and the disk hold; records that were no good are tried again. Raises Unavailable."""
        self._records.retry()
        self._held = await ask(cli, self._folder)
        if self._held.open:
            await cli.run([f"abort ssl cert {self._held.open}"])
        self._disk = await asyncio.to_thread(disk.contents, self._certs)
        self._due = True

    async def turn(self, cli: Cli) -> bool:
        """Bring HAProxy to what is wanted; False while it refuses something. Raises Unavailable."""
        now = time.monotonic()
        retry = any(each.again <= now for each in self._refusals.values())
        if not self._due and not retry and not self._answers():
            return not self._refusals
        self._due = False
        self._decide()
        if self._held.tls:
            touched = await self._put(cli, now) | await self._remove(cli)
            if touched:
                await refresh(cli, self._folder, self._held, touched)
            await self._staple(cli)
            await self._sweep()
        self._tell()
        return not self._refusals

    def saved(self) -> list[str]:
        """The crt-list's lines for a restart: of the certificates that lie on the disk."""
        kept = self._kept()
        wanted = [each.text(one) for file, each in self._wanted.items() if file not in kept for one in each.lines()]
        held = [str(line) for line in self._held.lines if line.file in kept]
        return sorted(line for line in wanted + held if all(path in self._disk for path in plan.files_in(line)))

    def _file(self, key: str) -> str:
        return str(self._certs / f"{key.removeprefix(keys.CERTIFICATES)}.pem")

    def _kept(self) -> set[str]:
        """The files that stay as HAProxy has them: what is new for them was refused, or cannot be read here."""
        return self._refusals.keys() | {self._file(key) for key in self._records.locked}

    def _decide(self) -> None:
        self._claims = settle(self._records.materials.values(), time.time())
        self._wanted = {}
        for key, domains in self._claims.domains.items():
            if domains:
                file, found = self._file(key), self._records.materials[key]
                self._wanted[file] = Wanted(found, file, plan.ca_of(file) if found.ca else "", domains)
        self._refusals = {file: each for file, each in self._refusals.items() if file in self._wanted}

    async def _put(self, cli: Cli, now: float) -> set[str]:
        """Give HAProxy, then the disk, what is new; the files that it was about."""
        waiting = {file for file, each in self._refusals.items() if each.again > now}
        ready = [each for file, each in self._wanted.items() if file not in waiting]
        wrong = {
            path: (each.file, text)
            for each in ready
            for path, text in each.files().items()
            if self._disk.get(path) != disk.digest(text)
        }
        steps = plan.puts(ready, self._held, wrong.keys(), self._list)
        refused = await self._run(cli, steps)
        for each in ready:
            self._note(each.file, refused.get(each.file, ""), now)
        await self._lay({path: text for path, (file, text) in wrong.items() if file not in refused})
        return {path for step in steps for path in self._wanted[step.file].files()}

    async def _lay(self, files: dict[str, str]) -> None:
        if files:
            await asyncio.to_thread(disk.write_all, files)
            self._disk |= {path: disk.digest(text) for path, text in files.items()}

    async def _remove(self, cli: Cli) -> set[str]:
        """Take away what is no longer wanted; the files that it was about."""
        steps = plan.removals(self._wanted, self._held, self._kept(), self._list)
        for file, said in (await self._run(cli, steps)).items():
            log.warning("HAProxy keeps a certificate", file=file, answer=said)
        self.dropped += sum(step.commands[0].startswith("del ssl crt-list") for step in steps)
        return {step.file for step in steps}

    def _answers(self) -> dict[str, Answer]:
        """The OCSP answers that HAProxy does not have yet, by file: those that are about what it holds."""
        found = {
            file: answer
            for file, sha1 in self._held.files.items()
            if file in self._wanted and (answer := self.staples.answers.get(sha1)) is not None
        }
        given = {file: answer for file, answer in self._stapled.items() if file in self._held.stapled}
        return {file: answer for file, answer in found.items() if given.get(file) != answer}

    async def _staple(self, cli: Cli) -> None:
        """Give HAProxy what OCSP responders said. They are in no file: HAProxy does not start with one that is old."""
        self.staples.want(each.material.question for each in self._wanted.values() if each.material.question)
        answers = self._answers()
        refused = await self._run(cli, [plan.staple(file, answer.der) for file, answer in answers.items()])
        for file, said in refused.items():
            log.warning("HAProxy refused an OCSP answer", file=file, answer=said)
        self._stapled |= answers
        self._held.stapled |= answers.keys()

    async def _run(self, cli: Cli, steps: list[Step]) -> dict[str, str]:
        """Carry out ``steps``; what HAProxy said to those that it refused, by file."""
        answers = iter(await cli.run([command for step in steps for command in step.commands]))
        said = [(step.file, step.refusal([next(answers) for _ in step.commands])) for step in steps]
        return {file: answer for file, answer in said if answer}

    def _note(self, file: str, said: str, now: float) -> None:
        before = self._refusals.pop(file, None)
        if said:
            times = before.times + 1 if before else 1
            self._refusals[file] = Refusal(said, times, now + min(MOST_RETRY, RETRY * 2 ** (times - 1)))
            log.warning("HAProxy refused a certificate", file=file, answer=said, times=times)

    def _tell(self) -> None:
        reasons = {**self._claims.reasons, **self._records.bad}
        for file, each in self._refusals.items():
            if file in self._wanted:
                reasons[self._wanted[file].material.key] = f"HAProxy refused it: {each.said}"
        for key, reason in reasons.items():
            if self.refused.get(key) != reason:
                log.warning("certificate left out, in whole or in part", key=key, reason=reason)
        self.refused = reasons

    async def _sweep(self) -> None:
        """Remove files that have been of no use for long: HAProxy must not be started with a list that names them."""
        kept = self._kept()
        used = {path for each in self._wanted.values() for path in each.files()}
        used |= kept | {plan.ca_of(file) for file in kept}
        useless = self._disk.keys() - used
        gone = {path for path in useless if time.monotonic() - self._orphans.get(path, time.monotonic()) > LINGER}
        await asyncio.to_thread(disk.remove, gone)
        self._disk = {path: found for path, found in self._disk.items() if path not in gone}
        self._orphans = {path: self._orphans.get(path, time.monotonic()) for path in useless - gone}

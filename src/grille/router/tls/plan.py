"""The commands that lead from what HAProxy holds to what is wanted: pure.

First all that is new or changed, each certificate for itself, then what is to go: no domain is without its
certificate between two commands. HAProxy swaps a certificate in one step; connections that stand keep theirs.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ..cli import with_payload
from .held import Held, Line, line_of
from .material import Material

MOST_WORDS = 40  # domains of one line; HAProxy takes 64 words


@dataclass(frozen=True)
class Wanted:
    """A certificate as HAProxy should have it. ``ca_file`` is empty without a CA."""

    material: Material
    file: str
    ca_file: str
    domains: tuple[str, ...]

    def lines(self) -> list[frozenset[str]]:
        """The domains of each of its lines in the crt-list."""
        return [frozenset(self.domains[at : at + MOST_WORDS]) for at in range(0, len(self.domains), MOST_WORDS)]

    def text(self, domains: Iterable[str]) -> str:
        """A line of the crt-list."""
        return line_of(self.file, self.ca_file, domains)

    def files(self) -> dict[str, str]:
        """What is to lie on the disk for it, by path."""
        files = {self.file: self.material.pem}
        return files | ({self.ca_file: self.material.ca} if self.ca_file else {})


@dataclass
class Step:
    """Commands that belong together. ``file``: the certificate that they are about.

    ``expect``: what the answer to each must hold to be a yes; empty: whatever it is.
    """

    file: str
    commands: list[str] = field(default_factory=list)
    expect: list[str] = field(default_factory=list)

    def add(self, command: str, expect: str) -> None:
        """Add one command."""
        self.commands.append(command)
        self.expect.append(expect)

    def refusal(self, answers: list[str]) -> str:
        """The first answer that is a no, in one line; empty when all went well."""
        for answer, expect in zip(answers, self.expect, strict=True):
            if expect not in answer:
                return " ".join(answer.split()) or "no answer"
        return ""


def puts(wanted: Iterable[Wanted], held: Held, stale: Collection[str], crt_list: str) -> list[Step]:
    """What is new or changed, one step for each certificate.

    Args:
        stale: files whose contents may differ from what is wanted though their fingerprints agree.
    """
    have = {(line.file, line.ca, line.domains) for line in held.lines}
    steps = [Step(each.file) for each in wanted]
    for each, step in zip(wanted, steps, strict=True):
        if each.ca_file and (held.cas.get(each.ca_file) != each.material.ca_sha1 or each.ca_file in stale):
            _put_ca(step, each, new=each.ca_file not in held.cas)
        if held.files.get(each.file) != each.material.sha1 or each.file in stale:
            _put_certificate(step, each, new=each.file not in held.files)
        for domains in each.lines():
            if (each.file, each.ca_file, domains) not in have:
                step.add(with_payload(f"add ssl crt-list {crt_list}", each.text(domains)), "Success!")
    return [step for step in steps if step.commands]


def _put_ca(step: Step, each: Wanted, *, new: bool) -> None:
    if new:
        step.add(f"new ssl ca-file {each.ca_file}", "created")
    step.add(with_payload(f"set ssl ca-file {each.ca_file}", each.material.ca), "transaction")
    step.add(f"commit ssl ca-file {each.ca_file}", "Success!")
    step.add(f"abort ssl ca-file {each.ca_file}", "")  # nothing to abort, unless the commit failed


def _put_certificate(step: Step, each: Wanted, *, new: bool) -> None:
    if new:
        step.add(f"new ssl cert {each.file}", "New empty")
    step.add(with_payload(f"set ssl cert {each.file}", each.material.pem), "Transaction")
    step.add(f"commit ssl cert {each.file}", "Success!")
    step.add(f"abort ssl cert {each.file}", "")


def staple(file: str, der: bytes) -> Step:
    """The commands that give a certificate an OCSP answer, its first one or another."""
    step = Step(file)
    step.add(with_payload(f"set ssl cert {file}.ocsp", base64.b64encode(der).decode()), "Transaction")
    step.add(f"commit ssl cert {file}", "Success!")
    step.add(f"abort ssl cert {file}", "")
    return step


def removals(wanted: Mapping[str, Wanted], held: Held, kept: Collection[str], crt_list: str) -> list[Step]:
    """What is to go: lines first, then the files that no line names.

    Args:
        wanted: by file. kept: files whose lines and CAs stay as they are.
    """
    steps: list[Step] = []
    for line in held.lines:
        if line.file not in kept and not _is_wanted(wanted.get(line.file), line):
            step = Step(line.file)
            step.add(f"del ssl crt-list {crt_list} {line.file}:{line.number}", "deleted")
            steps.append(step)
    authorities = {each.ca_file for each in wanted.values()} | {ca_of(file) for file in kept}
    for kind, files in (
        ("cert", held.files.keys() - wanted.keys() - set(kept)),
        ("ca-file", held.cas.keys() - authorities),
    ):
        for file in sorted(files):
            step = Step(file)
            step.add(f"del ssl {kind} {file}", "deleted")
            steps.append(step)
    return steps


def _is_wanted(each: Wanted | None, line: Line) -> bool:
    return each is not None and each.ca_file == line.ca and line.domains in each.lines()


def ca_of(file: str) -> str:
    """The path of the CA of the certificate in ``file``."""
    return f"{file.removesuffix('.pem')}.ca"


def files_in(line: str) -> list[str]:
    """The files that a line of the crt-list names."""
    file, _, rest = line.partition(" ")
    return [file, rest.split(" ")[1]] if rest.startswith("[") else [file]

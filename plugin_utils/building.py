# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way of a source into the grid and out of a build: pack here, carry to the target host, build, follow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ..module_utils.grille.errors import GrilleError
from .acting import Result, StepFailed, display
from .following import FollowingAction, timeout
from .packing import Packed, packed

BUILD_SECONDS = 1200.0


class BuildingAction(FollowingAction):
    """An action that builds a source."""

    TRANSFERS_FILES = True

    @contextmanager
    def packing(self, source: str) -> Iterator[Packed]:
        """The source, packed on the control node; says how large it is and warns of what stays behind."""
        with (
            tempfile.TemporaryDirectory(prefix="grille-") as folder,
            packed(source, os.getcwd(), os.path.join(folder, "source.tar.gz")) as pack,
        ):
            self.say(f"packed {pack.files} files of {source}: {pack.size / 1000:.1f} kB, {pack.digest[:12]}")
            for path in pack.skipped[:5]:
                display.warning(f"{path} is left out: it is no file, or a link that leads out of the source")
            yield pack

    def store(self, pack: Packed) -> None:
        """Carry the packed source to the target host, and from there into the grid's store."""
        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, f"{pack.digest}.tar.gz")
        self._transfer_file(pack.path, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        login = {name: value for name, value in self.connection().items() if name != "controller_url"}
        self.module("grille_object", {**login, "path": f"sources/{pack.digest}.tar.gz", "src": remote})

    def build(self, app: str, digest: str, arguments: Result) -> Result:
        """Build the source with this digest; the ticket of the build when it has succeeded."""
        wish = {name: arguments[name] for name in ("env", "secrets", "buildpack") if arguments.get(name)}
        try:
            ticket = self.module("grille_build", {**self.connection(), **wish, "app": app, "source": digest})["ticket"]
            ended, told = self.follow(ticket, timeout(arguments, BUILD_SECONDS))
            return self.succeed(ended, "the build", told)
        except (GrilleError, StepFailed):
            self.say("nothing was released")
            raise

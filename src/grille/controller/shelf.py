"""A client of shelf: found in the store, signed URLs for builders, objects to move and to delete."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from ..service.tokens import Tokens
from ..wire.errors import NotFound, Unavailable, from_problem
from ..wire.signing import sign
from .records import Records

TIMEOUT = aiohttp.ClientTimeout(total=60.0, sock_connect=3.0)


class Shelf:
    """Shelf, wherever it is registered.

    Args:
        key_file: holds the key of signed URLs; read at each use.
    """

    def __init__(self, session: aiohttp.ClientSession, tokens: Tokens, records: Records, key_file: str) -> None:
        self._session, self._tokens, self._records, self._key = session, tokens, records, Path(key_file)

    def url(self, path: str) -> str:
        """The URL of the object at ``path``; raises Unavailable when no shelf is registered."""
        found = [one for (service, _), one in sorted(self._records.instances.items()) if service == "shelf"]
        if not found:
            raise Unavailable("no shelf is registered", remedy="see its state with playbooks/info.yml -e app=shelf")
        return f"http://{found[0].address}:{found[0].port}/objects/{quote(path)}"

    def signed(self, method: str, path: str, expires: float) -> str:
        """A URL that lets its holder do ``method`` to ``path`` until ``expires``; raises Unavailable."""
        try:
            key = self._key.read_bytes().strip()
        except OSError as error:
            raise Unavailable(
                f"{self._key} cannot be read: {error.strerror}", remedy="run playbooks/site.yml"
            ) from None
        return sign(key, method, self.url(path), expires)

    async def document(self, path: str, most: int = 1024 * 1024) -> Any:
        """The JSON document at ``path``; None when it is no JSON or above ``most`` bytes; raises NotFound."""
        data = await self._call("GET", self.url(path), most=most)
        try:
            return json.loads(data)
        except ValueError:
            return None

    async def digest(self, path: str) -> str:
        """The sha256 of the object at ``path``; raises NotFound."""
        try:
            async with self._session.head(self.url(path), headers=self._headers(), timeout=TIMEOUT) as answer:
                status, etag = answer.status, answer.headers.get("ETag", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"shelf does not answer: {error or type(error).__name__}") from None
        if status >= 300:
            raise from_problem(status, {"detail": f"no digest of object {path!r}: shelf answered {status}"})
        return etag.strip('"')

    async def move(self, path: str, to: str) -> None:
        """Give an object another path; raises NotFound."""
        await self._call("POST", self.url(path) + f"?move_to={quote(to)}")

    async def delete(self, path: str) -> None:
        """Delete an object; one that is not there is fine."""
        try:
            await self._call("DELETE", self.url(path))
        except NotFound:
            return

    async def objects(self, prefix: str) -> AsyncIterator[dict[str, Any]]:
        """All objects below ``prefix``: path, size, modified."""
        base, after = self.url("").rstrip("/"), ""
        while True:
            data = await self._call("GET", f"{base}?prefix={quote(prefix)}&after={quote(after)}", most=2**26)
            page = json.loads(data)
            for item in page["objects"]:
                yield item
            after = page.get("next") or ""
            if not after:
                return

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens.of('admin')}"}

    async def _call(self, method: str, url: str, most: int = 65536) -> bytes:
        try:
            async with self._session.request(method, url, headers=self._headers(), timeout=TIMEOUT) as answer:
                data = await answer.content.read(most) if answer.status < 300 else await answer.read()
                while answer.status < 300 and len(data) < most and (more := await answer.content.read(most)):
                    data += more
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"shelf does not answer: {error or type(error).__name__}") from None
        if answer.status >= 300:
            raise from_problem(answer.status, _document(data))
        return data


def _document(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None

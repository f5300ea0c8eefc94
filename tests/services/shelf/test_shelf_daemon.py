"""The daemon as a process: objects over HTTP, who may, crashes, clients that leave, memory, a full disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grille.wire.signing import sign
from tests.support.daemon import Daemon

KEY = b"the key of signed URLs"
BLOCK = bytes(range(256)) * 4096  # 1 MiB


def make(folder: Path, data: Path) -> Daemon:
    (folder / "key").write_bytes(KEY + b"\n")
    return Daemon("grille.shelf", "SHELF_PORT", folder, DATA=str(data), SHELF_KEY=str(folder / "key"))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Daemon]:
    daemon = make(tmp_path, tmp_path / "data").start()
    yield daemon
    daemon.kill()


def leftovers(data: Path) -> list[Path]:
    return [path for path in data.rglob("*") if path.is_file()]


def settled(data: Path, files: int) -> bool:
    """Whether ``files`` files are below ``data`` within five seconds."""
    for _ in range(100):
        if len(leftovers(data)) == files:
            return True
        time.sleep(0.05)
    return False


def begin_upload(client: socket.socket, target: str) -> None:
    """Send the head of an upload and the first mebibyte of its ten million bytes."""
    head = ["Host: x", "Authorization: Bearer deploy-token", "Content-Length: 9999999"]
    client.sendall("\r\n".join([f"PUT {target} HTTP/1.1", *head, "", ""]).encode() + BLOCK)


def test_life_of_an_object(shelf: Daemon) -> None:
    digest = hashlib.sha256(BLOCK).hexdigest()
    made = shelf.call("PUT", "/objects/slugs/a%20b", BLOCK, headers={"X-Content-SHA256": digest})
    assert (made.status, made.json) == (201, {"path": "slugs/a b", "size": len(BLOCK), "sha256": digest})
    assert shelf.call("PUT", "/objects/slugs/a%20b", [BLOCK]).status == 200
    got = shelf.call("GET", "/objects/slugs/a%20b", token="read")
    assert (got.status, got.body, got.headers["ETag"]) == (200, BLOCK, f'"{digest}"')
    head = shelf.call("HEAD", "/objects/slugs/a%20b", token="read")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(BLOCK)))
    part = shelf.call("GET", "/objects/slugs/a%20b", headers={"Range": "bytes=300-1299"})
    assert (part.status, part.body) == (206, BLOCK[300:1300])
    assert part.headers["Content-Range"] == f"bytes 300-1299/{len(BLOCK)}"
    beyond = shelf.call("GET", "/objects/slugs/a%20b", headers={"Range": f"bytes={len(BLOCK)}-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(BLOCK)}")
    assert shelf.call("GET", "/objects/slugs/a%20b", headers={"If-None-Match": f'"{digest}"'}).status == 304
    assert shelf.call("GET", "/objects/slugs/a%20b", headers={"If-Match": '"x"'}).status == 412
    assert shelf.call("DELETE", "/objects/slugs/a%20b").json == {"path": "slugs/a b", "deleted": True}
    for method in ("GET", "HEAD", "DELETE"):
        gone = shelf.call(method, "/objects/slugs/a%20b")
        assert gone.status == 404
    assert gone.json["code"] == "unknown_object"


def test_an_empty_object(shelf: Daemon) -> None:
    assert shelf.call("PUT", "/objects/a/empty", b"").json["size"] == 0
    got = shelf.call("GET", "/objects/a/empty")
    assert (got.status, got.body) == (200, b"")


def test_move_and_list(shelf: Daemon) -> None:
    for name in ("b", "a", "d/e", "c"):
        shelf.call("PUT", f"/objects/builds/{name}", name.encode())
    shelf.call("PUT", "/objects/slugs/x", b"before")
    moved = shelf.call("POST", "/objects/builds/d/e?move_to=slugs/x")
    assert (moved.status, moved.json["path"]) == (200, "slugs/x")
    assert shelf.call("GET", "/objects/slugs/x").body == b"d/e"
    assert shelf.call("GET", "/objects/builds/d/e").status == 404
    assert shelf.call("POST", "/objects/builds/d/e?move_to=slugs/x").status == 404
    assert shelf.call("POST", "/objects/builds/a").status == 400
    assert shelf.call("POST", "/objects/builds/a?move_to=../x").json["code"] == "invalid_path"
    first = shelf.call("GET", "/objects?prefix=builds/&limit=2", token="read").json
    assert ([found["path"] for found in first["objects"]], first["next"]) == (["builds/a", "builds/b"], "builds/b")
    rest = shelf.call("GET", "/objects?prefix=builds/&limit=2&after=builds/b", token="read").json
    assert ([found["path"] for found in rest["objects"]], rest["next"]) == (["builds/c"], None)
    for limit in ("0", "x", "99999", "-1"):
        assert shelf.call("GET", f"/objects?limit={limit}").status == 400


def test_bad_paths_are_refused(shelf: Daemon, tmp_path: Path) -> None:
    for path in ("alone", "", "a//b", "a/../b", "a/%2e%2e/b", "a/b%00", "a/%ff", "a/" + "b" * 300):
        refused = shelf.call("PUT", f"/objects/{path}", b"x")
        assert (refused.status, refused.json["code"]) == (400, "invalid_path"), path
        assert refused.json["remedy"]
    assert leftovers(tmp_path / "data") == []


def test_damaged_bodies_leave_nothing(shelf: Daemon, tmp_path: Path) -> None:
    damaged = shelf.call("PUT", "/objects/a/b", BLOCK, headers={"X-Content-SHA256": "0" * 64})
    assert (damaged.status, damaged.json["code"]) == (400, "digest_mismatch")
    assert shelf.call("PUT", "/objects/a/b", b"x", headers={"Content-Encoding": "gzip"}).status == 400
    assert settled(tmp_path / "data", 0)


def test_a_refusal_reaches_a_client_that_sends_all_first(shelf: Daemon, tmp_path: Path) -> None:
    """At a speed for which the HTTP server's own patience would not last."""

    def slowly() -> Iterator[bytes]:
        for _ in range(24):
            time.sleep(0.5)
            yield BLOCK

    refused = shelf.call("PUT", "/objects/a/../b", slowly())
    assert (refused.status, refused.json["code"]) == (400, "invalid_path")


def test_roles(shelf: Daemon) -> None:
    shelf.call("PUT", "/objects/a/b", b"x", token="admin")
    for method, target in (("PUT", "/objects/a/b"), ("DELETE", "/objects/a/b"), ("POST", "/objects/a/b?move_to=a/c")):
        assert shelf.call(method, target, token="read").status == 403
        assert shelf.call(method, target, token="").status == 401
    for target in ("/objects/a/b", "/objects"):
        assert shelf.call("GET", target, token="read").status == 200
        assert shelf.call("GET", target, token="").status == 401


def test_signed_urls(shelf: Daemon) -> None:
    later = time.time() + 60
    put = sign(KEY, "PUT", "/objects/a/b%20c", later)
    assert shelf.call("PUT", put, b"x", token="").status == 201
    get = sign(KEY, "GET", "/objects/a/b%20c", later)
    assert shelf.call("GET", get, token="").body == b"x"
    assert shelf.call("HEAD", get, token="").status == 200
    late = sign(KEY, "GET", "/objects/a/b%20c", time.time() - 2)
    forged = sign(b"other", "GET", "/objects/a/b%20c", later)
    for method, target in (("GET", late), ("GET", forged), ("GET", put), ("PUT", get), ("DELETE", get)):
        refused = shelf.call(method, target, token="")
        assert (refused.status, refused.json["code"]) == (401, "bad_signature")
    move = sign(KEY, "POST", "/objects/a/b%20c", later) + "&move_to=a/d"
    assert shelf.call("POST", move, token="").status == 401, "a signature does not cover where to move"
    assert shelf.call("GET", get.replace("/a/b", "/a/x"), token="").status == 401


def test_a_client_that_leaves(shelf: Daemon, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with socket.create_connection(("127.0.0.1", shelf.port)) as client:
        begin_upload(client, "/objects/a/b")
        assert settled(data, 1), "the upload has begun"
    assert settled(data, 0)
    shelf.call("PUT", "/objects/a/big", (BLOCK for _ in range(30)))
    with socket.create_connection(("127.0.0.1", shelf.port)) as client:
        client.sendall(b"GET /objects/a/big HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer read-token\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    assert shelf.call("GET", "/objects/a/big").body == BLOCK * 30
    assert "request failed" not in shelf.log


def test_killed_in_an_upload_and_started_again(shelf: Daemon, tmp_path: Path) -> None:
    data = tmp_path / "data"
    etag = shelf.call("PUT", "/objects/a/kept", BLOCK).json["sha256"]
    with socket.create_connection(("127.0.0.1", shelf.port)) as client:
        begin_upload(client, "/objects/a/kept")
        assert settled(data, 2)
        shelf.kill()
    shelf.start()
    assert settled(data, 1), "the temporary file is gone"
    got = shelf.call("GET", "/objects/a/kept")
    assert (got.body, got.headers["ETag"]) == (BLOCK, f'"{etag}"')
    assert shelf.stop() == 0


def test_concurrent_uploads_to_one_path(shelf: Daemon) -> None:
    bodies = [bytes([number]) * 300_000 for number in range(8)]
    threads = [threading.Thread(target=shelf.call, args=("PUT", "/objects/a/b", body)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = shelf.call("GET", "/objects/a/b")
    assert got.body in bodies
    assert got.headers["ETag"] == f'"{hashlib.sha256(got.body).hexdigest()}"'


def test_memory_does_not_grow_with_objects(shelf: Daemon) -> None:
    for _ in range(2):
        shelf.call("PUT", "/objects/a/warm", (BLOCK for _ in range(8)))
    before = shelf.memory()
    assert shelf.call("PUT", "/objects/a/large", (BLOCK for _ in range(300)), timeout=120).status == 201
    with socket.create_connection(("127.0.0.1", shelf.port)) as client:
        client.sendall(
            b"GET /objects/a/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer read-token\r\n\r\n"
        )
        received = 0
        while chunk := client.recv(1 << 20):
            received += len(chunk)
    assert received > 300 * len(BLOCK)
    assert shelf.memory() - before < 20e6


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as data:
        shelf = make(tmp_path, data).start()
        try:
            shelf.call("PUT", "/objects/a/kept", BLOCK * 3)
            announced = shelf.call("PUT", "/objects/a/b", BLOCK * 6)
            streamed = shelf.call("PUT", "/objects/a/b", (BLOCK for _ in range(6)))
            for refused in (announced, streamed):
                assert (refused.status, refused.json["code"]) == (507, "out_of_space")
                assert refused.json["remedy"]
            assert leftovers(data) == [data / "objects/a/kept"]
            assert shelf.call("GET", "/objects/a/kept").body == BLOCK * 3
            assert shelf.call("PUT", "/objects/a/b", BLOCK * 4).status == 201
            assert shelf.call("DELETE", "/objects/a/b").status == 200, "deleting needs no room"
            assert os.statvfs(data).f_bavail * os.statvfs(data).f_frsize >= 4 * len(BLOCK)
        finally:
            shelf.kill()

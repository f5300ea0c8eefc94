"""One build from beginning to end: the order of the steps, and nothing about how each is done."""

from __future__ import annotations

from pathlib import Path

from ..wire.errors import GrilleError, Unprocessable
from . import archive, buildpack, cache, compile, procfile, slug, slugignore, transfer
from .buildpack import Buildpack
from .compile import Defaults
from .output import line, megabytes, title
from .task import Task

MAX_SOURCE = 1_000_000_000


def build(task: Task) -> dict[str, object]:
    """Build and store the slug of ``task``; the result document (docs/contracts.md, "Builds").

    Raises:
        GrilleError: with the code of what is wrong.
    """
    folders = {name: task.scratch / name for name in ("cache", "home")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    source = _source(task)
    declared = procfile.read(task.app)
    time = slug.stamp(source, task.env, task.buildpack_url)
    environ = compile.environment(
        task.base, task.app, folders["home"], task.request_id, task.source_version or source, time
    )
    packs = _choose(task, environ)
    cache.restore(task.cache_get_url, folders["cache"], task.scratch)
    before = cache.fingerprint(folders["cache"])
    defaults = _compile(task, packs, folders["cache"], environ)
    processes = _processes(declared, defaults, packs)
    built = _slug(task, time)
    if task.cache_put_url and cache.fingerprint(folders["cache"]) != before:
        cache.save(task.cache_put_url, folders["cache"], task.scratch)
    name = ",".join(pack.name for pack in packs)
    return {"slug": built, "processes": processes, "buildpack": name, "env": defaults.env}


def _source(task: Task) -> str:
    packed = task.scratch / "source.tar.gz"
    try:
        digest = transfer.download(task.source_url, packed, most=MAX_SOURCE)
    except GrilleError as error:
        if error.status in (404, 413):
            raise archive.bad(f"the source cannot be fetched: {error.message}", "upload it again") from None
        raise
    count = archive.unpack(packed, task.app)
    packed.unlink()
    removed = slugignore.apply(task.app)
    title("Unpacking the source")
    line(f"{count} files and folders" + (f", {removed} left out by {slugignore.NAME}" if removed else ""))
    return digest


def _choose(task: Task, environ: dict[str, str]) -> list[Buildpack]:
    asked = buildpack.wanted(task.buildpack_url, task.app)
    if not asked:
        return [_detected(task, environ)]
    packs = []
    for number, reference in enumerate(asked):
        title(f"Fetching buildpack {reference}" if "/" in reference else f"Using buildpack {reference}")
        pack = buildpack.obtain(reference, task.buildpacks, task.scratch / f"buildpack-{number}", environ)
        name = compile.detect(pack, task.app, environ)
        if name is None:
            raise buildpack.none(f"buildpack {reference} says that the app is not for it", "ask for another one")
        title(f"{name} app detected")
        packs.append(pack)
    return packs


def _detected(task: Task, environ: dict[str, str]) -> Buildpack:
    for name in buildpack.BUILT_IN:
        pack = Buildpack(name, task.buildpacks / name)
        found = compile.detect(pack, task.app, environ)
        if found is not None:
            title(f"{found} app detected")
            return pack
    raise buildpack.none(
        f"no buildpack is for this app; tried {', '.join(buildpack.BUILT_IN)}",
        "add requirements.txt, index.html or a Procfile at the top of the app, or set BUILDPACK_URL",
    )


def _compile(task: Task, packs: list[Buildpack], cache_folder: Path, environ: dict[str, str]) -> Defaults:
    env_folder = task.scratch / "env"
    compile.write_env_folder(env_folder, task.env)
    for pack in packs:
        compile.run(pack, task.app, cache_folder, env_folder, environ)
        environ = compile.exported(pack, environ)
    return compile.release(packs[-1], task.app, environ)


def _processes(declared: dict[str, str] | None, defaults: Defaults, packs: list[Buildpack]) -> dict[str, str]:
    title("Discovering process types")
    if declared:
        line(f"Procfile declares types -> {', '.join(declared)}")
    added = [name for name in defaults.processes if name not in (declared or {})]
    if added:
        line(f"Default types for {packs[-1].name} -> {', '.join(added)}")
    processes = {**defaults.processes, **(declared or {})}
    if not declared and "web" not in processes:
        raise Unprocessable(
            "the Procfile declares nothing" if declared is not None else "the app has no Procfile",
            remedy="add a Procfile at the top of the app with a line like: web: gunicorn --bind 0.0.0.0:$PORT app:app",
            code="no_procfile",
        )
    return processes


def _slug(task: Task, time: int) -> dict[str, object]:
    title("Compressing...")
    packed = task.scratch / "slug.squashfs"
    size = slug.squash(task.app, packed, time=time)
    digest = transfer.digest_of(packed)
    line(f"Done: {megabytes(size)}")
    title("Storing the slug")
    transfer.upload(task.slug_url, packed, digest)
    line(f"sha256 {digest[:12]}")
    return {"digest": digest, "size": size}

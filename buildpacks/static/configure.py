"""Writes nginx's configuration for a static site: ``configure.py <app folder> <file to write>``.

``static.json`` (optional) may hold ``root`` (the folder to serve: default public/ if it has an index.html, else the
app's), ``clean_urls`` (/about serves about.html), ``error_page`` (default 404.html) and ``routes`` with ``/**`` (a page
to serve for every unknown path: a single-page app).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
PATH = re.compile(r"[A-Za-z0-9_./-]+")


def site_path(app: Path, value: object, name: str) -> str:
    """``value`` as a path inside ``app``, without slashes around it; exits with one line when it is not."""
    if not isinstance(value, str) or not PATH.fullmatch(value) or ".." in value.split("/"):
        sys.exit(f" !     static.json: {name} is {json.dumps(value)}: use a path inside the app, like public/")
    path = value.strip("/").removeprefix("./")
    return "" if path == "." else path


def read(app: Path) -> dict[str, object]:
    """The object in static.json, empty when there is no such file; exits with one line when it is not JSON."""
    path = app / "static.json"
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        sys.exit(f" !     static.json is not JSON: {error}")
    if not isinstance(document, dict):
        sys.exit(' !     static.json is not a JSON object: use {"root": "public/"}')
    return document


def configuration(app: Path) -> str:
    """The text of nginx.conf for the site in ``app``; ``@PORT@`` is left for the start."""
    settings = read(app)
    default = "public" if (app / "public/index.html").is_file() else "."
    root = site_path(app, settings.get("root", default), "root")
    if not (app / root).is_dir():
        sys.exit(f" !     static.json: root is {root!r}, and there is no such folder in the app")
    error_page = site_path(app, settings.get("error_page", "404.html"), "error_page")
    routes = settings.get("routes", {})
    page = routes.get("/**") if isinstance(routes, dict) else None
    fallback = f"/{site_path(app, page, 'routes./**')}" if page is not None else "=404"
    tried = "$uri $uri.html $uri/" if settings.get("clean_urls") is True else "$uri $uri/"
    has_page = (app / root / error_page).is_file()
    print(f"       Serving {root or 'the top folder'} with nginx")
    text = (HERE / "nginx.conf").read_text(encoding="utf-8")
    return (
        text.replace("@ROOT@", f"/app/{root}".rstrip("/"))
        .replace("@TRY@", f"{tried} {fallback}")
        .replace("@ERROR_PAGE@", f"error_page 404 /{error_page};" if has_page else "")
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(configuration(Path(sys.argv[1])), encoding="utf-8")

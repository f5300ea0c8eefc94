"""Builds of real apps in the build image, and their slugs started in the run image."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

Pack = Callable[[dict[str, str]], bytes]


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return done.stdout.strip()


def address(container: str) -> str:
    return docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", container)


def fetch(container: str, path: str, *, seconds: float = 20.0) -> tuple[int, str]:
    """The status and body of ``path``, once the container accepts connections."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://{address(container)}:5000{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise AssertionError(docker("logs", container)) from None
            time.sleep(0.05)


def test_hello_python_is_built_and_runs_and_its_cache_serves_the_next_build(builds, boot, example):
    source = example("hello-python")
    first = builds.run(source, {"GREETING": "Bonjour"})
    assert first.code == 0, first.output
    assert "-----> Python app detected" in first.output
    assert first.result["buildpack"] == "python"
    assert first.result["processes"] == {
        "web": "gunicorn --config gunicorn.conf.py app:app",
        "worker": "python worker.py",
    }
    assert first.result["slug"]["size"] == len(first.slug) < 30_000_000

    second = builds.run(source, {"GREETING": "Bonjour"})
    assert "Prepared" in first.output, "packages are fetched"
    assert "Prepared" not in second.output, "and come from the cache"
    assert second.result["slug"] == first.result["slug"], "the same source and env give the same slug"
    other = builds.run(source, {"GREETING": "Salut"})
    assert other.result["slug"]["digest"] != first.result["slug"]["digest"], "files' times differ, for ETags' sake"

    env = {"PORT": "5000", "GREETING": "Bonjour", "GRILLE_JOB": "hello-web-1"}
    web = boot(first.slug, ["start", "web", first.result["processes"]["web"]], env)
    status, body = fetch(web, "/")
    assert (status, json.loads(body)["greeting"], json.loads(body)["instance"]) == (200, "Bonjour", "hello-web-1")
    began = time.monotonic()
    docker("stop", "--time", "20", web)
    assert time.monotonic() - began < 5, "gunicorn itself gets SIGTERM"
    assert docker("inspect", "--format", "{{.State.ExitCode}}", web) == "0"


def test_a_static_site_has_pages_types_and_its_own_404(builds, boot, example):
    built = builds.run(example("static-site"))
    assert built.code == 0, built.output
    web = boot(built.slug, ["start", "web", built.result["processes"]["web"]], {"PORT": "5000"})
    assert fetch(web, "/")[0] == 200
    assert "clean_urls" in fetch(web, "/about")[1]
    assert fetch(web, "/nothing")[0] == 404
    assert "There is no such page" in fetch(web, "/nothing")[1]
    assert fetch(web, "/.grille/static/nginx.conf")[0] == 404
    assert "GET /about 200" in docker("logs", web)


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        ({"requirements.txt": ""}, "no_procfile", "no Procfile"),
        ({"Procfile": "web: true\nweb server\n"}, "bad_procfile", "line 2 ('web server')"),
        ({"README": "nothing to run"}, "no_buildpack", "python, static, procfile"),
        ({"requirements.txt": "no-such-package-of-grille==1", "Procfile": "web: x"}, "compile_failed", "exit code 1"),
        ({"static.json": '{"root": "../etc"}'}, "compile_failed", "exit code 1"),
        ({"../evil": "x"}, "bad_source", "'../evil' leads out"),
    ],
)
def test_a_users_mistake_is_told_in_one_line(builds, pack, files, code, message):
    built = builds.run(pack(files))
    assert built.code == 1
    assert built.result["error"]["code"] == code, built.output
    assert message in built.result["error"]["message"]
    assert built.result["error"]["remedy"]
    assert "Traceback" not in built.output
    assert not built.slug


def test_a_source_that_is_no_archive_is_refused(builds):
    built = builds.run(b"not an archive")
    assert (built.code, built.result["error"]["code"]) == (1, "bad_source")


SPY = """#!/bin/bash
echo "stack=$STACK home=$HOME dir=$APP_DIR cwd=$(pwd) version=$SOURCE_VERSION"
env | grep -c -e signature -e GRILLE_ && echo leaked
echo "token=$(cat $3/TOKEN)"
touch /app/made $HOME/rubbish
"""


def test_an_own_buildpack_sees_its_contract_and_no_signed_url(builds, boot, pack):
    buildpack = {
        "pack-main/bin/detect": "#!/bin/bash\necho Spy",
        "pack-main/bin/compile": SPY,
        "pack-main/bin/release": "#!/bin/bash\nprintf -- '---\\nconfig_vars:\\n  COLOUR: red\\n"
        "default_process_types:\\n  web: echo $COLOUR\\n'",
    }
    builds.objects["/spy.tgz"] = pack(buildpack)
    source = pack({"index.html": "x", ".slugignore": "*.tmp\n", "left.tmp": "x", "a/left.tmp": "x", "kept": "x"})
    built = builds.run(source, {"TOKEN": "t1"}, BUILDPACK_URL=f"{builds.url}/spy.tgz", SOURCE_VERSION="abc")
    assert built.code == 0, built.output
    assert "stack=heroku-24 home=/tmp/grille-build/home dir=/app" in built.output
    assert "cwd=/tmp/grille-build/buildpack-0/pack-main version=abc" in built.output
    assert "token=t1" in built.output
    assert "leaked" not in built.output
    assert built.result["env"] == {"COLOUR": "red"}
    assert built.result["processes"] == {"web": "echo $COLOUR"}
    listing = boot(built.slug, ["run", "find . -type f | sort | tr '\\n' ' '"])
    docker("wait", listing)
    assert docker("logs", listing) == "./.slugignore ./index.html ./kept ./made"

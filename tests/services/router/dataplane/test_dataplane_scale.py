"""What many routes, backends and servers cost."""

from __future__ import annotations

import time

from tests.services.router.conftest import Apps
from tests.services.router.dataplane.rig import Dataplane, line


async def test_memory_of_an_empty_backend() -> None:
    sizes = (100, 2100)
    used = []
    for count in sizes:
        async with Dataplane(pools={"http": count}) as plane:
            used.append(plane.memory())
    assert (used[1] - used[0]) / (sizes[1] - sizes[0]) < 20 * 1024


async def test_full_configuration_starts_soon(apps: Apps) -> None:
    app = await apps("app")
    backends = {f"http-{n:05d}": {f"i{n}-{k}": line(app.port) for k in range(4)} for n in range(1000)}
    routes = {f"h{n}.example/p{k}/": f"http-{n:05d}|app{n}" for n in range(1000) for k in range(10)}
    plane = Dataplane({"routes": routes}, backends, pools={"http": 1000})
    began = time.process_time()
    async with plane:
        assert time.process_time() - began < 5
        assert plane.started < 3  # 0.3 s on an idle machine
        assert plane.memory() < 150 << 20
        assert (await plane.ask("h999.example", "/p9/x")).text == "app"

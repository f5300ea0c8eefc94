"""wrk with requests chosen at random: as fast as answers come, or with pauses between them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.router import processes
from tests.bench.router.world import Target

SCRIPT = """
local requests, count = {}, 0
for line in io.lines("%(requests)s") do
  local host, path = line:match("(%%S+) (%%S+)")
  count = count + 1
  requests[count] = "GET " .. path .. " HTTP/1.1\\r\\nHost: " .. host .. "\\r\\n\\r\\n"
end
function request() return requests[math.random(count)] end
%(delay)s
function done(summary, latency)
  local bad = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    bad.connect + bad.read + bad.write + bad.status + bad.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Run:
    """One run: requests done, seconds, those that failed, latencies in milliseconds."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float


class Wrk:
    """Runs with the hosts and paths of ``targets``; the port is given at each run."""

    def __init__(self, folder: Path, targets: list[Target], *, cores: str = "") -> None:
        self._folder, self._cores = folder, cores
        lines = "".join(f"{each.host} {each.path}\n" for each in targets)
        (folder / "requests").write_text(lines)

    def run(self, port: int, seconds: float, *, connections: int = 64, pause: int = 0) -> Run:
        """Run it; raises RuntimeError when wrk fails.

        Args:
            pause: milliseconds that each connection waits between two requests, on average; 0: none.
        """
        delay = f"function delay() return math.random(1, {2 * pause - 1}) end" if pause else ""
        script = self._folder / "wrk.lua"
        script.write_text(SCRIPT % {"requests": self._folder / "requests", "delay": delay})
        command = ["wrk", "-t1", f"-c{connections}", f"-d{round(seconds)}s", "--timeout", "10s", "-s", str(script)]
        if self._cores:
            command = ["taskset", "-c", self._cores, *command]
        command.append(f"http://127.0.0.1:{port}/")
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=processes.stand_apart)
        found = [line.split() for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not found:
            raise RuntimeError(f"wrk failed: {done.stdout} {done.stderr}")
        requests, micros, failed, p50, p99 = (int(word) for word in found[0][1:])
        return Run(requests, micros / 1e6, failed, p50 / 1000, p99 / 1000)

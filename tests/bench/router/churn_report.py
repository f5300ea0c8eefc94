"""What the churn benchmark measured, and how it is printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.bench.router.figures import median, percentile, table
from tests.bench.router.load import Seen


@dataclass
class Result:
    """What was measured of one side; moments by the monotonic clock."""

    name: str
    quiet: tuple[float, float] = (0.0, 0.0)
    busy: tuple[float, float] = (0.0, 0.0)
    after: tuple[float, float] = (0.0, 0.0)  # quiet again
    seen: Seen = field(default_factory=Seen)
    changes: Counter[str] = field(default_factory=Counter)
    effects: list[float] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    daemon: list[float] = field(default_factory=list)
    late: float = 0.0  # seconds after the end of the phase until the last change was taken in
    stopped: int = 0
    refused: int = 0  # writes that the store did not take at once
    faults: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Requests that failed, in quiet too, and streams that were cut."""
        return self.seen.errors(self.quiet[0], self.after[1]).total() + self.cut

    @property
    def cut(self) -> int:
        """Streams cut before the end of the changes."""
        return sum(when < self.busy[1] for when, _ in self.seen.cut)


def report(results: list[Result]) -> None:
    """Print the table and what failed."""
    head = "|requests|failed|streams cut|p50 quiet|p50|p99 quiet|p99|ratio|processes|MiB first|most|last|effect p50|p99"
    rows: list[list[object]] = [list(head.split("|"))]
    for each in results:
        quiet = each.seen.latencies(*each.quiet) + each.seen.latencies(*each.after)
        busy = each.seen.latencies(*each.busy)
        p99 = percentile(quiet, 0.99), percentile(busy, 0.99)
        failed = each.seen.errors(*each.busy)
        counts: list[object] = [len(busy) + failed.total(), failed.total(), each.cut]
        times = [median(quiet), median(busy), *p99, p99[1] / p99[0]]
        memory = [max(each.processes), each.memory[0], max(each.memory), each.memory[-1]]
        effects = [median(each.effects), percentile(each.effects, 0.99)]
        rows.append([each.name, *counts, *times, *memory, *effects])
    print(f"\n{table(rows)}\nlatencies and effects in ms\n", flush=True)
    for each in results:
        tell(each)


def tell(result: Result) -> None:
    """Print what a row of the table does not say."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(result.changes.items()))
    took = result.seen.cpu / max(1.0, result.after[1] - result.quiet[0])
    print(f"{result.name}: changes: {kinds}, the last one {result.late:.2f} s late")
    print(f"    the load generator used {100 * took:.0f} % of a core")
    for what, count in (result.seen.errors(*result.quiet) + result.seen.errors(*result.after)).items():
        print(f"    in quiet: {count} x {what}")
    for what, count in result.seen.errors(*result.busy).items():
        print(f"    {count} x {what}")
    for _, what in result.seen.cut[:5]:
        print(f"    stream cut: {what}")
    if result.daemon:
        print(f"    writes that the store took only at a second try: {result.refused}")
        print(f"    daemon: {result.daemon[0]:.0f} MiB at first, {max(result.daemon):.0f} at most")
    for fault in sorted(set(result.faults))[:5]:
        print(f"    fault: {fault}")

"""A daemon that forwards to our stand-in for W&B, and what W&B must have of a run by what its database says."""
import json
import math

from fake_wandb import HISTORY
from harness import Daemon, number, query_database, wait_until
from wire import QUERY, REPLY, Wire
import workload

KEY = "a" * 40  # the stand-in's own
PROJECT = "p"
RESERVED = ("_step", "_runtime", "_timestamp")


class ForwardingDaemon(Daemon):
    """Forwards to `w` twice a second. `settings` are lines of its file's [wandb]; key None: it has none of its own."""

    def __init__(self, w, directory=None, key=KEY, variables=None, **settings):
        super().__init__(directory)
        self.settings = {"transmit_interval": "500ms", "heartbeat_interval": "1s", **settings}
        self.configuration = self.directory / "conf"
        self.arguments = ["--config", str(self.configuration)]
        self.variables = {"WANDB_BASE_URL": w.base_url, **({"WANDB_API_KEY": key} if key else {}), **(variables or {})}

    def start(self, crash_at=None, wait=True):
        lines = [f"{name} = {value}" for name, value in self.settings.items()]
        self.configuration.write_text("\n".join(["[wandb]", *lines, ""]), encoding="utf-8")
        return super().start(crash_at, wait)

    def forwards(self, run):
        """The run's row of the view, by column; {} while there is none."""
        names = ("lines", "accepted", "pending", "skipped", "refused", "base", "completed", "parked", "url")
        rows = self.rows(f"SELECT {', '.join(names)} FROM forwards WHERE run = ?", run)
        return dict(zip(names, rows[0])) if rows else {}

    def events(self, run):
        return [text for text, in self.rows("SELECT text FROM events WHERE run = ? AND kind = 'forward' ORDER BY time", run)]

    def told(self, run):
        """What `status` says of its forwarding."""
        return self.status(run).get("forward", {})

    def ask(self, **what):
        """QUERY sync: as `sae-metricsd sync` asks a daemon. Returns its words."""
        with Wire(self.socket) as wire:
            wire.hello(role=2)
            wire.send(QUERY, 1, "sync", what)
            return wire.until(REPLY)[3]

    def wait_for_end(self, run):
        wait_until(lambda: self.forwards(run).get("completed") == 1 and self.forwards(run)["pending"] == 0,
                   f"W&B to have {run} to its end (it is {self.told(run)})")


def begin(daemon, run, **more):
    options = dict(project=PROJECT, log_to_wandb=True, wandb_key=False)
    options.update(more)
    return workload.begin(daemon.socket, run, **options)


def push(handle, run, steps, rank=0):
    for step in steps:
        workload.log_step(handle, run, rank, step)


def of(w, run):
    """The stand-in's run; None while it does not know it."""
    return w.runs.get(f"{w.entity}/{PROJECT}/{run}")


def raw_lines(w, run):
    found = of(w, run)
    return list(found.files[HISTORY].lines) if found else []


def comparable(value):
    """Floats by their bits: 1.0 is 1, and NaN is NaN."""
    if isinstance(value, dict):
        return {key: comparable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [comparable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return f"<{value}>"
    return value


def decided(database, run, with_ours=True, from_line=0):
    """The lines W&B gets, out of the `history`, `histograms` and `lines` views: in the order they were closed, each step
    once and rising, none without a key."""
    sources = ("metrics", "sparsity", "log", "ours")[:4 if with_ours else 3]
    rows = {}
    for line, key, value, kind, text, source in query_database(
            database, "SELECT line, key, value, kind, text, source FROM history WHERE run = ? AND line IS NOT NULL", run):
        if source in sources and key not in RESERVED:
            rows.setdefault(line, {})[key] = text if kind == "text" else number(value, kind)
    for line, key, bins, values, source in query_database(
            database, 'SELECT line, key, bins, "values", source FROM histograms WHERE run = ? AND line IS NOT NULL', run):
        if source in sources and key not in RESERVED:
            rows.setdefault(line, {})[key] = {"_type": "histogram", "bins": json.loads(bins), "values": json.loads(values)}
    lines, newest = [], -1
    for line, step, time, elapsed_s in query_database(
            database, "SELECT line, step, time, elapsed_s FROM lines WHERE run = ? AND line >= ? ORDER BY line", run, from_line):
        if line in rows and step > newest:
            newest = step
            lines.append(comparable({**rows[line], "_step": step, "_timestamp": time, "_runtime": elapsed_s}))
    return lines


def check_summary(test, lines, summary):
    """The last value of each key, and how long it took, to its end if it has one."""
    last, got = {}, comparable(summary)
    for line in lines:
        last.update(line)
    runtime = got.pop("_runtime")
    test.assertGreaterEqual(runtime, last.pop("_runtime"))
    test.assertEqual({**last, "_wandb": {"runtime": math.floor(runtime)}}, got)


def has(w, run):
    return [comparable(line) for line in of(w, run).history]

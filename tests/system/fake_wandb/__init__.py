"""A stand-in for W&B's server on 127.0.0.1, from our own reading of what the official SDK speaks; Python's standard
library only. In a test:

    with FakeWandb() as w:
        …
        w.fault(path="file_stream", status=503, headers={"Retry-After": "1"}, n=2)
        w.runs["fake-entity/project/run"].history, w.violations

As a program of its own, which can be killed and started again: FakeWandbProcess, or `python3 tests/system/fake_wandb`.
"""
from .faults import RECOVERABLE, Fault
from .process import FakeWandbProcess
from .runs import EVENTS, FILES, HISTORY, LINE_MAX, OUTPUT, SUMMARY
from .server import FakeWandb
from .world import Request, Violation, World

__all__ = ["EVENTS", "FILES", "HISTORY", "LINE_MAX", "OUTPUT", "RECOVERABLE", "SUMMARY", "FakeWandb", "FakeWandbProcess",
           "Fault", "Request", "Violation", "World"]

"""What goes wrong, and when: on command or by dice."""
import json
import random
from dataclasses import dataclass, field

MOMENTS = ("before", "after", "reply")  # the effect, or in the middle of the answer


@dataclass
class Fault:
    """One kind of trouble. A request meets it when all of what is given in the first block is so.

    Unless it is said otherwise, the request takes effect and then the answer goes wrong. With `status` it takes no effect,
    but with effect=True.
    """
    path: str | None = None        # "graphql", "file_stream"; None: each
    operation: str | None = None   # of GraphQL
    run: str | None = None         # entity/project/run, or the run alone
    marker: str | None = None      # stands in the body
    over_bytes: int | None = None  # a body of more
    n: int | None = 1              # for that many requests; None: for all
    skip: int = 0                  # after that many that would have met it

    status: int | None = None      # answered instead
    body: bytes | str | dict | None = None
    headers: dict = field(default_factory=dict)  # added to whatever is answered
    effect: bool | None = None
    early: bool = False            # the `status` comes before the body is read, as proxies do it; not by operation or marker
    redirect: str | None = None    # a URL: Location of a 307 (or of `status`)
    wait_ms: float = 0             # before anything
    hang: bool = False             # no answer, until the other side gives up; takes no effect, but with effect=True
    half: bool = False             # headers and a part of the body, then the connection ends
    reset: str | None = None       # "before" or "after" the effect
    garbage: bool = False          # 200 and a body that is no JSON
    no_http: bool = False          # bytes that are no answer
    slow_s: float | None = None    # between any two bytes of the answer
    die: str | None = None         # kill -9 of the server itself: "before" or "after" the effect, or amid the "reply"

    hits: int = 0                  # how often it was met
    seen: int = 0

    def __post_init__(self):
        if self.reset not in (None, "before", "after") or self.die not in (None, *MOMENTS):
            raise ValueError(f"reset {self.reset!r}, die {self.die!r}")
        if self.early and (self.effect or self.operation or self.marker or self.status is None):
            raise ValueError("early: who has not read the body knows nothing of it")
        if self.redirect and self.status is None:
            self.status = 307
        if self.redirect:
            self.headers = {"Location": self.redirect, **self.headers}

    def takes_effect(self):
        if self.reset == "before" or self.die == "before":
            return False
        return self.effect if self.effect is not None else self.status is None and not self.hang

    def meets(self, request):
        if self.n is not None and self.hits >= self.n:
            return False
        if self.path not in (None, request.kind) or self.operation not in (None, request.operation):
            return False
        if self.run is not None and self.run not in (request.run, (request.run or "").rsplit("/", 1)[-1]):
            return False
        if self.over_bytes is not None and request.body_len <= self.over_bytes:
            return False
        if self.marker is not None and self.marker.encode() not in request.body:
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.hits += 1
        return True

    def text(self):
        body = {"error": f"fault {self.status}"} if self.body is None else self.body
        return json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body


# Each leaves a forwarder that does as the protocol says unharmed. A hang costs it its whole timeout: not among them.
RECOVERABLE = {
    "500": dict(status=500), "502": dict(status=502, body="<html>bad gateway</html>"), "503": dict(status=503),
    "applied 504": dict(status=504, effect=True), "408": dict(status=408),
    "429": dict(status=429, headers={"Retry-After": "0"}), "slow 429": dict(status=429, headers={"Retry-After": "0.5"}),
    "reset before": dict(reset="before"), "reset after": dict(reset="after"), "half": dict(half=True),
    "no http": dict(no_http=True), "slow": dict(slow_s=0.001),
}


class Chaos:
    def __init__(self, seed, probability, kinds=tuple(RECOVERABLE), path=None):
        self.dice, self.probability, self.path = random.Random(seed), probability, path
        self.kinds = [RECOVERABLE[kind] for kind in kinds]

    def throw(self, request):
        if self.path not in (None, request.kind) or self.dice.random() >= self.probability:
            return None
        return Fault(**self.dice.choice(self.kinds), hits=1, seen=1)

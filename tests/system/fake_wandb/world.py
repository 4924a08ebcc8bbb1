"""All that W&B knows, and what becomes of a request: no sockets here."""
import base64
import json
import re
import threading
from dataclasses import dataclass, field
from typing import NamedTuple

from .connection import decoded
from .faults import Fault
from .journal import entries
from .query import Refused
from .runs import read_json, read_stream
from .schema import Schema

BODY_KEPT_MAX = 1 << 20  # of a request; lines are kept with their run, whatever their size


class Violation(NamedTuple):
    kind: str     # rewritten, gap, step, after-complete, unknown-run, concurrent, content-type, auth, body, method
    run: str | None
    words: str
    request: int  # its number


@dataclass
class Request:
    number: int
    at: float  # when it had come as a whole, in Unix time
    method: str
    path: str
    headers: dict  # names in small letters
    body: bytes | None
    body_len: int
    kind: str                  # "graphql", "file_stream", "upload", "other"
    run: str | None = None     # entity/project/run of a file_stream, the run alone of GraphQL
    operation: str | None = None
    variables: dict | None = None
    connection: int = 0        # which one it came over
    status: int | None = None  # None: no answer
    effect: bool = False
    fault: Fault | None = None
    violations: list = field(default_factory=list)

    def __post_init__(self):
        if self.kind == "graphql":
            self._read_operation()

    def _read_operation(self):
        try:
            body = json.loads(self.body)
            self.operation = body.get("operationName") or re.search(r"(?:query|mutation)\s+(\w+)", body["query"])[1]
            self.variables = body.get("variables")
            self.run = self.variables.get("name")
        except (ValueError, TypeError, KeyError, AttributeError):
            pass

    @property
    def json(self):
        return json.loads(self.body)


class World:
    """runs by entity/project/run, requests and violations in their order. With a state file: as they were left there."""

    def __init__(self, state_file=None, api_key="a" * 40, strict=True, count_lag_s=0.0, stream_headers=None, features=(),
                 canonical=None, entity="fake-entity"):
        self.api_key, self.strict, self.count_lag_s, self.entity = api_key, strict, count_lag_s, entity
        self.stream_headers, self.features, self.canonical = stream_headers or {}, list(features), canonical or {}
        self.base_url = ""
        self.runs, self.requests, self.violations, self.alerts, self.uploads = {}, [], [], [], {}
        self.deleted = set()
        self.lock = threading.RLock()
        self._schema = Schema(self)
        if state_file is not None:
            self._replay(state_file)

    def lag(self, at):
        return at - self.count_lag_s

    def delete(self, run):
        """entity/project/run, or the run alone: gone, and its id is never taken again."""
        with self.lock:
            self.deleted.add(run)
            for key in [key for key in self.runs if run in (key, key.rsplit("/", 1)[-1])]:
                del self.runs[key]

    def stop(self, run):
        """Somebody presses Stop."""
        with self.lock:
            self.runs[run].stopped = True

    def note(self, request, kind, words):
        violation = Violation(kind, request.run, words, request.number)
        request.violations.append(violation)
        self.violations.append(violation)

    def keep(self, request):
        if request.body_len > BODY_KEPT_MAX:
            request.body = None
        self.requests.append(request)

    def parsed(self, request):
        """What the body says, or a refusal: needs no lock, for it may be large."""
        try:
            if request.kind not in ("graphql", "file_stream"):
                return None
            if request.method != "POST":
                raise Refused(405, "POST was expected", "method")
            expected = "Basic " + base64.b64encode(f"api:{self.api_key}".encode()).decode()
            if request.headers.get("authorization") != expected:
                raise Refused(401, "user is not logged in", "auth")
            if request.headers.get("content-type", "").split(";")[0] != "application/json":
                raise Refused(400, f"Content-Type: {request.headers.get('content-type')}", "content-type")
            if "content-encoding" in request.headers and "FILESTREAM_GZIP" not in self.features:
                raise Refused(400, f"Content-Encoding: {request.headers['content-encoding']}")
            data = decoded(request.body, request.headers)
            return read_json(data, "the body") if request.kind == "graphql" else read_stream(data, self.strict)
        except Refused as refusal:
            return refusal
        except (ValueError, OSError) as error:
            return Refused(400, str(error))

    def answer(self, request, body):
        """(status, headers, body), and the effect; `body` is what parsed() said."""
        try:
            answered = self._effect(request, body)
        except Refused as refusal:
            # What is asked of other places says nothing about runs; an id that was deleted is no fault of who asks.
            if refusal.kind != "deleted" and request.kind in ("graphql", "file_stream"):
                self.note(request, refusal.kind, refusal.words)
            error = {"errors": [{"message": refusal.words, "path": []}], "data": None}
            return refusal.status, {"Content-Type": "application/json"}, json.dumps(error).encode()
        request.effect = True
        if answered is None:
            return 200, {}, b""
        headers = self.stream_headers if request.kind == "file_stream" else {}
        return 200, {"Content-Type": "application/json", **headers}, json.dumps(answered).encode()

    def _effect(self, request, body):
        if isinstance(body, Refused):
            raise body
        if request.kind == "graphql":
            return {"data": self._schema.answer(body, request.at)}
        if request.kind == "file_stream":
            return self._stream(request, body)
        if request.kind == "upload" and request.method == "PUT":
            self.uploads[request.path.split("/_storage/", 1)[1]] = request.body
            return None
        raise Refused(404, "no such place")

    def _stream(self, request, body):
        run = self.runs.get(request.run)
        if run is None:
            deleted = request.run in self.deleted or request.run.rsplit("/", 1)[-1] in self.deleted
            raise Refused(404, f"run {request.run} not found", "deleted" if deleted else "unknown-run")
        try:
            run.apply(body, request.number, request.at, self.strict, lambda kind, words: self.note(request, kind, words))
        except (KeyError, TypeError, AttributeError) as error:  # strict=False: nobody looked before
            raise Refused(400, f"the body: {error!r}") from None
        return {"exitcode": run.exit_code, "limits": {}, "stopped": run.stopped}

    def _replay(self, path, mend=False):
        for meta, body in entries(path, mend):
            if "told" in meta:
                getattr(self, meta["told"])(**meta["given"])
                continue
            violations = [Violation(*each) for each in meta.pop("violations")]
            request = Request(body=body, body_len=meta.pop("length"), **meta)
            before = len(self.violations)
            if request.effect:
                self.answer(request, self.parsed(request))
            # Those of back then: doing it again finds some of them once more.
            request.violations, self.violations[before:] = violations, violations
            self.keep(request)

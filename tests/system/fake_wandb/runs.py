"""The runs that W&B knows, and their lines: line number k of a file is whatever was written there last. Every write is
kept, and what a forwarder must never do is noted as a violation: the words go to `note(kind, words)`."""
import base64
import bisect
import json
from typing import NamedTuple

from .query import Refused

HISTORY, EVENTS, SUMMARY, OUTPUT = "wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json", "output.log"
FILES = (HISTORY, EVENTS, SUMMARY, OUTPUT)
LINE_MAX = (10 << 20) - (100 << 10)  # "imposed by the back-end", says the SDK
STREAM_KEYS = {"files": dict, "uploaded": list, "preempting": bool, "complete": bool, "exitcode": int,
               "dropped": int, "failed": bool}


class Write(NamedTuple):
    request: int         # its number
    offset: int
    n_lines: int
    lines: list | None   # None: only counted


class Lines:
    """One file of a run."""

    def __init__(self, name):
        self.name = name
        self.lines, self.steps, self.writes = [], [], []  # a line never written: None
        self.count, self._counts = 0, [(0.0, 0)]

    def count_at(self, at):
        """How many lines there were at that time."""
        return self._counts[bisect.bisect_right(self._counts, (at, float("inf"))) - 1][1]

    def write(self, write, at, steps, note):
        self.writes.append(write)
        offset, end = write.offset, write.offset + write.n_lines
        if self.name != SUMMARY and offset > self.count:
            note("gap", f"{self.name}: lines {self.count} to {offset - 1} were never written")
        if write.lines is not None:
            self._keep(write, note)
            if steps is not None:
                self._keep_steps(offset, steps, note)
        if end > self.count:
            self.count = end
            self._counts.append((at, end))

    def _keep(self, write, note):
        self.lines.extend([None] * (write.offset - len(self.lines)))
        old = self.lines[write.offset:write.offset + write.n_lines]
        if self.name in (HISTORY, EVENTS) and old != write.lines[:len(old)]:
            changed = [i for i, (a, b) in enumerate(zip(old, write.lines), write.offset) if a is not None and a != b]
            if changed:
                note("rewritten", f"{self.name}: {len(changed)} lines with other bytes, line {changed[0]} first")
        self.lines[write.offset:write.offset + write.n_lines] = write.lines

    def _keep_steps(self, offset, steps, note):
        self.steps.extend([None] * (offset - len(self.steps)))
        self.steps[offset:offset + len(steps)] = steps
        around = range(max(offset, 1), min(offset + len(steps) + 1, len(self.steps)))
        wrong = [i for i in around if None not in (self.steps[i - 1], self.steps[i]) and self.steps[i - 1] >= self.steps[i]]
        if wrong:
            line = wrong[0]
            note("step", f"{self.name}: line {line} has _step {self.steps[line]} after {self.steps[line - 1]}")


class Run:
    def __init__(self, entity, project, name):
        self.entity, self.project, self.name = entity, project, name
        self.storage_id = base64.b64encode(f"Run:v1:{name}:{project}:{entity}".encode()).decode()
        self.display_name = None
        self.group = self.job_type = self.notes = self.description = self.sweep = None
        self.host = self.program = self.commit = self.repo = self.state = None
        self.tags, self.config_json = [], "{}"
        self.upserts = []    # the inputs of each UpsertBucket, as they came
        self.files = {each: Lines(each) for each in FILES}
        self.uploaded = []
        self.heartbeats = 0  # requests without lines
        self.complete, self.exit_code, self.preempting = False, None, False
        self.stopped = False  # set it: the answers to file_stream say so

    @property
    def key(self):
        return f"{self.entity}/{self.project}/{self.name}"

    @property
    def config(self):
        return json.loads(self.config_json)

    @property
    def history(self):
        return [json.loads(line) for line in self.files[HISTORY].lines]

    @property
    def summary(self):
        lines = self.files[SUMMARY].lines
        return json.loads(lines[-1]) if lines else None

    def apply(self, body, request, at, strict, note):
        """What a file_stream body does to it; `body` passed read_stream."""
        for name, part in body.get("files", {}).items():
            content = part["content"]
            end = part["offset"] + len(content)
            if self.complete and (end > self.files[name].count or name == SUMMARY and strict
                                  and content != self.files[name].lines[part["offset"]:end]):
                note("after-complete", f"{name}: something new after the end")
            self.files[name].write(Write(request, part["offset"], len(content), content if strict else None), at,
                                   part.get("steps"), note)
        if not body.get("files"):
            self.heartbeats += 1
        self.uploaded += body.get("uploaded", [])
        self.preempting = body.get("preempting", self.preempting)
        if body.get("complete"):
            self.complete, self.exit_code = True, body.get("exitcode")


def _no_constant(token):
    raise ValueError(f"{token} is no JSON")


def _no_doubles(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is given twice")
    return members


def read_json(data, what, constants=False):
    """Strict JSON; `constants` lets NaN and Infinity pass, as W&B does in lines."""
    try:
        return json.loads(data.decode() if isinstance(data, bytes) else data, parse_constant=None if constants else _no_constant, object_pairs_hook=_no_doubles)
    except ValueError as error:
        raise Refused(400, f"{what}: {error}") from None


def _kind(value, kind):
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def read_stream(data, strict):
    """A file_stream body, checked; the history's steps are put beside its lines."""
    if not strict:
        return json.loads(data)
    body = read_json(data, "the body")
    if not isinstance(body, dict):
        raise Refused(400, "the body is no object")
    for key, value in body.items():
        if key not in STREAM_KEYS or not _kind(value, STREAM_KEYS[key]):
            raise Refused(400, f"{key}: {value!r} is not understood")
    if not all(isinstance(name, str) for name in body.get("uploaded", [])):
        raise Refused(400, "uploaded: names were expected")
    if "exitcode" in body and not body.get("complete"):
        raise Refused(400, "an exitcode without complete")
    for name, part in body.get("files", {}).items():
        _check_part(name, part)
        if name != OUTPUT:
            rows = [_read_line(name, line) for line in part["content"]]
            if name == HISTORY:
                part["steps"] = [_step(row) for row in rows]
    return body


def _check_part(name, part):
    if name not in FILES:
        raise Refused(400, f"{name}: no such file")
    if not isinstance(part, dict) or set(part) != {"offset", "content"}:
        raise Refused(400, f"{name}: offset and content were expected")
    if not _kind(part["offset"], int) or part["offset"] < 0:
        raise Refused(400, f"{name}: offset {part['offset']!r}")
    content = part["content"]
    if not isinstance(content, list) or not content or not all(isinstance(line, str) for line in content):
        raise Refused(400, f"{name}: content must be lines")
    for line in content:
        if "\n" in line or "\r" in line:
            raise Refused(400, f"{name}: a newline inside a line")
        try:
            size = len(line.encode())
        except UnicodeEncodeError:
            raise Refused(400, f"{name}: half of a surrogate pair is no text") from None
        if size > LINE_MAX:
            raise Refused(400, f"{name}: a line of more than {LINE_MAX} bytes")


def _read_line(name, line):
    row = read_json(line, f"a line of {name}", constants=True)
    if not isinstance(row, dict):
        raise Refused(400, f"{name}: a line that is no object")
    return row


def _step(row):
    step = row.get("_step")
    if not _kind(step, int) or step < 0:
        raise Refused(400, f"{HISTORY}: _step {step!r}")
    return step

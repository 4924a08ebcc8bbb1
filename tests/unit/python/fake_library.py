"""A library that notes what it was asked: `calls` is a list of (function, arguments) in plain Python."""

import ctypes
import json

from sae_metrics import native

_ITEMS = {
    1: ctypes.c_uint8,
    2: ctypes.c_uint16,
    3: ctypes.c_uint32,
    4: ctypes.c_uint64,
    5: ctypes.c_int32,
    6: ctypes.c_int64,
    7: ctypes.c_float,
    8: ctypes.c_double,
    9: ctypes.c_bool,
}


class FakeLibrary:
    def __init__(self):
        self.calls = []
        self.end_words = []  # of each finish
        self.answers = {}  # function: what it returns next
        self.state_bytes = b"state"
        self.attempt, self.step, self.was_resumed, self.words = 0, -1, False, b""
        self.log_step_waiting, self.log_waiting = self.log_step, self.log

    def install(self, test):
        """Stands in for the real library for the length of one test."""
        real, native._loaded = native._loaded, self
        test.addCleanup(setattr, native, "_loaded", real)
        return self

    def _note(self, function, *arguments):
        self.calls.append((function,) + arguments)
        return self.answers.get(function, 0)

    def of(self, function):
        return [call[1:] for call in self.calls if call[0] == function]

    # ---- what sae_metrics.native.Library offers ----

    def open(self, options, handle, why):
        options, handle = options._obj, handle._obj
        fields = {}
        for name, kind in options._fields_:
            value = getattr(options, name)
            if value and name in ("tags", "scalars", "thresholds"):
                count = options.n_thresholds if name == "thresholds" else None
                value = value[:count] if count else _texts(value)
            fields[name] = value
        self.scalars = [name.decode() for name in fields["scalars"]]
        self.d_sae = fields["d_sae"]
        answer = self._note("open", fields)
        if answer < 0:
            why._obj.value = b"profile: expected prisma, saelens, saelens-legacy or native"
            return answer
        handle.value = 4711
        return 0

    def plain_step(self, _run, _positions, _d_sae, _n_rows):
        return None

    def daemon_answers(self):
        return self.answers.get("daemon_answers", 1)

    def id(self, _run):
        return self.of("open")[-1][0]["run"] or b"abcd1234"

    def name(self, _run):
        return self.of("open")[-1][0]["name"]

    def log_step(self, _run, step, n_rows, fired, positive, numbers, has, n_scalars):
        numbers = (ctypes.c_double * n_scalars).from_address(numbers)
        has = (ctypes.c_uint8 * n_scalars).from_address(has)
        given = {name: number for name, number, flag in zip(self.scalars, numbers, has) if flag}
        return self._note("log_step", step, n_rows, _counts(fired), _counts(positive), given)

    def log(self, _run, step, values, n_values):
        return self._note("log", step, {value.key.decode(): _value(value) for value in values[:n_values]})

    def begin_attempt(self, _run):
        return self._note("begin_attempt")

    def event(self, _run, step, kind, text):
        return self._note("event", step, kind, text)

    def mark(self, _run, step, text):
        return self._note("mark", step, text)

    def update(self, _run, name, notes, config, summary):
        return self._note("update", name, notes, config and json.loads(config), summary and json.loads(summary))

    def update_tags(self, _run, tags):
        return self._note("update_tags", _texts(tags))

    def skip(self, _run, step):
        return self._note("skip", step)

    def flush(self, _run, timeout_ms):
        return self._note("flush", timeout_ms)

    def state(self, _run, timeout_ms, state, length, step):
        answer = self._note("state", timeout_ms)
        if answer == 0:
            self._kept = ctypes.create_string_buffer(self.state_bytes)
            state._obj.value, length._obj.value = ctypes.addressof(self._kept), len(self.state_bytes)
            step._obj.value = self.step
        return answer

    def free(self, _memory):
        self._note("free")

    def restore(self, _run, state, length):
        return self._note("restore", state[:length])

    def should_stop(self, _run, reason):
        reason._obj.value = b"somebody said so"
        return self._note("should_stop")

    def get_stats(self, _run, stats):
        stats = stats._obj
        stats.messages = len(self.of("log_step")) + len(self.of("log"))
        stats.attempt, stats.last_step, stats.resumed, stats.words = (
            self.attempt,
            self.step,
            self.was_resumed,
            self.words,
        )
        return 0

    def finish_with(self, _run, exit_code, state, words, timeout_ms):
        self.end_words.append(words)
        return self._note("finish", exit_code, state, timeout_ms)

    def bound_sigterm(self, timeout_ms):
        return self._note("bound_sigterm", timeout_ms)

    def finish_all(self, exit_code, state, words, timeout_ms):
        return self._note("finish_all", exit_code, state, words, timeout_ms)

    def close(self, _run):
        self._note("close")


def _texts(pointer):
    texts = []
    while pointer[len(texts)] is not None:
        texts.append(pointer[len(texts)])
    return texts


def _counts(address):
    if address is None:
        return None
    counts = native.Counts.from_address(address)
    return list((_ITEMS[counts.type] * counts.n_entries).from_address(counts.data))


def _value(value):
    if value.kind == native.HISTOGRAM:
        return value.counts[: value.n_bins], value.edges[: value.n_bins + 1]
    return {native.FLOAT: value.number, native.INT: value.integer, native.TEXT: value.text}[value.kind]

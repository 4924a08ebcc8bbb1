"""The library's side of a run: its handle, opened once, called under a lock, and closed once."""

import collections
import ctypes
import os
import random
import string
import threading
import time
from time import perf_counter

from . import native, process
from .arguments import milliseconds
from .errors import complain, is_quiet, is_strict, say
from .step_call import StepCall

ANSWER_WAIT_S = 2.0  # for a daemon's first words about a run that may exist already

Stats = collections.namedtuple(
    "Stats",
    "messages acked dropped refused outbox_bytes outbox_bytes_max outbox_frames bytes_sent connects connected words "
    "seconds",
)
Stats.__doc__ = """What became of a run's messages.

messages: given so far (a log call is one). acked: of them, on the daemon's disk. dropped: had no room, or were skipped. refused: the
daemon would not have them. outbox_bytes, outbox_frames: kept until acked; outbox_bytes_max: the most there were.
bytes_sent, connects, connected: of the connection. words: the last trouble, "" when there was none. seconds: spent in
`log_step` in all, the handing over of what `log_activations` and `log_topk` have counted included."""


class Handle:
    """True while it is open. It is inert when it was never opened (no library, switched off), is finished, or is a forked
    child's: then every call does nothing.

    What the library answers is said once for each kind of call, and raised under SAE_METRICS_STRICT=1 alone."""

    def __init__(self, settings, library):
        self.id = settings.id or "".join(random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=8))
        self.name = settings.name or self.id
        # A signal's handler may call us in the middle of a call, and take them again.
        self.lock = threading.RLock()  # the handle and the scratch of a step; never held while waiting
        self._waiting = threading.RLock()  # one waiting call at a time, so that none outlives the handle
        self._settings, self._library = settings, library
        self.pointer = None  # the library's; None: inert
        self.plain = None  # the short way of its plain steps, where there is one
        self._key = None  # of process.unfinished
        self._final_stats = Stats(0, 0, 0, 0, 0, 0, 0, 0, 0, False, "", 0.0)
        self._first_words = (None, False, None)  # last_step, resumed, attempt
        self._was_asked = False
        self._said = set()
        self._seconds = 0.0

    def __bool__(self):
        return self.pointer is not None

    def open(self, run):
        """Begins `run`, as which it is remembered; one of that id that this process has open is finished first."""
        settings, library = self._settings, self._library
        before = process.unfinished.get(self._key_of(self.id))
        if before is not None:
            say("run %s was begun before in this process: that one is finished first" % self.id)
            before.finish()

        options, _keep = settings.as_options()
        options.quiet = is_quiet()
        handle, why = ctypes.c_void_p(), ctypes.c_char_p()
        result = library.open(ctypes.byref(options), ctypes.byref(handle), ctypes.byref(why))
        if result == -22:  # EINVAL
            raise ValueError((why.value or b"an argument is out of its range").decode())
        if result < 0:
            complain("no run: %s" % os.strerror(-result))
            return
        self.pointer = handle.value
        self.id = library.id(self.pointer).decode()
        self.name = (library.name(self.pointer) or b"").decode() or self.id
        self._key = self._key_of(self.id)
        process.unfinished[self._key] = run
        if settings.when_full != native.WAIT:  # which gives the interpreter lock away
            positions = {name: position for position, name in enumerate(settings.scalars)}
            self.plain = library.plain_step(self.pointer, positions, settings.d_sae, settings.train_batch_size)

    def _key_of(self, id):
        return id, self._settings.rank or 0, self._settings.socket

    @property
    def label(self):
        return self.id if self.name == self.id else "%s-%s" % (self.name, self.id)

    def become_inert(self):
        """In a forked child."""
        self.pointer = None
        self._close_plain()
        self.lock, self._waiting = threading.RLock(), threading.RLock()

    def _close_plain(self):
        plain, self.plain = self.plain, None
        if plain is not None:
            plain.close()
            self._seconds += plain.seconds

    # ---- calls that return at once ----

    def push(self, step_call, step, n_rows, fired, positive, scalars):
        """A step; the scalars that have no place in it, or None. What is refused leaves its place in the stream."""
        begun = perf_counter()
        with self.lock:
            if self.pointer is None:
                return None
            if step_call.is_busy:  # we are a signal's handler, and have interrupted it
                step_call = StepCall(self._library, self._settings)
            result, further = step_call.push(self.pointer, step, n_rows, fired, positive, scalars)
            if result < 0:
                self._library.skip(self.pointer, step)
            self._seconds += perf_counter() - begun
        if result > native.AWAY or result < 0:
            self.tell(result, "step %d" % step)
        return further

    def call(self, what, function, *arguments):
        """A function of the library, by name; `what` it is, for the words."""
        with self.lock:
            if self.pointer is None:
                return
            result = getattr(self._library, function)(self.pointer, *arguments)
        if result > native.AWAY or result < 0:
            self.tell(result, what)

    def skip(self, step):
        with self.lock:
            if self.pointer is not None:
                self._library.skip(self.pointer, step)

    def restore(self, blob):
        """ValueError when it is damaged."""
        with self.lock:
            result = native.INERT if self.pointer is None else self._library.restore(self.pointer, blob, len(blob))
        if result < 0:
            raise ValueError("load_state_dict: %s" % (self.stats.words or "the state is damaged"))
        if result > native.AWAY:
            self.tell(result, "the state")

    def should_stop(self):
        """(whether somebody asked for it, why)."""
        with self.lock:
            if self.pointer is None:
                return False, None
            reason = ctypes.c_char_p()
            stop = bool(self._library.should_stop(self.pointer, ctypes.byref(reason)))
            return stop, (reason.value or b"").decode("utf-8", "replace") if stop else None

    @property
    def stats(self):
        with self.lock:
            return self._final_stats if self.pointer is None else self._stats_now()

    def _stats_now(self):
        c = native.Stats()
        c.size = ctypes.sizeof(c)
        self._library.get_stats(self.pointer, ctypes.byref(c))
        if c.attempt:
            self._first_words = (c.last_step if c.last_step >= 0 else None, bool(c.resumed), c.attempt)
        numbers = [getattr(c, field) for field in Stats._fields[:9]]
        seconds = self._seconds if self.plain is None else self._seconds + self.plain.seconds
        return Stats(*numbers, bool(c.connected), c.words.decode("utf-8", "replace"), seconds)

    # ---- calls that may wait ----

    def first_words(self):
        """The daemon's of the run: (last step or None, whether it existed before, attempt or None). Of a run that may exist,
        because it was given an id, they are waited for once."""
        deadline = time.monotonic() + (ANSWER_WAIT_S if self._settings.id and not self._was_asked else 0)
        while self._first_words[2] is None:
            with self.lock:
                if self.pointer is None:
                    break
                self._stats_now()
            if time.monotonic() >= deadline:
                break
            time.sleep(0.002)
        self._was_asked = True
        return self._first_words

    def flush(self, timeout_s):
        """Whether everything is on the daemon's disk. None: inert."""
        with self._waiting:
            if self.pointer is None:
                return None
            result = self._library.flush(self.pointer, milliseconds(timeout_s))
        if result == native.TIMEOUT:
            complain("run %s: not everything was on the daemon's disk after %g s" % (self.id, timeout_s))
        return result == native.QUEUED

    def state(self, timeout_s):
        """(the run's state or None, the step it is of or None). None: inert."""
        state, length, step = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_int64()
        with self._waiting:
            if self.pointer is None:
                return None
            answer = self._library.state(
                self.pointer, milliseconds(timeout_s), ctypes.byref(state), ctypes.byref(length), ctypes.byref(step)
            )
            if answer in (native.QUEUED, native.AWAY) and state.value:
                blob = ctypes.string_at(state.value, length.value)
                self._library.free(state)
                return blob, step.value if step.value >= 0 else None
        if answer == native.AWAY:
            why = "no daemon has been met yet"
        else:
            why = self.stats.words or "the daemon gave no state within %g s" % timeout_s
        complain("run %s: %s: the checkpoint goes without a state" % (self.id, why))
        return None, None

    def finish(self, run, exit_code, state, words, timeout_s):
        """Ends `run`: the library's answer, or None when it is inert already."""
        interrupts = process.is_held(self._waiting) or process.is_held(self.lock)
        with self._waiting:
            with self.lock:
                handle, self.pointer = self.pointer, None
                self._close_plain()
            if handle is None:
                return None
            if process.unfinished.get(self._key) is run:
                del process.unfinished[self._key]
            text = None if state is None else state.encode()
            result = self._library.finish_with(handle, exit_code, text, words, milliseconds(timeout_s))
            self.pointer = handle
            self._final_stats = self._stats_now()
            self.pointer = None
            # After a timeout it still tries in the background, until the process ends; and whom we interrupted, in a
            # signal's handler, may still have it in hand.
            if result != native.TIMEOUT and not interrupts:
                self._library.close(handle)
        return result

    # ---- words ----

    def unheard(self):
        """A call on an inert handle: nothing, except where a test asked to know of a finished run's."""
        if is_strict() and self._library is not None and process.is_the_one_that_imported():
            complain("run %s is finished" % self.id)

    def complain_once(self, about, sentence):
        """Raised, every time, where a test asked for it."""
        if is_strict():
            complain(sentence)
        self.say_once(about, sentence)

    def say_once(self, about, sentence):
        if about not in self._said:
            self._said.add(about)
            say(sentence)

    def say_not_taken(self, what, problem):
        """A device had no memory for it, or is lost."""
        self.complain_once(("device", what.split()[0]), "run %s: %s was not taken: %s" % (self.id, what, problem))

    def tell(self, result, what):
        """What the library's answer means."""
        if result == native.INERT or (result == native.REFUSED and not is_strict()):
            return  # the library itself has said why the daemon refuses this run
        if result == native.DROPPED:
            sentence = "run %s: no room in the outbox: %s was dropped; drops are counted" % (self.id, what)
        else:
            why = self.stats.words or os.strerror(max(0, -result))
            sentence = "run %s: %s was not taken: %s" % (self.id, what, why)
        self.complain_once((result, what.split()[0]), sentence)

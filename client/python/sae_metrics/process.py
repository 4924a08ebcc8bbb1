"""The process that runs live in: how it forks, fails, is told to end, and ends.

A run that nobody finished is finished by the library when the process exits, with its exit status. What the library cannot
know is said here, before: the exception that nobody caught, and that a scheduler said SIGTERM.

A forked child's handles are inert, and so are those that were pickled into another process: what a run says is said by the
process that began it.
"""

import atexit
import os
import signal
import sys
import threading
import time
import weakref

from . import in_flight
from .errors import say

EXIT_BUDGET_S = 5.0  # of the process's end, all runs together
SIGTERM_BUDGET_S = EXIT_BUDGET_S + 1  # then a process that is busy in C dies of it all the same, its runs not ended
DRAIN_BUDGET_S = 1.0  # of it, for what is still on its way from a device
EXIT_BY_SIGINT, EXIT_BY_SIGTERM = 128 + 2, 128 + 15  # as a shell says it

unfinished = {}  # by id, rank and socket; kept though nobody refers to it: a cell of a notebook that is run again
_runs = weakref.WeakSet()
_pid = os.getpid()
_library = None
_ending = None  # (exit code, words) of the exception that ends the process
_dying = False
_watched_pid = None  # the process that was made ready for its end


def is_the_one_that_imported():
    return os.getpid() == _pid


def add(run):
    """Every run there is: a fork finds it here."""
    _runs.add(run)


def watch(library):
    """Makes the process ready to say how it ends. With its first run, and again in a forked child."""
    global _library, _watched_pid
    _library = library
    if _watched_pid is None:
        _chain_excepthook()
        atexit.register(_at_exit)
    if _watched_pid != os.getpid():
        _watched_pid = os.getpid()
        _watch_multiprocessing()
    _take_sigterm()


def finish_all(runs, timeout, **how):
    """`Run.finish` of several, `timeout` seconds for all."""
    deadline = time.monotonic() + timeout
    for run in runs:
        run.finish(timeout=max(0.0, deadline - time.monotonic()), **how)


def is_held(lock):
    """Whether this thread holds it already: a signal's handler that interrupted one of our calls calls us again."""
    return lock._is_owned()


# ---- exceptions ----


def exit_code_of(exception):
    """What the process's exit status is, or would be, with this exception; 0 without one."""
    if exception is None:
        return 0
    if isinstance(exception, SystemExit):
        code = exception.code
        return 0 if code is None else code if isinstance(code, int) else 1
    return EXIT_BY_SIGINT if isinstance(exception, KeyboardInterrupt) else 1


def words_of(exception):
    """The exception in one line, as Python prints it; None when there is nothing to say."""
    if exception is None:
        return None
    if isinstance(exception, SystemExit):
        if isinstance(exception.code, str):
            return _first_line(exception.code)
        return words_of(exception.__context__) if exit_code_of(exception) else None
    kind = type(exception)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__", "__mp_main__"):
        name = "%s.%s" % (kind.__module__, name)
    try:
        message = _first_line(str(exception))
    except Exception:
        message = ""
    return "%s: %s" % (name, message) if message else name


def _first_line(text):
    lines = text.strip().splitlines()
    return lines[0] if lines else ""


def _chain_excepthook():
    before = sys.excepthook

    def excepthook(kind, exception, traceback):
        _note_exception(exception)
        before(kind, exception, traceback)

    sys.excepthook = excepthook


def _note_exception(exception):
    global _ending
    if _is_the_end():
        _ending = exit_code_of(exception), words_of(exception)


def _is_the_end():
    """Whether the exception ends the process. An interpreter goes on, and one written in Python (a notebook's) calls the
    hook itself: then the program that runs it is still below us."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if sys.flags.interactive or sys.flags.inspect or hasattr(sys, "ps1"):
        return False
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_name not in ("<module>", "_run_module_as_main")


# ---- the end ----


def _end_all(exit_code, state, words, budget_s=EXIT_BUDGET_S):
    deadline = time.monotonic() + budget_s
    in_flight.drain_all(min(DRAIN_BUDGET_S, budget_s))
    left_ms = int(1000 * max(0.0, deadline - time.monotonic()))
    _library.finish_all(exit_code, state, None if words is None else words.encode("utf-8", "replace"), left_ms)


def _at_exit():
    if _ending is not None and _library is not None:
        exit_code, words = _ending
        _end_all(exit_code, None, words)


def _watch_multiprocessing():
    """A child of multiprocessing ends without the interpreter's end: a forked one leaves by os._exit, and what it failed
    with is printed by multiprocessing."""
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return
    from multiprocessing import util

    util.Finalize(None, _at_child_exit, exitpriority=0)


def _at_child_exit():
    exception = sys.exc_info()[1]
    _end_all(exit_code_of(exception), None, words_of(exception))


def is_beginning_in_a_child():
    """Whether this is a spawned child of multiprocessing that is not at its work yet: it imports the main module once more
    (what is not guarded by ``if __name__ == "__main__"`` happens a second time), and unpickles what it was given."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and getattr(process.current_process(), "_inheriting", False)


# ---- SIGTERM ----


def _take_sigterm():
    """A scheduler's word, where nobody listens to it. Who installs a handler later has it for himself; who chains to the
    one before, to us."""
    if os.environ.get("SAE_METRICS_SIGTERM") == "0" or threading.current_thread() is not threading.main_thread():
        return
    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and not _is_caught(signal.SIGTERM):
            signal.signal(signal.SIGTERM, _on_sigterm)
            _library.bound_sigterm(int(1000 * SIGTERM_BUDGET_S))
    except (ValueError, OSError):
        pass  # not the main interpreter


def _is_caught(number):
    """Whether a handler is installed that Python does not know of: a C library's."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("SigCgt:"):
                    return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    except (OSError, ValueError):
        pass
    return False


def _on_sigterm(number, _frame):
    """Ends the runs, then dies of the signal, as if there were no handler."""
    global _dying
    if _dying:
        return  # said again while we wait for the daemon: there is an end to that
    _dying = True
    try:
        _end_all(EXIT_BY_SIGTERM, b"preempted", "SIGTERM")
    finally:
        _die_of(number)


def _die_of(number):
    try:
        signal.signal(number, signal.SIG_DFL)
    except ValueError:  # whoever chained to us does so from another thread
        import ctypes

        ctypes.CDLL(None).signal(number, None)
    os.kill(os.getpid(), number)
    if os.getpid() == 1:  # the first process of a container, which signals kill from outside alone
        os._exit(128 + number)


# ---- forks and copies ----


def _become_a_child():
    """A thread of the parent may have held any of the locks when it was forked, so there are new ones. SIGTERM is the
    default again: a worker that is busy in C is to die of it."""
    global _ending, _dying
    _ending, _dying = None, False
    unfinished.clear()
    for run in _runs:
        run._become_inert()
    try:
        if signal.getsignal(signal.SIGTERM) is _on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    except ValueError:
        pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_become_a_child)


def say_of_copy(run_id):
    """A run that comes out of a pickle is inert. A child of multiprocessing is not told: there it is as after a fork."""
    process = sys.modules.get("multiprocessing.process")
    is_child = process is not None and process.parent_process() is not None
    if not is_child and not is_beginning_in_a_child():
        say("run %s: a copy of it, out of a pickle, logs nothing: begin a run with init(id=...)" % run_id)

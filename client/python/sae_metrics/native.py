"""libsae-metrics through ctypes: its structures, where it is found, and how arrays are lent to it.

The structures mirror client/sae_metrics.h field by field; tests/unit/python checks their offsets against the header.

Log calls go through ``PyDLL``, which keeps the interpreter lock: they take a microsecond or two, and giving the lock
away would let any busy thread (a data loader's) keep it for its whole switch interval of 5 ms. Calls that may wait go
through ``CDLL``, which gives it away.
"""

import ctypes
import importlib.machinery
import importlib.util
import os
import struct
import sys
from array import array
from ctypes import (
    POINTER,
    addressof,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)

from . import tensors

LIBRARY = "libsae-metrics.so.0"

QUEUED, AWAY, DROPPED, INERT, TIMEOUT, REFUSED = range(6)
DROP_NEWEST, DROP_OLDEST, WAIT = range(3)
FLOAT, INT, TEXT, HISTOGRAM = 1, 2, 3, 4
NO_STEP = -1

STEP_MAX = 2147483645
N_ROWS_MAX = 4294967295
D_SAE_MAX = 1 << 24
SCALARS_MAX = 256
LOG_ENTRIES_MAX = 1024
HISTOGRAM_BINS_MAX = 512


class Options(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("socket", c_char_p),
        ("run", c_char_p),
        ("launch", c_char_p),
        ("rank", c_uint32),
        ("world_size", c_uint32),
        ("global_rank", c_uint32),
        ("global_world_size", c_uint32),
        ("resume", c_char_p),
        ("project", c_char_p),
        ("entity", c_char_p),
        ("name", c_char_p),
        ("group", c_char_p),
        ("job_type", c_char_p),
        ("notes", c_char_p),
        ("tags", POINTER(c_char_p)),
        ("args", POINTER(c_char_p)),
        ("config_json", c_char_p),
        ("program", c_char_p),
        ("git_commit", c_char_p),
        ("git_remote", c_char_p),
        ("sweep_id", c_char_p),
        ("source", c_char_p),
        ("profile", c_char_p),
        ("architecture", c_char_p),
        ("key_suffix", c_char_p),
        ("d_sae", c_uint32),
        ("d_in", c_uint32),
        ("wandb_log_frequency", c_uint32),
        ("feature_sampling_window", c_uint32),
        ("dead_feature_window", c_uint32),
        ("has_dead_feature_window", c_int),
        ("train_batch_size", c_uint32),
        ("context_size", c_uint32),
        ("total_training_tokens", c_uint64),
        ("total_training_steps", c_uint64),
        ("num_images", c_uint64),
        ("num_epochs", c_uint64),
        ("tokens_per_image", c_uint64),
        ("thresholds", POINTER(c_double)),
        ("n_thresholds", c_size_t),
        ("has_min_l0", c_int),
        ("has_min_explained_variance", c_int),
        ("min_l0", c_double),
        ("min_explained_variance", c_double),
        ("is_private", c_int),
        ("log_to_wandb", c_int),
        ("wandb_key", c_char_p),
        ("scalars", POINTER(c_char_p)),
        ("n_scalars", c_size_t),
        ("outbox_bytes", c_uint64),
        ("when_full", c_int),
        ("when_full_wait_ms", c_uint32),
        ("quiet", c_int),
        ("wandb_key_any_user", c_uint64),
        ("wandb_base_url", c_char_p),
    ]


class Counts(ctypes.Structure):
    _fields_ = [
        ("type", c_int),
        ("data", c_void_p),
        ("indices", c_void_p),
        ("n_entries", c_uint64),
    ]


class Value(ctypes.Structure):
    _fields_ = [
        ("key", c_char_p),
        ("kind", c_int),
        ("n_bins", c_uint32),
        ("number", c_double),
        ("integer", c_int64),
        ("text", c_char_p),
        ("counts", POINTER(c_double)),
        ("edges", POINTER(c_double)),
    ]


class Stats(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("messages", c_uint64),
        ("acked", c_uint64),
        ("dropped", c_uint64),
        ("refused", c_uint64),
        ("outbox_bytes", c_uint64),
        ("outbox_bytes_max", c_uint64),
        ("outbox_frames", c_uint64),
        ("bytes_sent", c_uint64),
        ("connects", c_uint64),
        ("connected", c_int),
        ("last_step", c_int64),
        ("attempt", c_uint32),
        ("resumed", c_int),
        ("words", ctypes.c_char * 256),
    ]


# What each function takes; all return int unless said otherwise. The flag: it may wait.
_RUN = c_void_p
_FUNCTIONS = {
    "saem_open": (True, [POINTER(Options), POINTER(c_void_p), POINTER(c_char_p)]),
    "saem_log_step": (
        False,
        [_RUN, c_uint32, c_uint32, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t],
    ),
    "saem_log": (False, [_RUN, c_int64, POINTER(Value), c_size_t]),
    "saem_begin_attempt": (False, [_RUN]),
    "saem_event": (False, [_RUN, c_int64, c_char_p, c_char_p]),
    "saem_mark": (False, [_RUN, c_uint32, c_char_p]),
    "saem_skip": (False, [_RUN, c_uint32]),
    "saem_update": (False, [_RUN, c_char_p, c_char_p, c_char_p, c_char_p]),
    "saem_update_tags": (False, [_RUN, POINTER(c_char_p)]),
    "saem_flush": (True, [_RUN, c_uint32]),
    "saem_state": (True, [_RUN, c_uint32, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_int64)]),
    "saem_free": (False, [c_void_p]),
    "saem_restore": (True, [_RUN, c_char_p, c_size_t]),
    "saem_should_stop": (False, [_RUN, POINTER(c_char_p)]),
    "saem_get_stats": (False, [_RUN, POINTER(Stats)]),
    "saem_finish": (True, [_RUN, c_int, c_char_p, c_uint32]),
    "saem_finish_with": (True, [_RUN, c_int, c_char_p, c_char_p, c_uint32]),
    "saem_finish_all": (True, [c_int, c_char_p, c_char_p, c_uint32]),
    "saem_bound_sigterm": (False, [c_uint32]),
    "saem_close": (True, [_RUN]),
    "saem_id": (False, [_RUN]),
    "saem_name": (False, [_RUN]),
    "saem_version": (False, []),
    "saem_daemon_answers": (False, []),
}
_RETURNS = {"saem_free": None, "saem_close": None, "saem_id": c_char_p, "saem_name": c_char_p, "saem_version": c_char_p}


class Library:
    """The functions of libsae-metrics, without their prefix: ``library.log_step(...)``.

    ``log_calls_wait`` is for runs that chose to wait for room: their log calls give the interpreter lock away.
    """

    def __init__(self, path):
        self.path = path
        waits, returns_at_once = ctypes.CDLL(path), ctypes.PyDLL(path)
        for name, (may_wait, takes) in _FUNCTIONS.items():
            self._declare(name[5:], getattr(waits if may_wait else returns_at_once, name), name, takes)
        self._declare("log_step_waiting", waits.saem_log_step, "saem_log_step", _FUNCTIONS["saem_log_step"][1])
        self._declare("log_waiting", waits.saem_log, "saem_log", _FUNCTIONS["saem_log"][1])
        self._step_module = _load_step_module(path)

    def _declare(self, attribute, function, name, takes):
        function.argtypes = takes
        function.restype = _RETURNS.get(name, c_int)
        setattr(self, attribute, function)

    def plain_step(self, run, positions, d_sae, n_rows):
        """What pushes plain steps of an open run and declines all others (step_module.c). None where it was not built.

        positions: of the scalars, by name; n_rows: where a call gives none, or None."""
        if self._step_module is None:
            return None
        log_step, skip = (ctypes.cast(function, c_void_p).value for function in (self.log_step, self.skip))
        return self._step_module.PlainStep(log_step, skip, run, positions, -1 if d_sae is None else d_sae, n_rows or 0)


def _load_step_module(library):
    """In the package, where it is installed; in a build, beside the library."""
    try:
        from . import _step

        return _step
    except ImportError:
        if not os.path.isabs(library) or ".abi3.so" not in importlib.machinery.EXTENSION_SUFFIXES:
            return None
    path = os.path.join(os.path.dirname(library), "python", "_step.abi3.so")
    spec = importlib.util.spec_from_file_location(__package__ + "._step", path)
    try:
        module = importlib.util.module_from_spec(spec)
    except ImportError:
        return None
    sys.modules[spec.name] = module
    return module


def _candidates():
    chosen = os.environ.get("SAE_METRICS_LIBRARY")
    if chosen:
        return [chosen]
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), LIBRARY)
    # The bare name: LD_LIBRARY_PATH (meson devenv sets it), then the system's folders.
    return [beside, LIBRARY] if os.path.exists(beside) else [LIBRARY]


_loaded = None


def load():
    """The library, loaded once a process. OSError with a sentence when there is none."""
    global _loaded
    if _loaded is None:
        problems = []
        for path in _candidates():
            try:
                _loaded = Library(path)
                break
            except (OSError, AttributeError) as problem:
                problems.append(str(problem))
        else:
            raise OSError("%s cannot be used (%s)" % (LIBRARY, "; ".join(problems)))
    return _loaded


def text_list(items):
    """A NULL-terminated array of C strings."""
    return (c_char_p * (len(items) + 1))(*[item.encode() for item in items], None)


# ---- lending arrays ----

_U8, _U16, _U32, _U64, _I32, _I64, _F32, _F64, _BOOL = range(1, 10)

# What the library reads as it lies in memory, by a buffer's format; the sizes of C's integers are the machine's.
_UNSIGNED, _SIGNED = {1: _U8, 2: _U16, 4: _U32, 8: _U64}, {4: _I32, 8: _I64}
_FORMATS = {"?": _BOOL, "f": _F32, "d": _F64}
_FORMATS.update((letter, _UNSIGNED.get(struct.calcsize(letter))) for letter in "BHILQN")
_FORMATS.update((letter, _SIGNED.get(struct.calcsize(letter))) for letter in "ilqn")


def lend(counts, what, thing, length):
    """Points `counts` at the numbers of `thing`, which must be `length` long (None: the run takes none).

    Buffers of a common type (numpy arrays, array.array, bytearray, ...) are lent where they lie; anything else is
    copied into one. Returns what must be kept alive for as long as `counts` is used.
    """
    if tensors.is_tensor(thing):
        return _lend_tensor(counts, what, thing, length)
    try:
        view = memoryview(thing)
    except (TypeError, ValueError, BufferError):
        return lend(counts, what, _array_of(thing, what), length)
    if view.shape != (length,):
        raise wrong_shape(what, view.shape, length)
    kind = _FORMATS.get(view.format)
    if kind is None or not view.c_contiguous:
        return lend(counts, what, _array_of(thing, what), length)

    counts.type = kind
    counts.n_entries = length
    if not view.readonly:
        memory = c_char.from_buffer(view)
        counts.data = addressof(memory)
        return memory
    interface = getattr(thing, "__array_interface__", None)
    if interface is not None:
        counts.data = interface["data"][0]
        return thing
    memory = (c_char * view.nbytes).from_buffer_copy(view)
    counts.data = addressof(memory)
    return memory


def wrong_shape(what, shape, length):
    if length is None:
        return ValueError("%s: init was not told d_sae, the number of features" % what)
    got = "x".join(map(str, shape))
    return ValueError("%s: expected a count for each of d_sae = %d features, got %s" % (what, length, got))


_DTYPES = {
    "uint8": _U8,
    "uint16": _U16,
    "uint32": _U32,
    "uint64": _U64,
    "int32": _I32,
    "int64": _I64,
    "float32": _F32,
    "float64": _F64,
    "bool": _BOOL,
}


def _lend_tensor(counts, what, tensor, length):
    try:
        tensor = tensors.on_host(tensor)
    except TypeError as problem:
        raise TypeError("%s: %s" % (what, problem)) from None
    if tensor.shape != (length,):
        raise wrong_shape(what, tensor.shape, length)
    counts.type = _types.get(tensor.dtype) or _type_of(tensor.dtype, what)
    counts.n_entries = length
    counts.data = tensor.data_ptr()
    return tensor


_types = {}  # by PyTorch's own, those that have been met


def _type_of(dtype, what):
    kind = _DTYPES.get(str(dtype).rpartition(".")[2])
    if kind is None:
        raise TypeError("%s: expected numbers, got a tensor of %s" % (what, dtype))
    _types[dtype] = kind
    return kind


def _array_of(thing, what):
    """The same numbers as a plain buffer of 64-bit integers or doubles."""
    if hasattr(thing, "__array__"):
        return _plain_array(thing.__array__(), what)
    try:
        numbers = thing.tolist() if isinstance(thing, memoryview) else list(thing)
    except (TypeError, NotImplementedError):
        raise TypeError("%s: expected an array of counts, got %s" % (what, type(thing).__name__)) from None
    for code in "qd":
        try:
            return array(code, numbers)
        except (TypeError, OverflowError):
            continue
    raise TypeError("%s: expected numbers" % what)


def _plain_array(numbers, what):
    import numpy

    kind = numbers.dtype.kind
    if kind not in "buif":
        raise TypeError("%s: expected numbers, got an array of %s" % (what, numbers.dtype))
    return numpy.array(numbers, dtype=numpy.float64 if kind == "f" else numpy.int64, order="C")


def doubles(numbers):
    """A C array of doubles from any sequence of numbers."""
    return (c_double * len(numbers))(*[float(number) for number in numbers])

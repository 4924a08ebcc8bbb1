"""`open`: what was measured, as arrays. A file is read with Python's own sqlite3; what only the daemon may read is asked of it by
the program that comes with this package."""

from .columns import Columns, import_numpy
from .sources import File, Program, find_database

STEPS_JSON = ("computed", "extra", "non_finite")
WINDOWS_JSON = ("flaws", "thresholds", "wandb_bins", "wandb_values", "density_counts")
RUNS_JSON = ("config", "summary", "tags", "args", "thresholds")


def open(path=None, *, socket=None, pandas=False):
    """The runs of a database. See `Database`.

    path: the file. None: the user's own database or the host's, as ``sae-metricsd`` finds it; where it may not be read, its daemon is asked.
    socket: ask the daemon behind it, and read no file.
    pandas: whether all of it comes as DataFrames; else as dicts of numpy arrays.

    Raises `Error` where there is nothing to be read, and ImportError without numpy, or without pandas where it is asked for."""
    import_numpy()
    if pandas:
        try:
            import pandas as _  # noqa: F401
        except ImportError as problem:
            raise ImportError("sae_metrics.open(pandas=True) needs pandas: pip install pandas") from problem
    if path is not None and socket is not None:
        raise TypeError("a path or a socket, not both")
    if path is None and socket is None:
        path = find_database()
    return Database(Program(socket) if path is None else File(path), pandas)


def _meant(run):
    if str(run) == "":
        raise LookupError("which run? '' is a part of all of them")
    return str(run)


class Database:
    """What `open` returns. Nothing is kept open between two calls, and nothing is changed.

    Each call returns columns under the names of the database's views (daemon/store/SCHEMA.md): a dict of arrays of one length, or a
    DataFrame. Integers are int64, numbers that may be missing float64 with NaN, texts objects with None. Times are seconds since
    1970 (``pandas.to_datetime(…, unit="s")``). A metric that was not finite is what it was: NaN, inf or -inf.

    run: an id, a name, or a part of either that fits one run only.
    columns: only these, a list of names.
    all_attempts: also rows that a run left behind when it went back; else what stands."""

    def __init__(self, source, pandas):
        self._source = source
        self._pandas = pandas

    def __repr__(self):
        return "<sae_metrics.Database of %s>" % self._source

    def _give(self, columns, **attributes):
        if not self._pandas:
            return columns
        import pandas

        flat = {name: list(values) if getattr(values, "ndim", 1) > 1 else values for name, values in columns.items()}
        frame = pandas.DataFrame(flat)
        frame.attrs.update(attributes)
        return frame

    def _table(self, table, run, columns, all_attempts, parsed):
        names, rows = self._source.rows(table, _meant(run), columns, all_attempts)
        return Columns(names, parsed).take(rows)

    def runs(self, columns=None):
        """A row a run, oldest first: id, name, project, state, step, config (a dict), tags (a list), …"""
        names, rows = self._source.runs(columns)
        return self._give(Columns(names, RUNS_JSON).take(rows))

    def steps(self, run, columns=None, all_attempts=False):
        """A row a step, logged or not, in their order: mse_loss, l0, explained_variance, … as float64[n]."""
        return self._give(self._table("steps", run, columns, all_attempts, STEPS_JSON))

    def history(self, run, columns=None, all_attempts=False):
        """A row a logged value: step, key, value (float64[n]), kind (num, nan, inf, -inf or text), text."""
        return self._give(self._table("history", run, columns, all_attempts, ()))

    def windows(self, run, columns=None, all_attempts=False):
        """A row a sparsity window. density_counts: int64[n, 200], features in each bin of log10(density), 20 a decade over
        [-10, 0], without those that never fired (never_fired)."""
        found = self._table("windows", run, columns, all_attempts, WINDOWS_JSON)
        if "density_counts" in found:
            numpy = import_numpy()
            counts = [numpy.asarray(row, dtype=numpy.int64) for row in found["density_counts"]]
            found["density_counts"] = numpy.stack(counts) if counts else numpy.zeros((0, 200), numpy.int64)
        return self._give(found)

    def deaths(self, run, columns=None, all_attempts=False):
        """Which features died and which came alive again: a row a feature and sparsity window, in their order.

        attempt, window: by the end of which window it was; since: a step, behind which it was; what: "died" or "revived"; feature: its
        number; last_fired: the step it last fired at before it was dead, the one before the run's first where it never had. int64[n],
        but for run and what, which are texts. A feature is dead when it was silent for more than the run's dead_feature_window steps.

        No rows: nothing died, or the windows were closed by a version that kept no such list. Raises LookupError where the whole
        file is of such a version."""
        return self._give(self._table("deaths", run, columns, all_attempts, ()))

    def feature_counts(self, run):
        """How often each feature fired in the last complete window, by the feature's number: arrays of d_sae.

        feature; count: uint32, rows of the window it fired on; density: float64, count / n_tokens; log10_density (-inf where it did
        not fire); last_fired: int64, the step it last fired at, -1 where it never did; total: uint64, rows of the run.
        Beside them what they are of: attempt, window, step_last, complete, n_tokens (with pandas in ``attrs``).
        Raises LookupError where no window has closed."""
        counts, last, totals, about = self._source.feature_counts(_meant(run))
        numpy = import_numpy()
        density = counts / max(about["n_tokens"], 1)
        with numpy.errstate(divide="ignore"):
            log10_density = numpy.log10(density)
        columns = {
            "feature": numpy.arange(len(counts)),
            "count": counts,
            "density": density,
            "log10_density": log10_density,
            "last_fired": numpy.where(totals > 0, last, -1).astype(numpy.int64),
            "total": totals,
        }
        return self._give(columns, **about) if self._pandas else {**columns, **about}

"""Several runs of one process at once: stacked SAEs, a sweep over coefficients or layers."""

import time

from .process import EXIT_BUDGET_S, exit_code_of, finish_all, words_of


class RunGroup:
    """What ``init_many`` returns: a sequence of runs, and log calls that take arrays with a leading axis of runs.

    A value that is a sequence or array with one entry a run is shared out; a plain number is every run's.
    """

    def __init__(self, runs):
        self.runs = list(runs)

    def __len__(self):
        return len(self.runs)

    def __iter__(self):
        return iter(self.runs)

    def __getitem__(self, position):
        return self.runs[position]

    def log_step(self, step, fired=None, n_rows=None, positive=None, **scalars):
        """As `Run.log_step`, with fired[runs, d_sae] and positive[runs, d_sae]."""
        for position, run in enumerate(self.runs):
            run.log_step(
                step,
                fired=self._part("fired", fired, position),
                n_rows=self._share(n_rows, position),
                positive=self._part("positive", positive, position),
                **self._shares(scalars, position),
            )

    def log_activations(self, step, feature_acts, sae_in=None, sae_out=None, losses=None, **others):
        """As `Run.log_activations`, with feature_acts[runs, rows, d_sae] and sae_out[runs, rows, d]; sae_in and target
        [runs, rows, d], or [rows, d] where all runs see the same."""
        target = others.pop("target", None)
        for position, run in enumerate(self.runs):
            run.log_activations(
                step,
                self._part("feature_acts", feature_acts, position),
                self._input("sae_in", sae_in, position),
                self._part("sae_out", sae_out, position),
                self._shares(losses or {}, position),
                target=self._input("target", target, position),
                **self._shares(others, position),
            )

    def log_topk(self, step, indices, values=None, sae_in=None, sae_out=None, losses=None, **others):
        """As `Run.log_topk`, with indices[runs, rows, k] and values[runs, rows, k]."""
        target = others.pop("target", None)
        for position, run in enumerate(self.runs):
            run.log_topk(
                step,
                self._part("indices", indices, position),
                self._part("values", values, position),
                self._input("sae_in", sae_in, position),
                self._part("sae_out", sae_out, position),
                self._shares(losses or {}, position),
                target=self._input("target", target, position),
                **self._shares(others, position),
            )

    def log(self, values, step=None):
        """As `Run.log`, the same values for every run."""
        for run in self.runs:
            run.log(values, step)

    @property
    def should_stop(self):
        """A list: which runs were asked to stop."""
        return [run.should_stop for run in self.runs]

    def flush(self, timeout=5.0):
        """Waits until everything logged so far is on the daemon's disk, `timeout` seconds for all. True when it is."""
        deadline = time.monotonic() + timeout
        return all([run.flush(max(0.0, deadline - time.monotonic())) for run in self.runs])

    def finish(self, exit_code=0, state=None, timeout=5.0):
        """Ends all runs; `timeout` seconds for all."""
        finish_all(self.runs, timeout, exit_code=exit_code, state=state)

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, traceback):
        finish_all(self.runs, EXIT_BUDGET_S, exit_code=exit_code_of(exception), words=words_of(exception))

    def _part(self, what, stacked, position):
        if stacked is None:
            return None
        if len(stacked) != len(self.runs):
            raise ValueError(
                "%s: expected one entry for each of %d runs, got %d" % (what, len(self.runs), len(stacked))
            )
        return stacked[position]

    def _input(self, what, array, position):
        return array if array is None or len(array.shape) == 2 else self._part(what, array, position)

    def _share(self, value, position):
        if value is None or isinstance(value, (str, bytes, dict)):
            return value
        try:
            count = len(value)
        except TypeError:
            return value
        return value[position] if count == len(self.runs) else value

    def _shares(self, by_name, position):
        return {name: self._share(value, position) for name, value in by_name.items()}

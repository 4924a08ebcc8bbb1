"""Counts and sums of what a trainer holds, as `Run.log_activations` and `Run.log_topk` push them."""

from . import tensors
from .errors import complain


class Measure:
    """Of one run: what its settings say of them, and scratch that is used again from step to step."""

    def __init__(self, settings, mean_over_ranks):
        """mean_over_ranks(statistics, step, rows): of the whole batch's inputs, or None where `rows` are all of it."""
        self._settings, self._mean_over_ranks = settings, mean_over_ranks
        self._workspace = None

    def activations(self, step, feature_acts, lp_norm, goal, out):
        """(fired, positive, n_rows, sums); lp_norm False: no sum of norms. None: it cannot be measured, which is said."""
        statistics = self._statistics(feature_acts)
        if statistics is None:
            return None
        acts = statistics.rows_of(feature_acts, "feature_acts")
        fired, positive, n_nan = statistics.count_fired(acts, self._workspace)
        sums = _noted(n_nan)
        if lp_norm is not False:
            sums["lp_sum"] = statistics.lp_sum(acts, self._lp_norm(lp_norm), self._workspace)
        sums.update(self._reconstruction(statistics, step, len(acts), goal, out))
        return fired, positive, len(acts), sums

    def topk(self, step, indices, values, d_sae, goal, out):
        """As `activations`."""
        statistics = self._statistics(indices)
        if statistics is None:
            return None
        indices = statistics.rows_of(indices, "indices")
        fired, positive, n_nan = statistics.count_topk(indices, values, d_sae)
        sums = _noted(n_nan)
        sums.update(self._reconstruction(statistics, step, len(indices), goal, out))
        return fired, positive, len(indices), sums

    def _statistics(self, array):
        """What takes the sums of such arrays, loaded when first needed."""
        if tensors.is_tensor(array):
            from . import tensor_statistics

            return tensor_statistics
        try:
            from . import statistics
        except ImportError:
            return complain("log_activations and log_topk need numpy, or tensors of PyTorch")
        if self._workspace is None:
            self._workspace = statistics.Workspace()
        return statistics

    def _reconstruction(self, statistics, step, n_rows, goal, out):
        """The sums of sae_in (or the target instead) and sae_out, where they are given."""
        if (goal is None) != (out is None):
            raise ValueError("sae_in (or target) and sae_out go together")
        if goal is None:
            self._mean_over_ranks(statistics, step, None)
            return {}
        goal, out = statistics.rows_of(goal, "sae_in"), statistics.rows_of(out, "sae_out")
        if len(goal) != n_rows:
            raise ValueError("sae_in has %d rows, the activations have %d" % (len(goal), n_rows))
        return statistics.measure_reconstruction(goal, out, self._mean_over_ranks(statistics, step, goal))

    def _lp_norm(self, given):
        if given is not None:
            return given
        return 1 if self._settings.lp_norm is None else self._settings.lp_norm


def _noted(n_nan):
    """That some activations were NaN, where they were or may have been."""
    return {"n_nan_acts": n_nan} if tensors.is_tensor(n_nan) or n_nan else {}

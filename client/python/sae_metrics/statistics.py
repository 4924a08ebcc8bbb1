"""The sums from which a step's metrics are computed, in numpy.

Notation: B rows (tokens), `a` = feature_acts[B, d_sae], `x` = the target (sae_in, or the target of a transcoder),
`y` = sae_out, `m` = the batch's mean of x, l2_b = |y_b - x_b|^2, tv_b = |x_b - m|^2. Sums are float64 whatever the
arrays are; counts are exact. These sums can be added over ranks (explained variance by its count, mean and squared
deviation), and every trainer's definition of a loss or variance follows from them.
"""

import numpy

from . import tensors

BLOCK_NUMBERS = 1 << 18  # worked on at a time, so that masks and copies stay in the cache
BLOCK_ROWS = 255  # a column of that many booleans can be summed in uint8, which is fast


class Workspace:
    """Scratch arrays, reused from step to step; they grow to one block of activations, never with B."""

    def __init__(self):
        self.mask = numpy.empty(0, numpy.bool_)
        self.wide = numpy.empty(0, numpy.float64)

    def mask_like(self, block):
        if self.mask.size < block.size:
            self.mask = numpy.empty(block.size, numpy.bool_)
        return self.mask[: block.size].reshape(block.shape)

    def wide_like(self, block):
        if self.wide.size < block.size:
            self.wide = numpy.empty(block.size, numpy.float64)
        return self.wide[: block.size].reshape(block.shape)


def rows_of(array, what):
    """`array` as [rows, features]: leading axes are rows too ([images, tokens, d] has images x tokens rows)."""
    array = numpy.asarray(tensors.on_host(array) if tensors.is_tensor(array) else array)
    if array.dtype.kind not in "buif":
        raise TypeError("%s: expected numbers, got an array of %s" % (what, array.dtype))
    if array.ndim < 2:
        raise ValueError("%s: expected [rows, features], got shape %s" % (what, array.shape))
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


def _blocks(array):
    rows = max(1, min(BLOCK_ROWS, BLOCK_NUMBERS // max(1, array.shape[1])))
    for first in range(0, len(array), rows):
        yield array[first : first + rows]


def _add_columns(sums, mask):
    sums += numpy.add.reduce(mask.view(numpy.uint8), axis=0, dtype=numpy.uint8)


def count_fired(acts, workspace=None):
    """On how many rows each feature fired: ``(nonzero, positive, n_nan)``.

    `nonzero` and `positive` are uint32[d_sae]; `positive` is None where no activation is negative, because the two
    are then the same. A NaN is neither: `n_nan` says how many there were.
    """
    workspace = workspace or Workspace()
    positive = numpy.zeros(acts.shape[1], numpy.uint32)
    negative, n_nan = None, 0
    for block in _blocks(acts):
        mask = workspace.mask_like(block)
        _add_columns(positive, numpy.greater(block, 0, out=mask))
        if block.min() >= 0:  # a NaN is not
            continue
        if negative is None:
            negative = numpy.zeros_like(positive)
        _add_columns(negative, numpy.less(block, 0, out=mask))
        n_nan += int(numpy.count_nonzero(numpy.isnan(block, out=mask)))
    if negative is None or not negative.any():
        return positive, None, n_nan
    return positive + negative, positive, n_nan


def lp_sum(acts, p=1.0, workspace=None):
    """Sum over rows of the p-norm of their activations, without any coefficient. `p` may be 0 and infinity."""
    workspace = workspace or Workspace()
    total = 0.0
    for block in _blocks(acts):
        wide = workspace.wide_like(block)
        numpy.abs(block, out=wide)
        if p == 1:
            total += wide.sum()
        elif p == 0:
            total += numpy.count_nonzero(wide)
        elif p == numpy.inf:
            total += wide.max(axis=1).sum()
        else:
            total += ((wide**p).sum(axis=1) ** (1.0 / p)).sum()
    return float(total)


def column_sums(rows):
    """float64[d]: the sum over the rows, in what a mean over several ranks' rows is taken from."""
    return numpy.add.reduce(rows, axis=0, dtype=numpy.float64)


def measure_reconstruction(target, out, mean=None):
    """What x and y say of each other, as a dict of

    * ``l2_sum``, ``tv_sum``: sums over rows of l2_b and tv_b;
    * ``mse_num``, ``mse_den``: sum over rows and elements of (y - x)^2 / sqrt(tv_b), and rows x d: their ratio is
      ViT-Prisma's mse_loss;
    * ``ev_count``, ``ev_mean``, ``ev_m2``: of 1 - l2_b / tv_b over rows: how many, mean, sum of squared deviations.

    A row that equals the batch's mean has tv_b = 0: infinities and NaNs are results like others. `mean` is the batch's
    where these are some of its rows only.
    """
    if target.shape != out.shape:
        raise ValueError("sae_out has shape %s where its target has %s" % (out.shape, target.shape))
    total = numpy.add.reduce  # the plain loop: at a few hundred rows the convenience of .sum() costs as much
    x = target.astype(numpy.float64)
    residual = numpy.subtract(out, x)
    l2 = numpy.einsum("ij,ij->i", residual, residual)
    x -= total(x, axis=0) / len(x) if mean is None else mean
    tv = numpy.einsum("ij,ij->i", x, x)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        ev = 1.0 - l2 / tv
        ev_mean = total(ev) / len(ev)
        deviation = ev - ev_mean
        scaled = l2 / numpy.sqrt(tv)
        # ViT-Prisma divides element by element: one without error in a row at the mean is 0 / 0.
        at_mean = numpy.flatnonzero(tv == 0)
        scaled[at_mean[(residual[at_mean] == 0).any(axis=1)]] = numpy.nan
        return {
            "l2_sum": float(total(l2)),
            "tv_sum": float(total(tv)),
            "mse_num": float(total(scaled)),
            "mse_den": float(x.size),
            "ev_count": float(len(ev)),
            "ev_mean": float(ev_mean),
            "ev_m2": float(total(deviation * deviation)),
        }


def count_topk(indices, values, d_sae):
    """As `count_fired`, from the selected features of each row: indices[B, k] and their values[B, k].

    A feature that was selected with value 0 did not fire. Without values every selected feature did.
    """
    indices = rows_of(indices, "indices")
    if indices.dtype.kind not in "ui":
        raise TypeError("indices: expected integers, got an array of %s" % indices.dtype)
    chosen = indices.ravel().astype(numpy.intp, copy=False)
    if chosen.size and (chosen.min() < 0 or chosen.max() >= d_sae):
        raise ValueError(
            "indices: expected 0 ... d_sae - 1 = %d, got %d ... %d" % (d_sae - 1, chosen.min(), chosen.max())
        )
    if values is None:
        return _bincount(chosen, d_sae), None, 0

    values = rows_of(values, "values")
    if values.shape != indices.shape:
        raise ValueError("values has shape %s where indices has %s" % (values.shape, indices.shape))
    values = values.ravel()
    positive = _bincount(chosen[values > 0], d_sae)
    negative = values < 0
    n_nan = int(numpy.count_nonzero(numpy.isnan(values)))
    if not negative.any():
        return positive, None, n_nan
    return positive + _bincount(chosen[negative], d_sae), positive, n_nan


def _bincount(indices, d_sae):
    return numpy.bincount(indices, minlength=d_sae).astype(numpy.uint32)

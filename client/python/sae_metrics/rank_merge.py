"""Scalars of several ranks made one, by the rules of PROTOCOL.md 3.3, as the daemon does it for the ranks of its host.

In PyTorch, on whatever device the numbers are, and in the order of the ranks: nothing here waits for a device.
"""

import torch

MEAN, FIRST, SUM, TOTAL, MOMENTS = "mean", "first", "sum", "total", "moments"

# Names that are not here are means weighted by rows. An l0 is one, too, but the counts know better.
RULES = {
    "l1_coefficient": FIRST,
    "current_learning_rate": FIRST,
    "ev_count": MOMENTS,
    "ev_mean": MOMENTS,
    "ev_m2": MOMENTS,
    "l2_sum": SUM,
    "tv_sum": SUM,
    "mse_num": SUM,
    "mse_den": SUM,
    "lp_sum": SUM,
    "aux_sum": SUM,
    "n_nan_acts": TOTAL,
}
OF_MOMENTS = ("ev_count", "ev_mean", "ev_m2")


def merge(names, values, has, rows):
    """{name: a tensor of one number} of what is known of all ranks together.

    names: of the columns. values[ranks, names] in float64; has[ranks][names], whether a rank gave it; rows[ranks]."""
    masks = torch.tensor(has, dtype=torch.bool, device=values.device)
    values = torch.where(masks, values, 0.0)
    by_rule = {MEAN: _means(values, masks, rows), FIRST: _firsts(values, masks)}
    by_rule[SUM] = by_rule[TOTAL] = _sums(values)
    known = {}
    for column, name in enumerate(names):
        rule = RULES.get(name, MEAN)
        gave = [row[column] for row in has]
        if rule is not MOMENTS and (all(gave) if rule is SUM else any(gave)):
            known[name] = by_rule[rule][column]
    columns = [names.index(name) for name in OF_MOMENTS]
    if all(row[column] for row in has for column in columns):
        known.update(zip(OF_MOMENTS, _moments(*(values[:, column] for column in columns))))
    return known


def drop_what_is_computed(known, has_counts, is_ratio_of_means):
    """Means of ranks' means that are no mean over rows give way to what the sums say."""
    if has_counts:
        known.pop("l0", None)
    if "ev_mean" in known:
        known.pop("explained_variance_std", None)
    if ("l2_sum" in known and "tv_sum" in known) if is_ratio_of_means else "ev_mean" in known:
        known.pop("explained_variance", None)


def _sums(values):
    total = values[0]
    for part in values[1:]:
        total = total + part
    return total


def _firsts(values, masks):
    first, seen = values[0], masks[0]
    for value, has in zip(values[1:], masks[1:]):
        first, seen = torch.where(seen, first, value), seen | has
    return first


def _means(values, masks, rows):
    mean, seen, n = values[0], masks[0], masks[0] * float(rows[0])
    for value, has, n_rows in zip(values[1:], masks[1:], rows[1:]):
        # Equal values stay as they are, bit for bit: they were reduced over the ranks before.
        both = torch.where(_same(mean, value), mean, (n * mean + n_rows * value) / (n + n_rows))
        mean = torch.where(seen & has, both, torch.where(has, value, mean))
        seen, n = seen | has, n + has * float(n_rows)
    return mean


def _same(a, b):
    return (a == b) | (a.isnan() & b.isnan())


def _moments(counts, means, squares):
    """Chan's merge of (n, mean, M2). A mean that is not finite has no spread, and is what the sum over all would be."""
    count, mean, m2 = counts[0], means[0], squares[0]
    for from_count, from_mean, from_m2 in zip(counts[1:], means[1:], squares[1:]):
        total, delta = count + from_count, from_mean - mean
        is_finite = mean.isfinite() & from_mean.isfinite()
        own = torch.where(count > 0, count * mean, 0.0)
        merged = torch.where(is_finite, mean + delta * from_count / total, (own + from_count * from_mean) / total)
        spread = m2 + from_m2 + delta * delta * count * from_count / total
        mean, m2 = (
            torch.where(from_count == 0, mean, merged),
            torch.where(from_count == 0, m2, torch.where(is_finite, spread, float("nan"))),
        )
        count = total
    return count, mean, m2

"""The sums of `statistics`, in PyTorch, on whatever device the tensors are: nothing here waits for it.

Notation and definitions are those of `statistics`. Results are tensors on the same device: counts int32[d_sae], sums of one
number in float64 (float32 where a device has no float64). Work is done in blocks of rows, so that memory for it is bounded.
"""

import torch

BLOCK_NUMBERS = 1 << 22  # worked on at a time: 32 MiB in float64


def rows_of(tensor, what):
    """`tensor` as [rows, features], without history: leading axes are rows too. Sparse ones stay sparse."""
    tensor = torch.as_tensor(tensor).detach()
    if tensor.is_complex() or tensor.is_meta:
        raise TypeError("%s: expected numbers, got a tensor of %s" % (what, "meta" if tensor.is_meta else tensor.dtype))
    if tensor.dim() < 2:
        raise ValueError("%s: expected [rows, features], got shape %s" % (what, tuple(tensor.shape)))
    if tensor.layout is not torch.strided:
        return tensor.to_sparse_coo().coalesce() if tensor.dim() == 2 else rows_of(tensor.to_dense(), what)
    return tensor if tensor.dim() == 2 else tensor.reshape(-1, tensor.shape[-1])


def _blocks(tensor):
    rows = max(1, BLOCK_NUMBERS // max(1, tensor.shape[1]))
    return tensor.split(rows) if len(tensor) else ()


def _wide(device):
    return torch.float32 if device.type == "mps" else torch.float64


def _on_host(tensor):
    return tensor.device.type == "cpu"


@torch.no_grad()
def count_fired(acts, _workspace=None):
    """On how many rows each feature fired: ``(nonzero, positive, n_nan)``. `positive` is None where no activation is negative,
    as far as that can be said without waiting for the device."""
    if acts.is_sparse:
        indices, values = acts.indices()[1], acts.values()
        return _count(indices, values, acts.shape[1])

    positive = torch.zeros(acts.shape[1], dtype=torch.int32, device=acts.device)
    negative, n_nan = None, 0
    for block in _blocks(acts):
        positive += (block > 0).sum(0, dtype=torch.int32)
        if _on_host(block) and bool(block.min() >= 0):  # a NaN is not
            continue
        negative = torch.zeros_like(positive) if negative is None else negative
        negative += (block < 0).sum(0, dtype=torch.int32)
        n_nan = n_nan + block.isnan().sum()
    return _both(positive, negative, n_nan)


def _both(positive, negative, n_nan):
    """What `count_fired` returns, the simpler where that costs no wait."""
    if negative is None:
        return positive, None, 0
    if not _on_host(positive):
        return positive + negative, positive, n_nan
    return (positive + negative, positive, int(n_nan)) if bool(negative.any()) else (positive, None, int(n_nan))


@torch.no_grad()
def count_topk(indices, values, d_sae):
    """As `count_fired`, from the selected features of each row: indices[B, k] and their values[B, k] (None: all fired).

    ValueError for an index that is no feature's. Where that would take a wait for the device, the first count is made -1
    instead, which is refused when it arrives.
    """
    indices = rows_of(indices, "indices")
    if indices.is_floating_point() or indices.dtype is torch.bool:
        raise TypeError("indices: expected integers, got a tensor of %s" % indices.dtype)
    chosen = indices.reshape(-1).long()
    is_bad = (chosen < 0) | (chosen >= d_sae)
    if _on_host(chosen) and bool(is_bad.any()):
        raise ValueError(
            "indices: expected 0 ... d_sae - 1 = %d, got %d ... %d" % (d_sae - 1, chosen.min(), chosen.max())
        )
    chosen = torch.where(is_bad, d_sae, chosen)  # as it is, a bad one would be the end of the device's whole context
    if values is None:
        nonzero, positive, n_nan = _add_up(chosen, torch.ones_like(chosen, dtype=torch.int32), d_sae), None, 0
    else:
        values = rows_of(values, "values").to(indices.device)
        if values.shape != indices.shape:
            raise ValueError("values has shape %s where indices has %s" % (tuple(values.shape), tuple(indices.shape)))
        nonzero, positive, n_nan = _count(chosen, values.reshape(-1), d_sae)
    if not _on_host(chosen):
        nonzero[0] = torch.where(is_bad.any(), -1, nonzero[0])
    return nonzero, positive, n_nan


def _count(indices, values, d_sae):
    positive = _add_up(indices, (values > 0).int(), d_sae)
    if _on_host(values) and (values.numel() == 0 or bool(values.min() >= 0)):
        return positive, None, 0
    return _both(positive, _add_up(indices, (values < 0).int(), d_sae), values.isnan().sum())


def _add_up(indices, ones, d_sae):
    sums = torch.zeros(d_sae + 1, dtype=torch.int32, device=indices.device)
    return sums.scatter_add_(0, indices, ones)[:d_sae]


@torch.no_grad()
def lp_sum(acts, p=1.0, _workspace=None):
    """Sum over rows of the p-norm of their activations, without any coefficient. `p` may be 0 and infinity."""
    wide = _wide(acts.device)
    if acts.is_sparse:
        values = acts.values().abs().to(wide)
        if p == 1:
            return values.sum()
        if p == 0:
            return (values != 0).sum().to(wide)
        rows = torch.zeros(len(acts), dtype=wide, device=acts.device)
        if p == float("inf"):
            return rows.scatter_reduce_(0, acts.indices()[0], values, "amax").sum()
        return (rows.scatter_add_(0, acts.indices()[0], values**p) ** (1.0 / p)).sum()
    total = torch.zeros((), dtype=wide, device=acts.device)
    for block in _blocks(acts):
        block = block if block.is_floating_point() else block.to(wide)
        total += torch.linalg.vector_norm(block, ord=p, dim=1, dtype=wide).sum()
    return total


@torch.no_grad()
def column_sums(rows):
    """The sum over the rows: `statistics.column_sums`."""
    return _dense(rows).sum(0, dtype=_wide(rows.device))


@torch.no_grad()
def measure_reconstruction(target, out, mean=None):
    """What x and y say of each other: the dict of `statistics.measure_reconstruction`."""
    if target.shape != out.shape:
        raise ValueError(
            "sae_out has shape %s where its target has %s" % (tuple(out.shape), tuple(target.shape))
        )
    target, out = _dense(target), _dense(out).to(target.device)
    wide = _wide(target.device)
    mean = target.sum(0, dtype=wide) / len(target) if mean is None else mean
    l2, tv, scaled = [], [], []
    for x, y in zip(_blocks(target), _blocks(out)):
        x = x.to(wide)
        residual = y.to(wide) - x
        l2.append(residual.square().sum(1))
        tv.append((x - mean).square_().sum(1))
        # ViT-Prisma divides element by element: one without error in a row at the mean is 0 / 0.
        at_mean = (tv[-1] == 0) & (residual == 0).any(1)
        scaled.append(torch.where(at_mean, float("nan"), l2[-1] / tv[-1].sqrt()))
    l2, tv, scaled = torch.cat(l2), torch.cat(tv), torch.cat(scaled)
    ev = 1.0 - l2 / tv
    ev_mean = ev.mean()
    return {
        "l2_sum": l2.sum(),
        "tv_sum": tv.sum(),
        "mse_num": scaled.sum(),
        "mse_den": float(target.numel()),
        "ev_count": float(len(target)),
        "ev_mean": ev_mean,
        "ev_m2": (ev - ev_mean).square_().sum(),
    }


def _dense(tensor):
    return tensor.to_dense() if tensor.is_sparse else tensor

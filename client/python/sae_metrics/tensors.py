"""PyTorch's tensors, without importing PyTorch: it is loaded already where somebody hands one in."""

import sys

# By device type, what carries tensors of such a device to the host without waiting (see device.py). Tensors of a type that
# is not listed are read where they are; on the host that is free, on any other device it waits.
DEVICES = {}

_c_types = None  # PyTorch's, once it is there


def is_tensor(thing):
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)  # None while torch itself is being imported
    return tensor is not None and isinstance(thing, tensor)


def device_of(tensor):
    """How to carry this tensor without waiting; None for one to be read where it is."""
    if not DEVICES:
        _fill_devices()
    kind = DEVICES.get(tensor.device.type)
    return None if kind is None else kind.of(tensor.device)


def _fill_devices():
    from . import device

    DEVICES.update(device.KINDS)


def find_device(things):
    """That of the first tensor among `things` that is on one, or None."""
    tensor_type = getattr(sys.modules.get("torch"), "Tensor", None)
    if tensor_type is None:
        return None
    host_is_one = "cpu" in DEVICES  # never but for tests; the host's tensors are most of what is asked about
    for thing in things:
        if type(thing) is float or not isinstance(thing, tensor_type) or (thing.is_cpu and not host_is_one):
            continue
        device = device_of(thing)
        if device is not None:
            return device
    return None


def plain(tensor):
    """Without its history, and dense."""
    tensor = tensor.detach()
    return tensor if tensor.layout is sys.modules["torch"].strided else tensor.to_dense()


def number(tensor):
    """Of a tensor of one number; ValueError for any other."""
    try:
        return tensor.item()
    except RuntimeError as problem:  # also one without a value: of "meta", or of a function that is being transformed
        if tensor.numel() != 1:
            raise ValueError("expected a number, got a tensor of shape %s" % (tuple(tensor.shape),)) from None
        raise ValueError(str(problem)) from None


def on_host(tensor):
    """A contiguous tensor on the host of a type that C knows."""
    torch = sys.modules["torch"]
    if tensor.is_cpu and tensor.dtype in _of_c(torch) and tensor.layout is torch.strided and tensor.is_contiguous():
        return tensor.detach() if tensor.requires_grad else tensor
    tensor = plain(tensor)
    if tensor.is_complex() or tensor.is_meta:
        raise TypeError("expected numbers, got a tensor of %s" % ("meta" if tensor.is_meta else tensor.dtype))
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()
    elif tensor.dtype in (torch.int8, torch.int16):
        tensor = tensor.int()
    return tensor.cpu().contiguous()


def _of_c(torch):
    global _c_types
    if _c_types is None:
        _c_types = frozenset((torch.int32, torch.int64, torch.uint8, torch.bool, torch.float32, torch.float64))
    return _c_types

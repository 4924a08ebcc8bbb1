"""How tensors of an accelerator come to the host without anybody waiting: pinned memory, and events."""

import torch


class Accelerator:
    """One device of torch.cuda (NVIDIA's, and AMD's under the same name) or torch.xpu."""

    _known = {}

    def __init__(self, device):
        self.device = device
        self._module = getattr(torch, device.type)

    @classmethod
    def of(cls, device):
        if device not in cls._known:
            cls._known[device] = cls(device)
        return cls._known[device]

    def is_capturing(self):
        """Whether work is being recorded into a graph, not done: nothing may be asked of the device then."""
        capturing = getattr(self._module, "is_current_stream_capturing", None)
        return capturing is not None and capturing()

    def reserve(self, n_bytes):
        """Host memory that the device can write to while the host goes on."""
        with torch.inference_mode(False):  # else it could be written to only there, for ever
            return torch.empty(n_bytes, dtype=torch.uint8, device="cpu", pin_memory=True)

    def copy(self, memory, tensor):
        """Queues the copy on the tensor's current stream, behind what makes it and before what replaces it."""
        memory.copy_(tensor, non_blocking=True)

    def record(self):
        """An event of what has been queued so far: query() says whether it is done, synchronize() waits for it."""
        with self._module.device(self.device):
            event = self._module.Event()
            event.record()
        return event


KINDS = {name: Accelerator for name in ("cuda", "xpu") if hasattr(torch, name)}

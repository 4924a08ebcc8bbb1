"""A GPU that is none: tensors of the host, copied by a stream that the host is ahead of."""
import collections

from sae_metrics import tensors


class FakeDevice:
    """What is queued happens `lag` queued events later, or when somebody waits. Until then memory holds rubbish."""

    def __init__(self, lag):
        self.lag, self.capturing, self.broken = lag, False, None
        self.queue = collections.deque()  # copies (memory, tensor), and events
        self.n_events = self.n_waits = self.ahead_max = 0

    def install(self, test):
        tensors.device_of(tensors.sys.modules["torch"].zeros(1))  # so that the real ones are known
        tensors.DEVICES["cpu"] = self
        test.addCleanup(tensors.DEVICES.pop, "cpu")
        return self

    def of(self, _device):
        return self

    def is_capturing(self):
        return self.capturing

    def reserve(self, n_bytes):
        if self.broken:
            raise self.broken
        torch = tensors.sys.modules["torch"]
        return torch.full((n_bytes,), 0xA5, dtype=torch.uint8)

    def copy(self, memory, tensor):
        memory.view(-1).view(tensors.sys.modules["torch"].uint8).fill_(0xA5)
        self.queue.append((memory, tensor.clone()))  # a stream reads before what is queued behind can write

    def record(self):
        event = Event(self)
        self.queue.append(event)
        self.n_events += 1
        while self._ahead() > self.lag:
            self._run_one()
        self.ahead_max = max(self.ahead_max, self._ahead())
        return event

    def run_until(self, event):
        while not event.done:
            self._run_one()

    def _ahead(self):
        return sum(isinstance(entry, Event) for entry in self.queue)

    def _run_one(self):
        entry = self.queue.popleft()
        if isinstance(entry, Event):
            entry.done = True
        else:
            memory, tensor = entry
            memory.copy_(tensor)


class Event:
    def __init__(self, device):
        self.device, self.done = device, False

    def query(self):
        return self.done

    def synchronize(self):
        self.device.n_waits += 1
        self.device.run_until(self)

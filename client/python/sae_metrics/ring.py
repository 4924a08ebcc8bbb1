"""Steps whose numbers are still on their way from a device.

A trainer that hands in tensors of a GPU must not wait for them: it may be dozens of steps ahead of the device, and that is
what keeps the device busy. So the numbers are copied, on the device's own stream, into a slot of pinned memory, and the
step is pushed by a later call, once an event says that the copy is done. When all slots are on their way the oldest is
waited for: that is many steps ago, and the device has the others to go on with. No step is left out.
"""

import collections
import threading
import time

SLOTS_MAX = 64  # steps a host may be ahead of its device
SLOTS_MIN = 4
BYTES_MAX = 64 << 20  # of pinned memory, which the system cannot page out; SLOTS_MIN slots are had in any case
ALIGNMENT = 16
POLL_S = 0.0002


class Ring:
    """Hands over in order: arrays once they have arrived (`put`), and calls behind them (`call`). What is to be done with
    them is a function, called by whichever later call finds them arrived. Any thread may call.

    A device that fails (an assertion in a kernel is the end of all its work) fails for whoever asks it next, and that is not
    to be a trainer which is just ending its run: what was on its way is lost then, and on_lost(how many, the failure) says it.
    """

    def __init__(self, device, on_lost):
        self._device, self._on_lost = device, on_lost
        self._lock = threading.RLock()
        self._free = []
        self._on_the_way = collections.deque()  # (event or None, slot, arrays, function, if lost)
        self._n_slots = self._n_bytes = 0

    def __len__(self):
        return len(self._on_the_way)

    def put(self, tensors, function, if_lost=None):
        """Calls function(tensors on the host) once they are there, or if_lost() where they never will be. The host's memory
        is lent for that call alone. RuntimeError: the device has no memory, or is lost."""
        with self._lock:
            self.collect()
            n_bytes = sum(_aligned(tensor.numel() * tensor.element_size()) for tensor in tensors)
            slot = self._take_slot(n_bytes)
            try:
                arrays = self._copy(tensors, slot)
                event = self._device.record()
            except BaseException:
                self._free.append(slot)
                raise
            self._on_the_way.append((event, slot, arrays, function, if_lost))

    def _copy(self, tensors, slot):
        arrays, offset = [], 0
        for tensor in tensors:
            end = offset + tensor.numel() * tensor.element_size()
            array = slot[offset:end].view(tensor.dtype).view(tensor.shape)
            self._device.copy(array, tensor)
            arrays.append(array)
            offset = _aligned(end)
        return arrays

    def call(self, function):
        """Calls it once everything before it has been handed over."""
        with self._lock:
            self.collect()
            if self._on_the_way:
                self._on_the_way.append((None, None, None, function, function))
            else:
                function()

    def collect(self):
        """Hands over what has arrived. Asks the device, and waits for nothing."""
        with self._lock:
            while self._on_the_way and self._ask(lambda event: event.query()):
                self._hand_over()

    def drain(self, timeout_s):
        """Hands over everything, if it arrives within so many seconds. Whether it did."""
        deadline = time.monotonic() + timeout_s
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            return False
        try:
            while self._on_the_way:
                self.collect()
                if self._on_the_way:
                    if time.monotonic() >= deadline:
                        return False
                    time.sleep(POLL_S)
            return True
        finally:
            self._lock.release()

    def _ask(self, question):
        """Of the oldest event. True where there is none to ask."""
        event = self._on_the_way[0][0]
        try:
            return event is None or question(event)
        except RuntimeError as problem:
            self._lose(problem)
            return False

    def _lose(self, problem):
        lost = list(self._on_the_way)
        self._on_the_way.clear()
        self._free.clear()
        self._n_slots = self._n_bytes = 0
        for *_, if_lost in lost:
            if if_lost is not None:
                if_lost()
        self._on_lost(sum(event is not None for event, *_ in lost), problem)

    def _hand_over(self):
        event, slot, arrays, function, _ = self._on_the_way.popleft()
        try:
            function() if event is None else function(arrays)
        finally:
            if slot is not None:
                self._free.append(slot)

    def _take_slot(self, n_bytes):
        bytes_max = max(BYTES_MAX, SLOTS_MIN * n_bytes)
        while True:
            for position, slot in enumerate(self._free):
                if slot.numel() >= n_bytes:
                    return self._free.pop(position)
            if self._n_slots < SLOTS_MAX and self._n_bytes + n_bytes <= bytes_max:
                slot = self._device.reserve(n_bytes)
                self._n_slots, self._n_bytes = self._n_slots + 1, self._n_bytes + n_bytes
                return slot
            if self._free:  # too small, and in the way
                self._n_slots, self._n_bytes = self._n_slots - 1, self._n_bytes - self._free.pop().numel()
            else:
                self._wait_for_the_oldest()

    def _wait_for_the_oldest(self):
        if self._ask(lambda event: event.synchronize() or True):
            self._hand_over()


def _aligned(n_bytes):
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT

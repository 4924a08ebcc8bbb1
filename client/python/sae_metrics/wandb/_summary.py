"""``wandb.summary``: the last value of each key, and what the trainer says on top of that."""

from .. import tensors
from ._values import friendly, without_non_finite


class Summary:
    """As the SDK's: a dict, by item and by attribute, also of nested ones. What is logged shows in it; what is assigned
    is told by `assigned`, which is called with a dict, and is laid over the daemon's own summary. Deleting hides a key
    here alone."""

    def __init__(self, assigned=lambda entries: None):
        object.__setattr__(self, "_items", {})
        object.__setattr__(self, "_assigned", assigned)

    def update(self, d=(), **more):
        entries = {str(key): friendly(_plain(value)) for key, value in dict(d, **more).items()}
        self._items.update(entries)
        if entries:
            self._assigned(without_non_finite(entries))

    def __setitem__(self, key, value):
        self.update({key: value})

    __setattr__ = __setitem__

    def note_logged(self, path, value):
        """A value that was logged, under the names of the dicts it was in and its own."""
        place = self._items
        for name in path[:-1]:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        place[path[-1]] = value

    def __getitem__(self, key):
        item = self._items[key]
        if tensors.is_tensor(item):
            return item.item()
        return _Part(self, key, item) if isinstance(item, dict) and "_type" not in item else item

    def __getattr__(self, key):
        try:
            return self[key]
        except KeyError:
            raise AttributeError("the summary has no %r" % key) from None

    def __delitem__(self, key):
        del self._items[key]

    __delattr__ = __delitem__

    def get(self, key, default=None):
        return self[key] if key in self._items else default

    def keys(self):
        return list(self._items)

    def values(self):
        return [self[key] for key in self._items]

    def items(self):
        return [(key, self[key]) for key in self._items]

    def _as_dict(self):
        return dict(self._items)

    def __contains__(self, key):
        return key in self._items

    def __iter__(self):
        return iter(list(self._items))

    def __len__(self):
        return len(self._items)

    def __repr__(self):
        return str(self._items)


class _Part(Summary):
    """A dict inside the summary: what is assigned to it is told as the whole of what it hangs on."""

    def __init__(self, parent, key, items):
        super().__init__(lambda _entries: parent.update({key: items}))
        object.__setattr__(self, "_items", items)


def as_last(value):
    """A value that `Run.log` keeps, as the summary has it: a tensor is read when it is asked for, which waits for its
    device; until then the trainer may change its own."""
    if isinstance(value, tuple):
        return {"_type": "histogram", "values": value[0], "bins": value[1]}
    return value.clone() if tensors.is_tensor(value) else value


def _plain(value):
    return value.to_json() if hasattr(value, "histogram") and hasattr(value, "to_json") else value

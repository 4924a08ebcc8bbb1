"""Where a log call's values belong: the rules by which W&B's SDK makes rows of calls."""


class Rows:
    """The rows of one run. `step` is the open row's: what a call without a step joins.

    As in the SDK: a call with a step joins that row while it is open, and a higher one closes the row before. A call
    without a step joins the open row and closes it. `commit`, where it is given, says whether the row is closed
    instead; a closed row of step n leaves n + 1 open.

    A step below the open row's is where we differ. The SDK throws such values away. Here they are another attempt of the
    run, where the trainer begins again (`sae_metrics.going_back` says when that is): the row of that step is the open one then
    (`begin`). Else they come late: they keep their own step, and the open row stays as it is. The daemon keeps them under that step as
    values of a line that is closed (in `history`; not forwarded, because W&B takes no such line).

    `step` at first is where a run goes on. A process of its own is an attempt of its own, so its first call may lie anywhere.
    """

    def __init__(self, step=0):
        self.step = step
        self._is_new = True

    def is_behind(self, step):
        return not self._is_new and step < self.step

    def begin(self, step):
        """The trainer begins again there."""
        self.step = step

    def place(self, step=None, commit=None):
        """The step at which the values of this call are kept."""
        if step is not None:
            if self.is_behind(step):
                return step
            self.step = step
        self._is_new = False
        place = self.step
        if commit if commit is not None else step is None:
            self.step += 1
        return place

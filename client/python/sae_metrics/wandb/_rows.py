"""Where a log call's values belong: the rules by which W&B's SDK makes rows of calls."""


class Rows:
    """The rows of one run. `step` is the open row's: what a call without a step joins.

    As in the SDK: a call with a step joins that row while it is open, and a higher one closes the row before. A call
    without a step joins the open row and closes it. `commit`, where it is given, says whether the row is closed
    instead; a closed row of step n leaves n + 1 open.

    A step below the open row's is where we differ. The SDK throws such values away. Here they keep their own step, and
    the open row stays as it is: the daemon keeps them under that step as values of a line that is closed (in `history`;
    not forwarded, because W&B takes no such line).
    """

    def __init__(self, step=0):
        self.step = step

    def place(self, step=None, commit=None):
        """The step at which the values of this call are kept."""
        if step is not None:
            if step < self.step:
                return step
            self.step = step
        place = self.step
        if commit if commit is not None else step is None:
            self.step += 1
        return place

"""`sae_metrics.open(pandas=True)`: the same numbers as a DataFrame, and a CSV of `export` is read as the same again."""
import io
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "system")]

import pandas

from harness import DAEMON, Daemon
import sae_metrics
import workload

import tap


# What reads each number as what it is was no matter of course, and has to be asked for.
EXACT = {"float_precision": "round_trip"} if int(pandas.__version__.split(".")[0]) < 3 else {}


class Pandas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.__exit__)
        cls.daemon.start()
        os.environ["PATH"] = f"{DAEMON.parent}:{os.environ['PATH']}"
        handle = workload.begin(cls.daemon.socket, "panda001", name="=cmd()")
        for step in range(120):
            workload.log_step(handle, "panda001", 0, step)
        handle.finish(timeout=60)

    def test_each_call_gives_a_frame_of_the_same_columns(self):
        for place in ({"path": self.daemon.database}, {"socket": self.daemon.socket}):
            arrays, frames = sae_metrics.open(**place), sae_metrics.open(**place, pandas=True)
            for name, key in ("steps", "step"), ("history", "step"), ("windows", "window"), ("deaths", "feature"):
                columns, frame = getattr(arrays, name)("panda001"), getattr(frames, name)("panda001")
                self.assertIsInstance(frame, pandas.DataFrame)
                self.assertEqual(list(columns), list(frame.columns))
                self.assertEqual(len(columns["run"]), len(frame))
                self.assertEqual(columns[key].tolist(), frame[key].tolist())
                self.assertEqual(columns[key].dtype, frame[key].dtype)
            self.assertEqual(["panda001"], frames.runs()["id"].tolist())
            counts = frames.feature_counts("panda001")
            self.assertEqual(workload.D_SAE, len(counts))
            self.assertEqual(arrays.feature_counts("panda001")["n_tokens"], counts.attrs["n_tokens"])

    def test_a_csv_is_read_as_the_same_numbers(self):
        out = subprocess.run([DAEMON, "export", "panda001", "--csv", "--db", self.daemon.database], capture_output=True, check=True).stdout
        read = pandas.read_csv(io.BytesIO(out), **EXACT)
        steps = sae_metrics.open(self.daemon.database, pandas=True).steps("panda001")
        self.assertEqual(list(steps.columns), list(read.columns))
        for name in steps.select_dtypes("number").columns:
            if name != "time":
                pandas.testing.assert_series_equal(steps[name], read[name], check_exact=True, check_dtype=False)
        seconds = (pandas.to_datetime(read["time"]) - pandas.Timestamp(0, tz="UTC")).dt.total_seconds()
        self.assertLess((seconds - steps["time"]).abs().max(), 1e-5)

    def test_jsonl_is_read_as_the_same_numbers(self):
        out = subprocess.run([DAEMON, "export", "panda001", "--jsonl", "--db", self.daemon.database], capture_output=True, check=True).stdout
        read = pandas.read_json(io.BytesIO(out), lines=True, precise_float=True)
        steps = sae_metrics.open(self.daemon.database, pandas=True).steps("panda001")
        self.assertEqual(steps["l1_loss"].tolist(), read["l1_loss"].tolist())


if __name__ == "__main__":
    tap.main()

"""The trainer of client/examples, on real photographs: smaller, and the daemon killed under it."""
import os
import subprocess
import sys
import unittest

from harness import Daemon, ROOT

import tap

try:
    import sklearn.datasets
    sklearn.datasets.load_sample_images
except ImportError:
    sklearn = None

TRAINER = ROOT / "client" / "examples" / "train_saes.py"


@unittest.skipIf(sklearn is None, "no scikit-learn")
class Examples(unittest.TestCase):
    def train(self, daemon, *arguments):
        """Lines of what it prints; the daemon is killed and started again when it says so."""
        environment = {**os.environ, "SAE_METRICS_SOCKET": str(daemon.socket), "PYTHONUNBUFFERED": "1",
                       "PYTHONPATH": str(ROOT / "client" / "python"), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, str(TRAINER), "--db", str(daemon.database), *arguments]
        lines = []
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as trainer:
            for line in trainer.stdout:
                lines.append(line.rstrip("\n"))
                if "the daemon is killed" in line:
                    daemon.kill()
                    daemon.start()
        return trainer.returncode, lines

    def test_three_saes_on_photographs_agree_with_the_reference_while_the_daemon_is_killed(self):
        with Daemon() as daemon:
            code, lines = self.train(daemon, "--steps", "60", "--window", "10", "--d-sae", "512", "--outage", "sleep 0.2")
            self.assertEqual([], daemon.rows("SELECT run, kind, words FROM alerts"), "nothing is the matter with them")
            self.assertEqual(21, daemon.rows("SELECT count(*) FROM windows")[0][0])
        told = "\n".join(lines)
        self.assertEqual(0, code, told)
        self.assertRegex(told, r"\b288 rows compared, 0 integers differ, largest float error \S+, 0 lost, 0 twice")
        self.assertRegex(told, r"pushing cost [\d.]+ % of the step time")

    def test_a_database_without_the_runs_is_not_called_equal(self):
        with Daemon() as daemon, Daemon() as other:
            code, lines = self.train(daemon, "--steps", "20", "--window", "10", "--d-sae", "512", "--db", str(other.database))
        self.assertEqual(1, code)
        self.assertRegex("\n".join(lines), r"\b0 rows compared, .* 96 lost, 0 twice")


if __name__ == "__main__":
    tap.main()

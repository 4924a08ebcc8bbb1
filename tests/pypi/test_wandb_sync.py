"""The official `wandb sync` takes what `sae-metricsd export` writes, and W&B has the same run of it as from the daemon's own
forwarding."""
import math
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]
from fake_wandb import FakeWandb
from harness import DAEMON, PATIENCE_S, Daemon, wait_until
from record_wandb import environment
from wandb_file import File
from wandb_normal import differences, normal, plain

import tap
import workload

SYNC = Path(sys.executable).parent / "wandb"
ABOUT = dict(project="p", name="l9-x16", group="sweep", job_type="train", notes="two\nlines", tags=["relu", "ü"],
             config={"lr": 4e-4, "nested": {"a": [1, None, {"b": True}]}, "ü": "x", "seed": -1})


def push(daemon, run, steps=230, exit_code=0, finish=True):
    handle = workload.begin(daemon.socket, run, log_to_wandb=True, wandb_key=False, **ABOUT)
    for step in range(steps):
        workload.log_step(handle, run, 0, step)
    handle.log({"odd/nan": math.nan, "odd/up": math.inf, "odd/down": -math.inf, "odd/big": 2 ** 60, "odd/text": "ä <&> \"\\"},
               step=steps - 1)
    if finish:
        handle.finish(exit_code=exit_code, timeout=PATIENCE_S)
    else:
        assert handle.flush(PATIENCE_S)
    return handle


def export(daemon, run, *arguments):
    """The file, and the folder it stands in."""
    out = subprocess.run([DAEMON, "export", run, "--db", daemon.database, "--wandb", daemon.directory / "out", *arguments],
                         env=daemon.environment(), capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    path, = (daemon.directory / "out").glob(f"*-{run}/run-{run}.wandb")
    return File(path), path.parent


def sync(w, folder):
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    said = environment(w.base_url, str(home))
    del said["WANDB_SILENT"]
    out = subprocess.run([SYNC, "sync", folder], env=said, cwd=home, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert out.returncode == 0 and "Finished syncing" in out.stderr, out.stdout + out.stderr


class Sync(unittest.TestCase):
    def setUp(self):
        self.wandb = FakeWandb()
        self.daemon = Daemon()
        self.forward(False)

    def tearDown(self):
        self.daemon.__exit__()
        self.assertEqual([], self.wandb.violations)
        self.wandb.close()

    def forward(self, forwards, axis="step"):
        config = self.daemon.directory / "conf"
        config.write_text(f"[wandb]\nmode = {'online' if forwards else 'off'}\ntransmit_interval = 500ms\nx_axis = {axis}\n")
        self.daemon.arguments = ["--config", str(config)]

    def run_of(self, w, run):
        return w.runs[f"fake-entity/p/{run}"]

    def test_what_is_synced_is_what_is_in_the_file(self):
        self.daemon.start()
        push(self.daemon, "synced01", exit_code=3)
        file, folder = export(self.daemon, "synced01")
        sync(self.wandb, folder)

        run = self.run_of(self.wandb, "synced01")
        self.assertEqual((True, 3), (run.complete, run.exit_code))
        self.assertEqual((ABOUT["name"], ABOUT["group"], ABOUT["job_type"], ABOUT["notes"], ABOUT["tags"]),
                         (run.display_name, run.group, run.job_type, run.notes, run.tags))
        self.assertEqual(ABOUT["config"], {key: value["value"] for key, value in run.config.items() if key != "_wandb"})
        self.assertGreater(len(file.rows), 30)
        self.assertEqual([], differences(plain(file.rows), plain(run.history)))
        summary = {key: value for key, value in run.summary.items() if key not in ("_runtime", "_wandb")}
        self.assertEqual([], differences(plain(file.summary), plain(summary), ignore=("_runtime", "_wandb")))
        self.assertEqual(int(file.summary["_runtime"]), int(run.summary["_runtime"]))

    def compare_roads(self, *arguments):
        """W&B has the same run, whether the daemon has forwarded it or `wandb sync` was handed it."""
        with FakeWandb() as other:
            self.daemon.variables.update({"WANDB_BASE_URL": self.wandb.base_url, "WANDB_API_KEY": "a" * 40})
            self.daemon.start()
            push(self.daemon, "roads001")
            wait_until(lambda: "fake-entity/p/roads001" in self.wandb.runs and self.run_of(self.wandb, "roads001").complete,
                       "the run to be forwarded")
            _, folder = export(self.daemon, "roads001", *arguments)
            sync(other, folder)
            self.assertEqual([], differences(normal(self.run_of(self.wandb, "roads001")), normal(self.run_of(other, "roads001")),
                                             ignore=("later_upserts_say",)))
            self.assertEqual([], other.violations)

    def test_both_roads_lead_to_the_same_run(self):
        self.forward(True)
        self.compare_roads()

    def test_both_roads_lead_to_the_same_charts(self):
        self.forward(True, "tokens")
        self.compare_roads("--x-axis", "tokens")

    def test_a_run_without_an_end_is_failed(self):
        self.daemon.start()
        handle = push(self.daemon, "noend001", steps=50, finish=False)
        _, folder = export(self.daemon, "noend001", "--unfinished")
        sync(self.wandb, folder)
        run = self.run_of(self.wandb, "noend001")
        self.assertEqual((True, 1), (run.complete, run.exit_code))
        self.assertGreater(len(run.history), 3)
        handle.finish(timeout=PATIENCE_S)


if __name__ == "__main__":
    tap.main()

"""What W&B gets from the daemon is what it would have got from its own SDK, for the runs that the SDK was recorded with."""
import base64
import math
import subprocess
import sys
import unittest

import sdk_script
from fake_wandb import FakeWandb
from harness import Daemon, wait_until
from wandb_normal import differences, normal

import tap

KEY = "a" * 40
PLAIN = ("whole", "nothing", "odd", "synced")  # each in a project of its own, whatever else there is
ON_FILE = sdk_script.load()


class ForwardSdk(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.w = FakeWandb()
        self.addCleanup(self.w.close)

    def daemon(self, **settings):
        daemon = Daemon(variables={"WANDB_BASE_URL": self.w.base_url, "WANDB_API_KEY": KEY})
        configuration = daemon.directory / "conf"
        lines = [f"{name} = {value}" for name, value in {"transmit_interval": "500ms", **settings}.items()]
        configuration.write_text("\n".join(["[wandb]", *lines, ""]), encoding="utf-8")
        daemon.arguments = ["--config", str(configuration)]
        self.addCleanup(daemon.__exit__)
        return daemon.start()

    def forwarded(self, daemon, name):
        """Logs a run of the file; what the stand-in has of it once it has all."""
        script = ON_FILE["script"][name]
        run = sdk_script.begin(script, daemon.socket)
        sdk_script.log(run, script)
        run.finish(exit_code=script["exit_code"], timeout=60)
        return self.ended(daemon, name)

    def ended(self, daemon, name):
        run_id = ON_FILE["script"][name]["init"]["id"]
        wait_until(lambda: daemon.rows("SELECT completed, pending FROM forwards WHERE run = ?", run_id) == [(1, 0)],
                   f"W&B to have {name} to its end")
        return self.w.runs[f"fake-entity/sae/{run_id}"]

    def differ(self, name, run):
        expected, _ = sdk_script.of_ours(ON_FILE["script"][name], ON_FILE["runs"][name])
        return differences(expected, normal(run), ignore=sdk_script.IGNORED)

    def has_sensible_times(self, run):
        """What normal() leaves out."""
        runtimes, times = ([row[key] for row in run.history] for key in ("_runtime", "_timestamp"))
        self.assertEqual((sorted(runtimes), sorted(times)), (runtimes, times))
        self.assertTrue(all(runtime >= 0 for runtime in runtimes))
        if times:
            self.assertEqual(times[-1], run.summary["_timestamp"])
            self.assertGreaterEqual(run.summary["_runtime"], runtimes[-1])
        self.assertEqual({"runtime": math.floor(run.summary["_runtime"])}, run.summary["_wandb"])

    def test_a_run_is_what_the_sdk_would_have_made_of_it(self):
        daemon = self.daemon()
        for name in PLAIN:
            with self.subTest(name):
                run = self.forwarded(daemon, name)
                self.assertEqual([], self.differ(name, run))
                self.has_sensible_times(run)
                # Nobody said more of what its metrics are drawn over:
                self.assertEqual({"sae/n_training_tokens": {"options": ["defined"]}}, normal(run)["metrics"])
        self.assertEqual([], self.w.violations)

    def test_a_run_that_failed_and_goes_on_is_what_the_sdk_would_have_made_of_it(self):
        daemon = self.daemon()
        for name in ("failed", "resumed"):  # two handles of one run
            run = self.forwarded(daemon, name)
            self.assertEqual([], self.differ(name, run), name)
            self.has_sensible_times(run)
        self.assertEqual([], self.w.violations)

    def test_a_run_that_goes_on_after_a_restart_of_the_daemon_is_no_other(self):
        daemon = self.daemon()
        run = self.forwarded(daemon, "failed")
        run.display_name, run.tags, run.notes = "renamed", ["seen"], "on its page"  # at W&B, as people do
        daemon.stop()
        daemon.start()
        run = self.forwarded(daemon, "resumed")
        self.assertEqual([], self.differ("resumed", run))
        self.assertEqual(("renamed", ["seen"], "on its page"), (run.display_name, run.tags, run.notes))
        self.has_sensible_times(run)
        self.assertEqual([], self.w.violations)

    def test_a_program_that_just_ends_is_what_the_sdk_would_have_made_of_it(self):
        daemon = self.daemon()
        done = subprocess.run([sys.executable, sdk_script.__file__, daemon.socket, "failed"], capture_output=True, text=True,
                              check=False)
        self.assertEqual((3, ""), (done.returncode, done.stderr))
        self.assertEqual([], self.differ("failed", self.ended(daemon, "failed")))

    def test_what_is_logged_is_at_wandb_while_the_run_goes_on(self):
        daemon, script = self.daemon(), ON_FILE["script"]["whole"]
        run = sdk_script.begin(script, daemon.socket)
        for step, values in script["log"][:5]:
            sdk_script.log_call(run, step, values)
        path = "fake-entity/sae/whole"
        wait_until(lambda: path in self.w.runs and len(self.w.runs[path].history) == 2, "the rows before the newest one")
        self.assertEqual(ON_FILE["runs"]["whole"]["rows"][:2], normal(self.w.runs[path])["rows"])
        for step, values in script["log"][5:]:
            sdk_script.log_call(run, step, values)
        run.finish(exit_code=script["exit_code"], timeout=60)
        self.assertEqual([], self.differ("whole", self.ended(daemon, "whole")))

    def test_charts_are_drawn_over_tokens_as_the_sdk_would_have_said_it(self):
        run = self.forwarded(self.daemon(x_axis="tokens"), "axes")
        self.assertEqual([], self.differ("axes", run))
        recorded, got = ON_FILE["runs"]["axes"], normal(run)
        self.assertEqual([], differences(recorded["metrics"], {name: got["metrics"][name] for name in recorded["metrics"]}))
        self.assertEqual(recorded["axes"], got["axes"])
        over = {metric.get("step_metric") for name, metric in got["metrics"].items() if name not in recorded["metrics"]}
        self.assertEqual({"sae/n_training_tokens"}, over)  # its other metrics

    def test_requests_have_the_headers_the_sdk_gives_them(self):
        self.forwarded(self.daemon(), "failed")
        expected = "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()
        self.assertEqual({(expected, "application/json")},
                         {(request.headers["authorization"], request.headers["content-type"]) for request in self.w.requests})
        self.assertEqual({"graphql", "file_stream"}, {request.kind for request in self.w.requests})

    def test_every_run_on_file_is_compared_and_nothing_is_left_out_for_no_reason(self):
        self.assertEqual(set(ON_FILE["runs"]), {*PLAIN, "failed", "resumed", "axes"})
        lacking = [sdk_script.of_ours(ON_FILE["script"][name], run)[1] for name, run in ON_FILE["runs"].items()]
        self.assertEqual(set(sdk_script.LACKING), set().union(*lacking))


if __name__ == "__main__":
    tap.main()

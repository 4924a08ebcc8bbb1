"""`sae-metricsd stop`: from somebody's terminal to should_stop in a trainer."""
import json
import os
import subprocess
import sys
import textwrap
import unittest

from harness import DAEMON, PATIENCE_S, Daemon, wait_until
import workload

import numpy
import sae_metrics
import tap

TRAINER = textwrap.dedent("""
    import sys, time
    import sae_metrics
    run = sae_metrics.init(id="trainer1", name="l9", d_sae=4, train_batch_size=2, socket=sys.argv[1])
    print("begun", flush=True)
    for step in range(10**9):
        run.log_step(step, [1, 0, 2, 0])
        if run.should_stop:
            print(run.stop_reason, flush=True)
            break
        time.sleep(0.01)
    run.finish(timeout=60)
    """)


def stop(daemon, *arguments, **who):
    done = subprocess.run([DAEMON, "stop", *arguments], env=daemon.environment(), capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, **who)
    return done.returncode, done.stdout, done.stderr


def states(daemon):
    return dict(daemon.rows("SELECT id, state FROM runs"))


class Stop(unittest.TestCase):
    def test_a_trainer_that_is_asked_to_stop_ends_as_stopped(self):
        with Daemon() as daemon:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            with subprocess.Popen([sys.executable, "-c", TRAINER, daemon.socket], stdout=subprocess.PIPE, text=True,
                                  env=environment) as trainer:
                self.assertEqual("begun\n", trainer.stdout.readline())
                wait_until(lambda: states(daemon) == {"trainer1": "running"}, "the run to be there")
                self.assertEqual((0, "run trainer1 is asked to stop\n", ""),
                                 stop(daemon, "l9", "--reason", "the disk is needed"))
                said = trainer.stdout.readline()
                self.assertIn(f"run trainer1: user {os.geteuid()} asks it to stop\n", daemon.words())
                self.assertRegex(said, "^stopped by .+ with `sae-metricsd stop`: the disk is needed\n$")
                self.assertEqual(0, trainer.wait(PATIENCE_S))
            wait_until(lambda: states(daemon) == {"trainer1": "stopped"}, "the run to be stopped")
            self.assertEqual([(said[:-1],)], daemon.rows("SELECT text FROM events WHERE kind = 'stop'"))

    def test_what_cannot_be_stopped_is_said_and_told_apart(self):
        with Daemon() as daemon:
            workload.begin(daemon.socket, "ended001").finish(timeout=20)
            wait_until(lambda: states(daemon) == {"ended001": "finished"}, "the run to end")
            self.assertEqual((1, "", "sae-metricsd stop: run ended001 has ended (finished)\n"),
                             stop(daemon, "ended001"))
            self.assertNotIn("asks it to stop", daemon.words())
            self.assertEqual((4, "", "sae-metricsd stop: no run fits 'nobody'\n"), stop(daemon, "nobody"))
            daemon.stop()
            code, out, words = stop(daemon, "ended001")
            self.assertEqual((3, ""), (code, out))
            self.assertIn("is `sae-metricsd serve` running?", words)

    def test_a_run_is_not_another_user_s_to_stop(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be another user")
        with Daemon() as daemon:
            run = workload.begin(daemon.socket, "roots001")
            wait_until(lambda: states(daemon) == {"roots001": "running"}, "the run to be there")
            for path in (daemon.directory, daemon.socket):
                os.chmod(path, 0o777)
            try:
                answer = stop(daemon, "roots001", user=65533, group=65533, extra_groups=[])
            except PermissionError:
                self.skipTest("the build is in a folder that no other user may enter")
            self.assertEqual((1, "", "sae-metricsd stop: run roots001 is root's; its own user and administrators may stop it\n"),
                             answer)
            self.assertFalse(run.should_stop)
            run.finish(timeout=20)
            self.assertEqual({"roots001": "finished"}, states(daemon))


D_SAE, ROWS, WINDOW, STEPS = 8, 40, 10, 40
AT = STEPS * ROWS  # tokens


def train(daemon, run, l0, fvu, steps=STEPS, **options):
    """A run that goes on, of which all that was trained is committed."""
    options = {"project": "sweep", "feature_sampling_window": WINDOW, **options}
    handle = sae_metrics.init(id=run, name=f"name-of-{run}", d_sae=D_SAE, d_in=4, train_batch_size=ROWS, socket=str(daemon.socket),
                              **options)
    for step in range(steps):
        fired = numpy.zeros(D_SAE, numpy.uint32)
        fired[:l0] = ROWS
        handle.log_step(step, fired=fired, n_rows=ROWS, l2_sum=fvu, tv_sum=1.0)
    handle.flush(30)
    return handle


class Dominated(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.__exit__)
        self.daemon.start()
        train(self.daemon, "done0001", 2, 0.1).finish(timeout=60)
        self.runs = {
            "beaten02": train(self.daemon, "beaten02", 3, 0.2),
            "beaten03": train(self.daemon, "beaten03", 4, 0.125),
            "sparser4": train(self.daemon, "sparser4", 1, 0.3),
            "young005": train(self.daemon, "young005", 5, 0.5, steps=20),
            "nowindow": train(self.daemon, "nowindow", 5, 0.5, feature_sampling_window=1000),
            "elsewher": train(self.daemon, "elsewher", 5, 0.5, project="another"),
        }
        wait_until(lambda: states(self.daemon)["done0001"] == "finished", "the run to end")

    def dominated(self, *arguments, at=AT, **who):
        code, out, err = stop(self.daemon, "--dominated", "--at-tokens", str(at), "--json", *arguments, **who)
        return code, json.loads(out) if out else None, err

    def asked(self):
        return {run for run, handle in self.runs.items() if handle.should_stop}

    def told(self, *runs):
        wait_until(lambda: self.asked() == set(runs), "the trainers to be told")

    def finish(self):
        for handle in self.runs.values():
            handle.finish(timeout=60)

    def test_who_is_dominated_at_equal_tokens_is_asked_to_stop_and_nobody_else(self):
        code, document, err = self.dominated()
        self.assertEqual((0, ""), (code, err))
        self.assertEqual({"beaten02", "beaten03"}, {run["id"] for run in document["dominated"]})
        self.assertEqual({f"run {run} is asked to stop" for run in ("beaten02", "beaten03")},
                         {run["answer"] for run in document["dominated"]})
        self.assertEqual({"sparser4": "none of 1 finished run beats it on both",
                          "young005": "not there yet: at 800 of 1600 tokens",
                          "nowindow": "no complete window within 1600 tokens",
                          "elsewher": "no finished run to compare it with"},
                         {run["id"]: run["why"] for run in document["left_alone"]})
        self.told("beaten02", "beaten03")
        self.assertRegex(self.runs["beaten02"].stop_reason,
                         r": dominated by name-of-done0001 at 1600 tokens: l0 \+50 %, fvu \+0\.100$")
        code, document, err = self.dominated()
        self.assertEqual((0, ""), (code, err))
        self.assertTrue(all("was asked to stop before" in run["answer"] for run in document["dominated"]))
        self.finish()
        code, document, err = self.dominated()
        self.assertEqual((0, [], ""), (code, document["dominated"], err))

    def test_a_dry_run_asks_nobody(self):
        code, document, _ = self.dominated("--dry-run")
        self.assertEqual((0, True, 2), (code, document["dry_run"], len(document["dominated"])))
        one = next(run for run in document["dominated"] if run["id"] == "beaten03")
        self.assertEqual(("done0001", 4, 0.125, None), (one["dominated_by"]["id"], one["l0"], one["fvu"], one["asked"]))
        code, out, err = stop(self.daemon, "--dominated", "--at-tokens", str(AT), "--dry-run")
        self.assertEqual((0, 3), (code, len(out.splitlines())))
        self.assertIn("not there yet", err)
        self.assertNotIn("asks it to stop", self.daemon.words())
        self.finish()
        self.assertEqual({"finished"}, set(states(self.daemon).values()))

    def test_filters_say_which_and_a_reason_may_be_given(self):
        code, document, _ = self.dominated("--project", "another")
        self.assertEqual((0, []), (code, document["dominated"]))
        code, document, _ = self.dominated("--x", "fvu", "--y", "l0", "--reason", "the sweep is over")
        self.assertEqual((0, 2), (code, len(document["dominated"])))
        self.told("beaten02", "beaten03")
        self.assertRegex(self.runs["beaten03"].stop_reason, ": the sweep is over$")
        self.finish()

    def test_other_users_runs_are_asked_for_and_refused(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be another user")
        for path in (self.daemon.directory, self.daemon.socket):
            os.chmod(path, 0o777)
        who = {"user": 65533, "group": 65533, "extra_groups": []}
        try:
            code, document, err = self.dominated(**who)
        except PermissionError:
            self.skipTest("the build is in a folder that no other user may enter")
        self.assertEqual((0, [], [], ""), (code, document["dominated"], document["left_alone"], err))
        code, document, err = self.dominated("--all-users", **who)
        self.assertEqual((1, [False, False]), (code, [run["asked"] for run in document["dominated"]]))
        self.assertEqual(2, err.count("its own user and administrators may stop it\n"))
        self.finish()
        self.assertEqual(set(), self.asked())

    def test_without_a_daemon_nobody_can_be_asked(self):
        self.finish()
        self.daemon.stop()
        code, document, err = self.dominated()
        self.assertEqual((3, None), (code, document))
        self.assertIn("is `sae-metricsd serve` running?", err)

    def test_a_database_says_who_would_be_asked_and_asks_nobody(self):
        home = self.daemon.directory / "home"
        (home / "sae-metricsd").mkdir(parents=True)
        environment = {**self.daemon.environment(), "XDG_STATE_HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
        del environment["SAE_METRICS_SOCKET"]
        command = [DAEMON, "stop", "--dominated", "--at-tokens", str(AT), "--json"]
        self.daemon.kill()
        for file in self.daemon.database.parent.glob(self.daemon.database.name + "*"):
            (home / "sae-metricsd" / file.name.replace(self.daemon.database.name, "metrics.db")).symlink_to(file)
        dry = subprocess.run([*command, "--dry-run"], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual((0, 2), (dry.returncode, len(json.loads(dry.stdout)["dominated"])), dry.stderr)
        wet = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual((3, ""), (wet.returncode, wet.stdout))
        self.assertIn("without a daemon nobody can be asked", wet.stderr)
        self.daemon.start()
        self.finish()
        self.assertEqual(set(), self.asked())


if __name__ == "__main__":
    tap.main()

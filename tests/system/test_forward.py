"""What Weights & Biases gets of a run is what the database decided: line by line, nothing twice, and nothing of what W&B had
before overwritten."""
import shutil
import sqlite3
import unittest

from fake_wandb import FakeWandb
from forwarding import ForwardingDaemon, begin, check_summary, decided, has, of, push, raw_lines
from harness import wait_until
from proxy import Proxy
from test_kill import ranks, settle
from wandb_client import Client
from wire import FINISH, OPENED, Wire
import workload

import tap

UPDATE = 11
ABOUT = dict(log_to_wandb=True, project="p", name="the name", group="sweep 3", job_type="train", notes="line 1\nline 2",
             tags=["clip", "größer"], config='{"lr": 1e-3, "nested": {"a": [1, 2]}}', host="gpu-7", program="train.py",
             args=["--lr", "1e-3", "a \"b\""], git_commit="c0ffee", git_remote="git@example.org:sae.git", sweep_id="sw1",
             started=1.7e9, wandb_log_frequency=1)


class Forward(unittest.TestCase):
    def setUp(self):
        self.w = FakeWandb()
        self.addCleanup(self.w.close)
        self.daemon = self.forwarding()

    def forwarding(self, **settings):
        daemon = ForwardingDaemon(self.w, **settings).start()
        self.addCleanup(daemon.__exit__)
        return daemon

    def is_as_decided(self, run, daemon=None, with_ours=True):
        """W&B has each line the database decided, and no other."""
        lines = decided((daemon or self.daemon).database, run, with_ours)
        got = has(self.w, run)
        self.assertEqual(len(lines), len(got), run)
        for expected, line in zip(lines, got):
            self.assertEqual(expected, line)
        self.assertEqual([], self.w.violations)
        return lines

    def ends_as_decided(self, run, exit_code=0):
        self.daemon.wait_for_end(run)
        lines = self.is_as_decided(run)
        self.assertGreater(len(lines), 0)
        check_summary(self, lines, of(self.w, run).summary)
        self.assertEqual((True, exit_code), (of(self.w, run).complete, of(self.w, run).exit_code))
        return lines

    def test_a_run_is_called_there_what_its_trainer_calls_it(self):
        with Wire(self.daemon.socket) as wire:
            self.assertEqual(OPENED, wire.open("called01", **ABOUT)[0])
            wire.step(1, 0).step(2, 1)  # a line is closed when the next step comes
            wait_until(lambda: raw_lines(self.w, "called01"), "the first line")
            run = of(self.w, "called01")
            self.assertEqual(("the name", "sweep 3", "train", "line 1\nline 2", ["clip", "größer"]),
                             (run.display_name, run.group, run.job_type, run.notes, run.tags))
            self.assertEqual(("gpu-7", "train.py", "c0ffee", "git@example.org:sae.git", "sw1"),
                             (run.host, run.program, run.commit, run.repo, run.sweep))
            self.assertEqual(({"value": 1e-3}, {"value": {"a": [1, 2]}}), (run.config["lr"], run.config["nested"]))
            writer, = run.config["_wandb"]["value"]["e"].values()
            self.assertEqual((["--lr", "1e-3", "a \"b\""], {"commit": "c0ffee", "remote": "git@example.org:sae.git"}),
                             (writer["args"], writer["git"]))
            wire.send(UPDATE, 3, {"config": '{"lr": 5, "new": null}', "tags": ["other"], "notes": "changed"})
            wait_until(lambda: run.config.get("lr") == {"value": 5}, "W&B to hear of the new config")
            self.assertEqual(({"value": None}, ["other"], "changed"), (run.config["new"], run.tags, run.notes))
            wire.send(FINISH, 4, 0, None, 1.7e9 + 60)
            self.ends_as_decided("called01")

    def test_two_runs_at_once_get_there_line_by_line_and_a_third_that_is_not_for_wandb_does_not(self):
        handles = {run: begin(self.daemon, run) for run in ("lines001", "lines002")}
        handles["private1"] = begin(self.daemon, "private1", log_to_wandb=False)
        for step in range(330):
            for run, handle in handles.items():
                workload.log_step(handle, run, 0, step)
                if step % 40 == 1:
                    handle.log({"odd/nan": float("nan"), "odd/inf": float("inf"), "odd/-inf": float("-inf"), "odd/big": 2**62,
                                "odd/tiny": 5e-324, "odd/true": True, "odd/text": "\"\\\n\u2028é😀<&>", "_step": 7,
                                "key \"\\ ü": 1.5, "odd/hist": ([1, 2, 3], [0.5, 1, 2, 1e9])}, step=step)
        for run, handle in handles.items():
            handle.finish(exit_code=3 if run == "lines002" else 0, timeout=30)
        for run, exit_code in (("lines001", 0), ("lines002", 3)):
            lines = self.ends_as_decided(run, exit_code)
            self.assertLess({"odd/nan", "odd/hist", "losses/overall_loss"}, set().union(*lines))
            raw = "".join(raw_lines(self.w, run))
            for token in ('"odd/nan":NaN', '"odd/inf":Infinity', '"odd/-inf":-Infinity', f'"odd/big":{2**62}'):
                self.assertIn(token, raw)
        self.assertEqual({"lines001", "lines002"}, {run.name for run in self.w.runs.values()})
        self.assertFalse([request for request in self.w.requests if b"private1" in (request.body or b"") + request.path.encode()])

    def test_three_ranks_are_one_run_with_one_line_a_step(self):
        settle(ranks(self.daemon, "ranks001", 300, project="p"))
        lines = self.ends_as_decided("ranks001")
        self.assertTrue({f"rank{rank}/note" for rank in range(3)} <= set().union(*lines))

    def test_of_a_run_that_goes_back_only_steps_above_the_last_line_follow(self):
        handle = begin(self.daemon, "back0001")
        push(handle, "back0001", range(0, 205))
        wait_until(lambda: len(raw_lines(self.w, "back0001")) > 20, "the first lap's lines")
        push(handle, "back0001", range(100, 310))
        handle.finish(timeout=30)
        lines = self.ends_as_decided("back0001")
        attempts = self.daemon.rows("SELECT count(DISTINCT attempt) FROM lines WHERE run = 'back0001'")
        self.assertEqual([(2,)], attempts)
        self.assertGreater(max(line["_step"] for line in lines if "losses/overall_loss" in line), 290)

    def test_what_is_logged_for_a_step_whose_line_is_closed_stays_here(self):
        handle = begin(self.daemon, "late0001")
        push(handle, "late0001", range(60))
        handle.log({"late/score": 1.0}, step=20)
        push(handle, "late0001", range(60, 100))
        handle.finish(timeout=30)
        self.ends_as_decided("late0001")
        self.assertNotIn("late/score", "".join(raw_lines(self.w, "late0001")) + str(of(self.w, "late0001").summary))
        kept = self.daemon.rows("SELECT step, line, value FROM history WHERE run = 'late0001' AND key = 'late/score'")
        self.assertEqual([(20, None, 1.0)], kept)

    def test_a_run_that_is_begun_again_after_its_end_goes_on_there(self):
        for launch, steps in (("first", range(0, 100)), ("second", range(100, 200))):
            handle = begin(self.daemon, "again001", launch=launch)
            push(handle, "again001", steps)
            handle.finish(timeout=30)
            lines = self.ends_as_decided("again001")
        self.assertGreater(lines[-1]["_step"], 180)

    def test_who_presses_stop_there_stops_the_trainer_here(self):
        handle = begin(self.daemon, "stopped1")
        push(handle, "stopped1", range(20))
        wait_until(lambda: of(self.w, "stopped1"), "the run to be there")
        self.assertFalse(handle.should_stop)
        self.w.stop("fake-entity/p/stopped1")
        wait_until(lambda: handle.should_stop, "the trainer to hear of it")
        self.assertEqual("stopped from W&B", handle.stop_reason)
        beats = len(self.w.requests)
        wait_until(lambda: len(self.w.requests) > beats + 3, "some more heartbeats")
        handle.finish(state="stopped", timeout=30)
        self.ends_as_decided("stopped1")
        self.assertEqual(1, self.daemon.words().count("asked to stop from W&B"), self.daemon.words())

    def test_our_own_metrics_stay_here_when_they_are_not_wanted_there(self):
        daemon = self.forwarding(extra_metrics="no")
        handle = begin(daemon, "plain001")
        push(handle, "plain001", range(210))
        handle.finish(timeout=30)
        daemon.wait_for_end("plain001")
        lines = self.is_as_decided("plain001", daemon, with_ours=False)
        ours = {key for key, in daemon.rows("SELECT DISTINCT key FROM history WHERE run = 'plain001' AND source = 'ours'")}
        self.assertGreater(len(ours), 0)
        self.assertEqual(set(), ours & set().union(*lines, of(self.w, "plain001").summary))
        check_summary(self, lines, of(self.w, "plain001").summary)

    def test_with_tokens_as_the_x_axis_each_metric_is_drawn_over_them(self):
        daemon = self.forwarding(x_axis="tokens")
        handle = begin(daemon, "tokens01", key_suffix="/l9")
        push(handle, "tokens01", range(110))
        handle.finish(timeout=30)
        daemon.wait_for_end("tokens01")
        metrics = of(self.w, "tokens01").config["_wandb"]["value"]["m"]
        tokens = [index for index, metric in enumerate(metrics, 1) if "n_training_tokens" in metric["1"]]
        self.assertEqual(1, len(tokens))
        drawn = {metric["1"] for metric in metrics if metric.get("5") == tokens[0]}
        self.assertEqual(len(metrics) - 1, len(drawn))
        for line in self.is_as_decided("tokens01", daemon):
            if drawn & set(line):
                self.assertIn(metrics[tokens[0] - 1]["1"], line)  # each line that has one has the tokens beside it

    # ---- what W&B has already ----

    def test_on_another_host_a_run_goes_on_behind_what_wandb_has(self):
        handle = begin(self.daemon, "moved001")
        push(handle, "moved001", range(0, 150))
        state = handle.state_dict()
        push(handle, "moved001", range(150, 200))
        handle.finish(state="preempted", timeout=30)
        self.daemon.wait_for_end("moved001")
        before = raw_lines(self.w, "moved001")

        other = self.forwarding()
        handle = begin(other, "moved001", launch="second")
        handle.load_state_dict(state)
        push(handle, "moved001", range(150, 170))  # some come before W&B is asked how far it is, and some after
        wait_until(lambda: other.forwards("moved001").get("base") is not None, "the base to be fixed")
        push(handle, "moved001", range(170, 300))
        handle.finish(timeout=30)
        other.wait_for_end("moved001")
        self.assertEqual(before, raw_lines(self.w, "moved001")[:len(before)])
        newest = of(self.w, "moved001").history[len(before) - 1]["_step"]
        lines = decided(other.database, "moved001")
        known = [line for line in lines if line["_step"] <= newest]
        self.assertGreater(len(known), 0)
        self.assertEqual(lines[len(known):], has(self.w, "moved001")[len(before):])
        self.assertEqual((len(known), 0), (other.forwards("moved001")["skipped"], other.forwards("moved001")["pending"]))
        self.assertIn(f"W&B already has {len(before)} lines of this run, through step {newest}", other.events("moved001")[0])
        self.assertEqual([], self.w.violations)

    def test_a_host_that_was_cut_off_overwrites_nothing_of_the_host_that_went_on(self):
        with Proxy() as proxy:
            cut_off = self.forwarding(variables={"http_proxy": proxy.url})
            here = begin(cut_off, "orphan01")
            push(here, "orphan01", range(0, 105))
            wait_until(lambda: cut_off.forwards("orphan01").get("accepted"), "W&B to have some")
            self.assertTrue(here.flush(30))
            wait_until(lambda: cut_off.forwards("orphan01")["pending"] == 0, "W&B to have all that is there")
            proxy.refuses = 503
            push(here, "orphan01", range(105, 400))  # it does not know that it is not wanted any more
            self.assertTrue(here.flush(30))

            other = self.forwarding()
            there = begin(other, "orphan01", launch="second")
            push(there, "orphan01", range(105, 300))
            there.finish(timeout=30)
            other.wait_for_end("orphan01")
            theirs = raw_lines(self.w, "orphan01")
            proxy.refuses = None
            cut_off.ask()
            wait_until(lambda: cut_off.forwards("orphan01")["parked"], "the cut-off host to notice")
            here.finish(timeout=30)
            self.assertIn("somebody else writes this run", cut_off.told("orphan01")["words"])
            self.assertEqual(theirs, raw_lines(self.w, "orphan01"))
            self.assertEqual([], self.w.violations)

    def test_counts_that_lag_behind_mislead_nobody(self):
        self.w.count_lag_s = 3.0
        handle = begin(self.daemon, "lagging1")
        push(handle, "lagging1", range(0, 105))
        self.assertTrue(handle.flush(30))
        wait_until(lambda: self.daemon.forwards("lagging1")["pending"] == 0, "W&B to have all that is there")
        self.daemon.stop()
        self.daemon.start()
        push(handle, "lagging1", range(105, 155))
        handle.finish(timeout=30)
        self.ends_as_decided("lagging1")
        before = raw_lines(self.w, "lagging1")
        other = self.forwarding()
        handle = begin(other, "lagging1", launch="second")
        push(handle, "lagging1", range(155, 255))
        handle.finish(timeout=30)
        other.wait_for_end("lagging1")
        self.assertEqual(before, raw_lines(self.w, "lagging1")[:len(before)])
        self.assertEqual(decided(other.database, "lagging1"), has(self.w, "lagging1")[len(before):])
        self.assertEqual([], self.w.violations)

    def put_back(self, run, starts_between):
        """Pushes, copies the database, pushes more and puts the copy back; returns the handle and W&B's lines by then."""
        copy = self.daemon.directory / "copy"
        handle = begin(self.daemon, run)
        push(handle, run, range(0, 105))
        handle.flush(30)
        wait_until(lambda: self.daemon.forwards(run).get("base") is not None, "the base to be fixed, which the copy is to have")
        source, target = sqlite3.connect(self.daemon.database), sqlite3.connect(copy)
        source.backup(target)
        source.close()
        target.close()
        for _ in range(starts_between):
            self.daemon.stop()
            self.daemon.start()
        push(handle, run, range(105, 210))
        handle.flush(30)
        wait_until(lambda: self.daemon.forwards(run)["pending"] == 0, "W&B to have all that is there")
        self.daemon.kill()
        for suffix in ("-wal", "-shm"):
            (self.daemon.directory / f"metrics.db{suffix}").unlink(missing_ok=True)
        shutil.copy(copy, self.daemon.database)
        before = raw_lines(self.w, run)
        self.daemon.start()
        return handle, before

    def test_a_database_put_back_from_a_copy_goes_on_behind_what_wandb_has(self):
        handle, before = self.put_back("copied01", starts_between=1)
        push(handle, "copied01", range(210, 320))
        handle.finish(timeout=30)
        self.daemon.wait_for_end("copied01")
        self.assertEqual(before, raw_lines(self.w, "copied01")[:len(before)])
        self.assertGreater(len(raw_lines(self.w, "copied01")), len(before) + 5)
        self.assertEqual([], self.w.violations)
        self.assertIn(f"W&B already has {len(before)} lines", " ".join(self.daemon.events("copied01")))

    def test_a_database_put_back_within_one_life_of_the_daemon_overwrites_nothing_either(self):
        handle, before = self.put_back("copied02", starts_between=0)
        push(handle, "copied02", range(210, 520))  # soon there are more lines here than there
        handle.finish(timeout=30)
        wait_until(lambda: self.daemon.forwards("copied02")["parked"], "the run to be parked")
        self.assertIn("put back from an older copy", self.daemon.told("copied02")["words"])
        self.assertEqual(before, raw_lines(self.w, "copied02"))
        self.assertEqual([], self.w.violations)

    def test_when_somebody_else_writes_a_run_it_is_left_alone_and_its_user_told(self):
        handle = begin(self.daemon, "shared01")
        push(handle, "shared01", range(0, 105))
        handle.flush(30)
        wait_until(lambda: self.daemon.forwards("shared01")["pending"] == 0, "W&B to have all that is there")
        self.daemon.stop()
        mine = raw_lines(self.w, "shared01")
        Client(self.w).stream(len(mine), range(1000, 1003), run="fake-entity/p/shared01")
        push(handle, "shared01", range(105, 400))  # soon there are more lines here than there
        self.daemon.start()
        wait_until(lambda: self.daemon.forwards("shared01")["parked"], "the run to be parked")
        handle.finish(timeout=30)
        self.assertEqual(0, handle.stats.dropped)
        self.assertIn("somebody else writes", self.daemon.told("shared01")["words"])
        self.assertEqual("refused", self.daemon.told("shared01")["state"])
        self.assertTrue(any("somebody else writes" in text for text in self.daemon.events("shared01")))
        self.assertIn("run shared01: nothing more is sent to W&B: W&B has ", self.daemon.words())
        self.assertEqual(len(mine) + 3, len(raw_lines(self.w, "shared01")))
        self.assertEqual([], self.w.violations)


if __name__ == "__main__":
    tap.main()

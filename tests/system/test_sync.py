"""`sae-metricsd sync`: what waits for W&B is sent, through the daemon that has the database or without one."""
import json
import resource
import shutil
import sqlite3
import subprocess
import threading
import unittest

from fake_wandb import FakeWandb
from harness import DAEMON, PATIENCE_S, Daemon, wait_until
from wire import QUERY, REPLY, Wire

import tap
import wandb_client
import workload

KEY = "a" * 40  # the one our stand-in takes
TOKEN = ".".join(("h" * 40, "c" * 900, "s" * 86))  # and one with claims, as some accounts have
FULL = 36864  # bytes of a file, for who is to find the disk full: SQLite's own 32 KiB beside it have room
FAILED, NO_ANSWER, NO_SUCH_RUN = 1, 3, 4


def push(daemon, run, steps=100, finish=True, first=0, handle=None):
    handle = handle or workload.begin(daemon.socket, run, log_to_wandb=True, project="p", wandb_key=False)
    for step in range(first, first + steps):
        workload.log_step(handle, run, 0, step)
    if finish:
        handle.finish(timeout=PATIENCE_S)
    else:
        assert handle.flush(PATIENCE_S)
    return handle


class Sync(unittest.TestCase):
    def setUp(self):
        self.wandb = FakeWandb()
        self.daemon = Daemon(variables={"WANDB_BASE_URL": self.wandb.base_url})
        self.config = self.daemon.directory / "conf"
        self.config.write_text("[wandb]\ntransmit_interval = 500ms\n")
        self.daemon.arguments += ["--config", str(self.config)]

    def tearDown(self):
        self.daemon.__exit__()
        self.assertEqual(self.wandb.violations, [])
        self.wandb.close()

    def offline(self):
        self.config.write_text("[wandb]\ntransmit_interval = 500ms\nmode = offline\n")
        return self.daemon.start()

    def sync(self, *arguments, key=KEY, status=0, socket=None, before=None, libraries=None):
        environment = {**self.daemon.environment(), "WANDB_BASE_URL": self.wandb.base_url, "HOME": "/nonexistent",
                       "SAE_METRICS_SOCKET": str(socket or self.daemon.socket)}
        if key:
            environment["WANDB_API_KEY"] = key
        if libraries:
            environment["LD_LIBRARY_PATH"] = str(libraries)
        ended = subprocess.run([DAEMON, "sync", *map(str, arguments)], env=environment, capture_output=True, text=True,
                               timeout=PATIENCE_S, check=False, preexec_fn=before)
        self.assertEqual(ended.returncode, status, ended.stdout + ended.stderr)
        return ended.stdout + ended.stderr

    def ask(self, **what):
        """QUERY sync itself: what the daemon says to it."""
        with Wire(self.daemon.socket) as wire:
            wire.hello(role=2)
            wire.send(QUERY, 1, "sync", {**what, "wandb_base_url": self.wandb.base_url})
            return wire.until(REPLY)[3]

    def lines(self, run):
        return len(self.wandb.runs[f"fake-entity/p/{run}"].history)

    def forwarding(self, run):
        for found in self.daemon.status()["runs"]:
            if found["id"] == run:
                return found["forward"]
        return None

    def test_a_database_is_sent_without_a_daemon_and_twice_is_once(self):
        self.offline()
        push(self.daemon, "first")
        push(self.daemon, "second", finish=False)
        self.daemon.kill()
        decided = dict(self.daemon.rows("SELECT run, lines FROM forwards"))
        self.assertIn("synced", self.sync(self.daemon.database))
        self.assertEqual(self.lines("first"), decided["first"])
        self.assertEqual(self.lines("second"), decided["second"])
        self.assertEqual(self.wandb.runs["fake-entity/p/first"].exit_code, 0)
        self.assertFalse(self.wandb.runs["fake-entity/p/second"].complete)
        self.sync(self.daemon.database)
        self.assertEqual(self.lines("second"), decided["second"])
        self.assertEqual(self.daemon.rows("SELECT count(*) FROM forward_lines"), [(0,)])

    def test_a_run_that_goes_on_after_a_sync_is_sent_to_its_end(self):
        self.offline()
        handle = push(self.daemon, "first", finish=False)
        self.daemon.kill()
        self.sync(self.daemon.database)
        self.daemon.start()
        push(self.daemon, "first", first=100, handle=handle)
        self.daemon.kill()
        self.sync(self.daemon.database)
        self.assertEqual(self.lines("first"), self.daemon.rows("SELECT lines FROM forwards")[0][0])
        self.assertTrue(self.wandb.runs["fake-entity/p/first"].complete)

    def test_a_dry_run_says_and_sends_nothing(self):
        self.offline()
        push(self.daemon, "first")
        words = self.sync("--dry-run", self.daemon.database, key=None)
        self.assertIn("rows would be sent", words)
        self.assertEqual(self.wandb.requests, [])

    def test_a_folder_of_databases_and_one_run_of_them(self):
        self.offline()
        push(self.daemon, "first")
        push(self.daemon, "second")
        self.daemon.stop()
        copies = self.daemon.directory / "copies"
        copies.mkdir()
        shutil.copy(self.daemon.database, copies / "a.db")
        self.assertIn("first", self.sync("--db", copies / "a.db", "first"))
        self.assertNotIn("fake-entity/p/second", self.wandb.runs)
        self.sync(copies)
        self.assertGreater(self.lines("second"), 0)

    def test_what_is_not_there_is_said(self):
        self.offline()
        push(self.daemon, "first")
        self.daemon.kill()
        self.assertIn("No such file", self.sync(self.daemon.directory / "none.db", status=NO_ANSWER))
        self.assertIn("no run fits 'nobody'", self.sync("--db", self.daemon.database, "nobody", status=NO_SUCH_RUN))
        self.assertIn("no W&B key", self.sync(self.daemon.database, key=None, status=FAILED))

    def test_a_daemon_that_has_the_file_is_not_disturbed(self):
        self.daemon.start()
        push(self.daemon, "first")
        self.assertIn("open: stop it", self.sync(self.daemon.database, status=FAILED))
        self.assertEqual(self.wandb.requests, [])

    def test_without_libcurl_nothing_is_sent_and_that_is_said(self):
        self.offline()
        push(self.daemon, "first")
        self.daemon.kill()
        (self.daemon.directory / "libcurl.so.4").touch()
        words = self.sync(self.daemon.database, status=FAILED, libraries=self.daemon.directory)
        self.assertIn("libcurl cannot be loaded", words)
        self.assertIn("rows wait", words)
        self.sync(self.daemon.database)
        self.assertGreater(self.lines("first"), 0)

    def test_an_outage_is_given_up_after_a_while_and_nothing_is_lost(self):
        self.offline()
        push(self.daemon, "first")
        self.daemon.kill()
        self.wandb.fault(path="graphql", status=503, n=1000)
        words = self.sync("--patience", "1", self.daemon.database, status=FAILED)
        self.assertIn("503", words)
        self.assertIn("rows wait", words)
        self.wandb.faults.clear()
        self.sync(self.daemon.database)
        self.assertGreater(self.lines("first"), 0)

    def test_a_run_without_a_key_waits_until_its_owner_hands_one_over(self):
        self.daemon.start()
        push(self.daemon, "first")
        wait_until(lambda: (self.forwarding("first") or {}).get("state") == "waiting", "the run to wait for a key")
        self.assertIn("key", self.forwarding("first")["words"])
        self.assertIn("synced", self.sync("first"))
        self.assertGreater(self.lines("first"), 0)
        self.assertNotIn(KEY, self.daemon.words())

    def test_a_key_that_is_not_taken_is_said_and_not_waited_for(self):
        self.daemon.start()
        push(self.daemon, "first")
        wait_until(lambda: (self.forwarding("first") or {}).get("state") == "waiting", "the run to wait for a key")
        self.assertIn("refused", self.sync("first", key="c" * 40, status=FAILED))
        self.wandb.violations.clear()
        self.sync("first")
        self.assertGreater(self.lines("first"), 0)

    def test_a_token_is_handed_over_as_a_key_is(self):
        self.wandb.api_key = TOKEN
        self.daemon.start()
        push(self.daemon, "first")
        wait_until(lambda: (self.forwarding("first") or {}).get("state") == "waiting", "the run to wait for a key")
        self.assertIn("synced", self.sync("first", key=TOKEN))
        self.assertGreater(self.lines("first"), 0)

    def test_all_that_waits_goes_on_at_once(self):
        self.daemon.start()
        push(self.daemon, "first")
        push(self.daemon, "second")
        wait_until(lambda: (self.forwarding("second") or {}).get("state") == "waiting", "the runs to wait")
        self.sync()
        self.assertGreater(self.lines("first"), 0)
        self.assertGreater(self.lines("second"), 0)

    # ---- whose key ----

    def test_a_file_is_sent_also_of_a_run_whose_own_key_went_with_its_daemon(self):
        self.wandb.fault(path="file_stream", status=503, n=1000)
        self.daemon.start()
        handle = workload.begin(self.daemon.socket, "first", log_to_wandb=True, project="p", wandb_key=KEY)
        push(self.daemon, "first", handle=handle)
        wait_until(lambda: self.daemon.rows("SELECT own_key FROM forwards_data") == [(1,)], "its key to be its own")
        self.daemon.kill()
        self.wandb.clear_faults()
        self.assertIn("synced", self.sync(self.daemon.database))
        self.assertEqual(self.lines("first"), self.daemon.rows("SELECT lines FROM forwards")[0][0])
        self.assertTrue(self.wandb.runs["fake-entity/p/first"].complete)

    def test_a_run_that_goes_well_with_the_hosts_key_keeps_to_it(self):
        self.daemon.variables["WANDB_API_KEY"] = KEY
        self.daemon.start()
        handle = push(self.daemon, "first", finish=False)
        wait_until(lambda: "fake-entity/p/first" in self.wandb.runs and self.lines("first") > 0, "lines to arrive")
        self.sync(key="c" * 40)
        self.assertEqual(self.ask(wandb_key="c" * 40), "1 run is tried at once, 0 of them with the key that came along")
        self.sync("first", key="c" * 40)
        self.assertIn("run first is tried at once; it has a key, another one is not used: so its user asked", self.daemon.words())
        self.assertEqual(self.daemon.rows("SELECT own_key FROM forwards_data"), [(0,)])
        self.daemon.kill()
        self.daemon.start()
        push(self.daemon, "first", first=100, handle=handle)
        wait_until(lambda: self.forwarding("first")["state"] == "synced", "the host's key to be used again")
        self.assertEqual([], [request.number for request in self.wandb.requests if request.status == 401])

    def test_a_run_whose_key_is_refused_takes_the_one_its_user_hands_over(self):
        self.daemon.variables["WANDB_API_KEY"] = "c" * 40
        self.daemon.start()
        push(self.daemon, "first")
        push(self.daemon, "second")
        for run in ("first", "second"):
            wait_until(lambda: (self.forwarding(run) or {}).get("state") == "refused", "the host's key to be refused")
        self.assertIn("synced", self.sync("first"))
        self.assertIn("run first is tried at once, with its user's own key: so its user asked", self.daemon.words())
        self.assertNotIn("fake-entity/p/second", self.wandb.runs)
        self.sync()
        self.assertGreater(self.lines("second"), 0)
        self.wandb.violations.clear()  # the two at first

    def push_as_joe(self, run):
        """A run of another user's, and a daemon that has just read of it."""
        self.daemon.start()
        push(self.daemon, run)
        self.daemon.stop()
        with sqlite3.connect(self.daemon.database) as connection:
            connection.execute("UPDATE runs_data SET uid = 65533, user = 'joe'")
        connection.close()
        self.daemon.start()

    def test_root_sends_nobody_elses_run(self):
        self.push_as_joe("first")
        wait_until(lambda: (self.forwarding("first") or {}).get("state") == "waiting", "the run to wait for a key")
        words = self.sync("first", "--patience", "1", status=FAILED)
        self.assertIn("run first is joe's; its own user and administrators may sync it", words)
        self.assertEqual(self.wandb.requests, [])

    def test_an_administrator_puts_nobody_elses_run_into_his_own_account(self):
        self.daemon.variables["SAE_METRICSD_ACCESS_TRUST_ROOT"] = "yes"
        self.push_as_joe("first")
        wait_until(lambda: (self.forwarding("first") or {}).get("state") == "waiting", "the run to wait for a key")
        words = self.sync("first", "--patience", "1", status=FAILED)
        self.assertIn("run first is tried at once; the asker's key is not used, the run is another user's", words)
        self.assertIn("waiting: for a W&B key", words)
        self.assertIn("another user's: so root asked", self.daemon.words())
        self.assertEqual(self.wandb.requests, [])

    # ---- why not ----

    def test_what_wandb_says_to_one_run_is_said_when_a_file_is_given_up(self):
        self.offline()
        push(self.daemon, "first")
        self.daemon.kill()
        self.wandb.fault(path="graphql", status=200, n=1000, body={"errors": [{"message": "permission denied"}]})
        words = self.sync("--patience", "1", self.daemon.database, status=FAILED)
        self.assertIn("metrics.db: permission denied", words)

    def test_a_full_disk_is_said_when_a_file_is_given_up(self):
        self.offline()
        for n in range(6):  # to be saved: more than there is room for
            push(self.daemon, f"run{n}", steps=30)
        self.daemon.stop()
        words = self.sync("--patience", "1", self.daemon.database, status=FAILED, before=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (FULL, FULL)))
        self.assertRegex(words, "metrics.db: the database: .*")
        self.assertNotIn("W&B takes no more", words)

    # ---- parked ----

    def test_a_run_that_was_parked_is_taken_over_only_when_asked(self):
        self.daemon.variables["WANDB_API_KEY"] = KEY
        self.daemon.start()
        handle = push(self.daemon, "first", finish=False)
        wait_until(lambda: "fake-entity/p/first" in self.wandb.runs and self.lines("first") > 0, "lines to arrive")
        wait_until(lambda: self.forwarding("first")["pending_rows"] == 0, "them to be saved")
        self.daemon.kill()
        run = self.wandb.runs["fake-entity/p/first"]
        had = len(run.history)
        stranger = self.stranger_adds(had, 3)
        self.daemon.start()
        wait_until(lambda: (self.forwarding("first") or {}).get("state") == "refused", "the run to be parked")
        self.assertIn("somebody else writes", self.forwarding("first")["words"])
        push(self.daemon, "first", first=100, handle=handle)
        self.assertIn("refused", self.sync("first", status=FAILED))
        self.sync("first", "--take-over")
        self.assertEqual([row["_step"] for row in run.history[had:had + 3]], stranger)
        decided, skipped = self.daemon.rows("SELECT lines, skipped FROM forwards")[0]
        self.assertGreater(skipped, 0)  # the stranger had their steps
        self.assertEqual(len(run.history) - 3, decided - skipped)
        self.assertTrue(run.complete)

    def test_a_run_that_is_parked_again_at_once_is_not_synced(self):
        self.daemon.variables["WANDB_API_KEY"] = KEY
        self.daemon.start()
        handle = push(self.daemon, "first", finish=False)
        wait_until(lambda: "fake-entity/p/first" in self.wandb.runs and self.lines("first") > 0, "lines to arrive")
        wait_until(lambda: self.forwarding("first")["pending_rows"] == 0, "them to be saved")
        self.daemon.kill()
        self.stranger_adds(len(self.wandb.runs["fake-entity/p/first"].history), 3)
        self.daemon.start()
        wait_until(lambda: (self.forwarding("first") or {}).get("state") == "refused", "the run to be parked")
        self.wandb.fault(path="graphql", wait_ms=700, n=10)  # while it is asked, there is nothing against it
        self.assertRegex(self.sync("first", status=FAILED), r"first  refused: .*somebody else writes.*\(0 rows wait\)")
        handle.finish(timeout=0)

    # ---- what is waited for ----

    def test_a_run_that_is_over_is_synced_when_its_end_is_there(self):
        self.daemon.variables["WANDB_API_KEY"] = KEY
        self.daemon.start()
        push(self.daemon, "first")
        wait_until(lambda: (self.forwarding("first") or {}).get("state") == "synced", "all of it to be there")
        self.daemon.stop()
        with sqlite3.connect(self.daemon.database) as connection:
            connection.execute("UPDATE forwards_data SET completed = 0")
        connection.close()
        self.assertIn("its end would be sent", self.sync("--dry-run", self.daemon.database))
        self.wandb.fault(path="graphql", wait_ms=700, n=None)
        self.wandb.fault(path="file_stream", status=503, n=None)
        self.daemon.start()
        self.assertRegex(self.sync("first", "--patience", "3", status=FAILED), "first  waiting: fault 503")
        self.wandb.clear_faults()
        self.assertRegex(self.sync("first"), "first  synced  ")
        wait_until(lambda: self.daemon.rows("SELECT completed FROM forwards_data") == [(1,)], "what W&B has said to be saved")

    def test_a_run_that_logs_on_and_on_is_waited_for_as_far_as_it_was(self):
        self.daemon.variables["WANDB_API_KEY"] = KEY
        self.daemon.start()
        handle = push(self.daemon, "first", finish=False)
        over = threading.Event()
        self.wandb.fault(path="file_stream", wait_ms=1500, n=None)  # longer than from commit to commit

        def log_on():
            step = 100
            while not over.is_set():
                workload.log_step(handle, "first", 0, step)
                step += 1

        trainer = threading.Thread(target=log_on)
        trainer.start()
        try:
            wait_until(lambda: (self.forwarding("first") or {}).get("pending_rows", 0) > 0, "rows to wait")
            self.assertRegex(self.sync("first"), "first  synced")
            self.assertRegex(self.sync(), "first  synced")
        finally:
            over.set()
            trainer.join()
        self.assertGreater(self.lines("first"), 0)

    def test_other_peoples_runs_are_not_waited_for(self):
        self.push_as_joe("joes")
        push(self.daemon, "mine")
        words = self.sync("--patience", "20")
        self.assertIn("mine  synced", words)
        self.assertNotIn("joes", words)
        self.assertEqual(self.forwarding("joes")["state"], "waiting")

    def stranger_adds(self, offset, n):
        """Somebody else's lines, behind ours."""
        steps = [100 + i for i in range(n)]
        lines = [json.dumps({"_step": step, "_runtime": 1.0, "_timestamp": 1.0, "x": 1}) for step in steps]
        body = {"files": {"wandb-history.jsonl": {"offset": offset, "content": lines}}}
        answer = wandb_client.Client(self.wandb).post("/files/fake-entity/p/first/file_stream", body)
        self.assertEqual(answer.status, 200)
        return steps

    def test_a_local_run_and_a_daemon_that_is_offline_say_so(self):
        self.offline()
        handle = workload.begin(self.daemon.socket, "local")
        workload.log_step(handle, "local", 0, 0)
        handle.finish(timeout=PATIENCE_S)
        self.assertIn("forwards nothing", self.sync("local", status=FAILED))
        self.daemon.stop()
        self.config.write_text("")
        self.daemon.start()
        self.assertIn("stays local", self.sync("local", status=FAILED))


if __name__ == "__main__":
    tap.main()

"""What happens to the trainer's side: killed, resumed, relaunched, late, and the database put back under it."""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from harness import Daemon, PATIENCE_S, everything, query_database, wait_until
from test_kill import ranks, settle
from wire import ACK, DROPPED, FINISH, FLUSH, LOG, OPENED, REFUSAL, Wire
import workload

import tap


def state_of(daemon, run):
    return daemon.rows("SELECT state FROM runs WHERE id = ?", run)[0][0]


def without_attempt(rows):
    return [row[1:] for row in rows]


class Trainer(unittest.TestCase):
    def test_a_killed_trainer_is_crashed_and_all_that_reached_the_socket_is_there(self):
        with Daemon() as daemon:
            process, = ranks(daemon, "victim01", 10000, world_size=1, hang_at=321)
            for line in process.stdout:
                if line.startswith("hanging"):
                    break
            process.kill()
            process.communicate()
            wait_until(lambda: state_of(daemon, "victim01") == "crashed", "the run to be shown as crashed")
            steps = daemon.rows("SELECT count(*), max(step) FROM steps WHERE run = 'victim01'")
            self.assertEqual([(321, 320)], steps)
            self.assertEqual("crashed", daemon.status("victim01")["state"])

    def test_killed_at_200_past_a_checkpoint_and_resumed_with_its_state_the_rows_are_those_of_an_unbroken_run(self):
        saved, killed, end = 250, 450, 800
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "resumed1")
            for step in range(saved):
                workload.log_step(handle, "resumed1", 0, step)
            state = handle.state_dict()
            self.assertEqual(saved - 1, state["step"])
            checkpoint = daemon.directory / "state"
            checkpoint.write_bytes(state["state"])
            handle.finish(state="preempted", timeout=20)

            process, = ranks(daemon, "resumed1", end, world_size=1, launch="second", hang_at=killed, from_step=saved,
                             resume_state=checkpoint)
            for line in process.stdout:
                if line.startswith("hanging"):
                    break
            process.kill()
            process.communicate()
            settle(ranks(daemon, "resumed1", end, world_size=1, launch="third", from_step=saved, resume_state=checkpoint))
            run = daemon.status("resumed1")
            self.assertFalse(run["resumed"], "it is exact")
            self.assertNotIn("resumed", [alert["kind"] for alert in run["alerts"]])
            daemon.stop()
            got = everything(daemon.database, "resumed1")

        with Daemon() as daemon:
            settle(ranks(daemon, "resumed1", end, world_size=1))
            daemon.stop()
            expected = everything(daemon.database, "resumed1")
        last = max(row[0] for row in got["steps"])
        self.assertEqual(3, last)
        for what in ("history", "histograms"):
            mine = sorted(row[2:] for row in got[what] if row[0] == last)
            theirs = sorted(row[2:] for row in expected[what] if row[2] >= saved)
            self.assertEqual(theirs, mine, what)
        self.assertGreater(len(got["windows"]), 0)
        mine = without_attempt([row for row in got["windows"] if row[0] == last])
        theirs = without_attempt([row for row in expected["windows"]])[-len(mine):]
        self.assertEqual(theirs, mine)

    def test_a_run_begun_again_in_its_process_finishes_the_one_before(self):
        with Daemon() as daemon:
            first = workload.begin(daemon.socket, "again001")
            workload.log_step(first, "again001", 0, 0)
            second = workload.begin(daemon.socket, "again001")  # a notebook's cell, run again
            workload.log_step(first, "again001", 0, 1)  # goes nowhere
            for step in range(1, 5):
                workload.log_step(second, "again001", 0, step)
            second.finish(timeout=20)
            self.assertEqual([(1, 0), (2, 1), (2, 2), (2, 3), (2, 4)],
                             daemon.rows("SELECT attempt, step FROM steps ORDER BY attempt, step"))

    def test_the_state_goes_on_exactly_on_another_host(self):
        with Daemon() as first:
            handle = workload.begin(first.socket, "moved001")
            for step in range(333):
                workload.log_step(handle, "moved001", 0, step)
            state = handle.state_dict()["state"]
            handle.finish(timeout=20)
            first.stop()
            whole = ranks(first.start(), "whole001", 600, world_size=1)
            settle(whole)
            first.stop()
        with Daemon() as second:
            checkpoint = second.directory / "state"
            checkpoint.write_bytes(state)
            settle(ranks(second, "moved001", 600, world_size=1, launch="second", from_step=333, resume_state=checkpoint))
            flaws = second.rows("SELECT * FROM windows WHERE run = 'moved001' AND NOT complete")
            self.assertLessEqual(len(flaws), 1)  # the partial last one

    def test_whoever_goes_on_behind_a_checkpoint_without_its_state_has_the_one_that_was_marked(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "marked01")
            for step in range(60):
                workload.log_step(handle, "marked01", 0, step)
                if step in (20, 40):
                    handle.mark(step)
            self.assertTrue(handle.flush(timeout=PATIENCE_S))
            for step in range(41, 50):  # in the same process
                workload.log_step(handle, "marked01", 0, step)
            handle.finish(timeout=PATIENCE_S)
            again = workload.begin(daemon.socket, "marked01", launch="second")
            for step in range(21, 120):
                workload.log_step(again, "marked01", 0, step)
            again.finish(timeout=PATIENCE_S)
            self.assertEqual([(1, "start", 60), (2, "mark", 9), (3, "mark", 99)], daemon.rows(
                "SELECT attempt, restored_from, (SELECT count(*) FROM steps s WHERE s.run = a.run AND s.attempt = a.attempt) "
                "FROM attempts a WHERE run = 'marked01' ORDER BY attempt"))

    def test_a_damaged_state_is_refused_in_words_and_the_run_goes_on(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "damaged1")
            for step in range(60):
                workload.log_step(handle, "damaged1", 0, step)
            state = handle.state_dict()
            handle.finish(timeout=20)
            broken = bytearray(state["state"])
            broken[len(broken) // 2] ^= 1
            again = workload.begin(daemon.socket, "damaged1", launch="second")
            with self.assertRaises(ValueError):
                again.load_state_dict({**state, "state": bytes(broken)})
            for step in range(60, 120):
                workload.log_step(again, "damaged1", 0, step)
            again.finish(timeout=20)
            self.assertEqual([(60,)], daemon.rows(
                "SELECT count(*) FROM steps WHERE run = 'damaged1' AND attempt = 2"))

    def test_one_rank_back_after_the_others_have_gone_ahead_is_waited_for(self):
        seconds = 30 if tap.LONG else 3
        with Daemon() as daemon:
            handles = [workload.begin(daemon.socket, "waiting1", rank, 2, outbox_bytes=1 << 20) for rank in range(2)]
            for step in range(40):
                for rank in range(2):
                    workload.log_step(handles[rank], "waiting1", rank, step)
            for handle in handles:
                handle.flush(20)
            for step in range(40, 200):
                workload.log_step(handles[0], "waiting1", 0, step)
            time.sleep(seconds)
            self.assertEqual([(39,)], daemon.rows("SELECT max(step) FROM steps WHERE run = 'waiting1'"))
            self.assertIn("rank 1", daemon.status("waiting1")["waiting_for"])
            for step in range(40, 200):
                workload.log_step(handles[1], "waiting1", 1, step)
            for handle in handles:
                handle.finish(timeout=30)
            self.assertEqual([(200, 0)], daemon.rows(
                "SELECT count(*), (SELECT late FROM runs WHERE id = 'waiting1') FROM steps WHERE run = 'waiting1'"))

    def test_a_log_behind_a_held_step_waits_for_it_and_is_not_acked(self):
        with Daemon() as daemon, Wire(daemon.socket) as zero, Wire(daemon.socket) as one:
            self.assertEqual(OPENED, zero.open("held0001", rank=0, world_size=2)[0])
            self.assertEqual(OPENED, one.open("held0001", rank=1, world_size=2)[0])
            zero.step(1, 0).send(LOG, 2, 0, 1.7e9, 1.0, [["eval/x", 1.5]]).send(FLUSH, 2)
            time.sleep(0.3)
            self.assertEqual([], daemon.rows("SELECT * FROM steps WHERE run = 'held0001'"))
            one.step(1, 0).send(FLUSH, 1)
            while one.until(ACK) != [ACK, 1]:
                pass
            while zero.until(ACK) != [ACK, 2]:
                pass
            zero.send(FINISH, 3, 0, None, 1.7e9)
            one.send(FINISH, 2, 0, None, 1.7e9)
            while zero.until(ACK) != [ACK, 3]:
                pass
            self.assertEqual([(0, 1.5)], daemon.rows("SELECT step, value FROM history WHERE key = 'eval/x'"))

    def test_a_reconnect_closes_the_old_socket_with_its_unread_bytes(self):
        stream = os.urandom(16)
        with Daemon() as daemon, Wire(daemon.socket) as old, Wire(daemon.socket) as new:
            old.open("again001", stream=stream)
            daemon.process.send_signal(signal.SIGSTOP)
            for seq in range(1, 60):  # what an unread socket surely holds
                old.step(seq, seq - 1)
            new.raw(b"")
            daemon.process.send_signal(signal.SIGCONT)
            opened = new.open("again001", stream=stream)
            self.assertEqual(OPENED, opened[0])
            for seq in range(opened[2], 400):
                new.step(seq, seq - 1)
            new.send(FLUSH, 399)
            while (answer := new.until(ACK)) != [ACK, 399]:
                self.assertEqual(ACK, answer[0])
            self.assertEqual([(399, 398)], daemon.rows("SELECT count(*), max(step) FROM steps WHERE run = 'again001'"))

    def test_a_relaunch_waits_until_the_old_ones_bytes_are_read(self):
        with Daemon() as daemon, Wire(daemon.socket) as old, Wire(daemon.socket) as new:
            old.open("relaunch", launch="first")
            for seq in range(1, 101):
                old.step(seq, seq - 1)
            busy = new.open("relaunch", launch="second")
            self.assertEqual(REFUSAL, busy[0])
            self.assertIsNotNone(busy[3], "it may try again")
            old.socket.shutdown(1)
            while old.answer() is not None:
                pass
            for _ in range(200):
                with Wire(daemon.socket) as again:
                    if again.open("relaunch", launch="second")[0] == OPENED:
                        again.step(1, 50).send(FINISH, 2, 0, None, 1.7e9)
                        while again.until(ACK) != [ACK, 2]:
                            pass
                        break
                time.sleep(0.02)
            self.assertEqual([(1, 100), (2, 1)], daemon.rows(
                "SELECT attempt, count(*) FROM steps WHERE run = 'relaunch' GROUP BY 1"))

    def test_a_database_put_back_under_live_clients_shows_the_gap_and_goes_on(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "putback1")
            for step in range(100):
                workload.log_step(handle, "putback1", 0, step)
            handle.flush(20)
            daemon.stop()
            copy = daemon.directory / "copy"
            copy.mkdir()
            for path in daemon.directory.glob("metrics.db*"):
                (shutil.copytree if path.is_dir() else shutil.copy)(path, copy / path.name)
            daemon.start()
            for step in range(100, 200):
                workload.log_step(handle, "putback1", 0, step)
            handle.flush(20)
            daemon.kill()
            for path in daemon.directory.glob("metrics.db*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            for path in copy.iterdir():
                shutil.move(path, daemon.directory / path.name)
            daemon.start()
            for step in range(200, 300):
                workload.log_step(handle, "putback1", 0, step)
            handle.finish(timeout=30)
            steps = [row[0] for row in daemon.rows("SELECT step FROM steps WHERE run = 'putback1' ORDER BY step")]
            self.assertEqual([*range(100), *range(200, 300)], steps)
            self.assertGreaterEqual(daemon.rows("SELECT lost FROM runs WHERE id = 'putback1'")[0][0], 100)
            flawed = daemon.rows("SELECT count(*) FROM windows WHERE run = 'putback1' AND NOT complete")
            self.assertGreater(flawed[0][0], 0)

    def test_a_dropped_step_marks_its_window_and_no_other(self):
        with Daemon() as daemon, Wire(daemon.socket) as wire:
            wire.open("dropped1", feature_sampling_window=10)
            seq = 0
            for step in range(40):
                seq += 1
                if step == 15:
                    wire.send(DROPPED, seq, 1, 0, 15)
                else:
                    wire.step(seq, step)
            wire.send(FINISH, seq + 1, 0, None, 1.7e9)
            while wire.until(ACK) != [ACK, seq + 1]:
                pass
            self.assertEqual([(0, 1), (1, 0), (2, 1), (3, 1)], daemon.rows(
                "SELECT window, complete FROM windows WHERE run = 'dropped1' AND flaws NOT LIKE '%partial%' ORDER BY window"))


if __name__ == "__main__":
    tap.main()

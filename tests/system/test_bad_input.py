"""Whatever a peer sends is refused or absorbed with a plain message, and nobody else is disturbed."""
import os
import resource
import socket
import struct
import threading
import time
import unittest

from harness import Daemon, wait_until
from wire import (ACK, DROPPED, ERROR, FINISH, FLUSH, HELLO, LOG, OPEN, OPENED, REFUSAL, REPLY, STEP, WELCOME,
                  Wire, frame, pack)

import tap

VERSION, MALFORMED, TOO_LARGE, BAD_FIELD, BUDGET, RUN_BUSY, RANK_TAKEN, MISMATCH, RESUME, OUT_OF_ORDER = range(1, 11)
BAD_MESSAGE, BAD_STEP, BAD_COUNTS, BAD_VALUE = 32, 33, 34, 35


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        # Somebody well-behaved, pushing all the while.
        cls.other = Wire(cls.daemon.socket)
        assert cls.other.open("bystander")[0] == OPENED
        cls.seq = 0

    @classmethod
    def tearDownClass(cls):
        cls.other.__exit__()
        status, words = cls.daemon.stop(), cls.daemon.words()
        cls.daemon.__exit__()
        assert status == 0, words[-20000:]

    def setUp(self):
        self.wire = Wire(self.daemon.socket)

    def tearDown(self):
        self.wire.__exit__()
        self.bystand()

    def bystand(self):
        """The bystander pushes one more step, and has it acked."""
        BadInput.seq += 1
        self.other.step(self.seq, self.seq - 1).send(FLUSH, self.seq)
        while (answer := self.other.until(ACK)) != [ACK, self.seq]:
            self.assertIsNotNone(answer, "the bystander was disturbed")

    def refused(self, answer, code, *words):
        self.assertIsNotNone(answer, "closed without a word")
        self.assertEqual((REFUSAL, code), tuple(answer[:2]), answer)
        for word in words:
            self.assertIn(word, answer[4])
        self.assertIsNone(self.wire.until(None), "the connection stays open")

    def error(self, code, seq, *words):
        """An ERROR for that seq, which is then acked; the connection stays open."""
        self.wire.send(FLUSH, seq)
        answer = self.wire.until(ERROR)
        self.assertIsNotNone(answer, "closed instead of ERROR")
        self.assertEqual((code, seq), (answer[1], answer[3]), answer)
        for word in words:
            self.assertIn(word, answer[2])
        self.assertEqual([ACK, seq], self.wire.until(ACK))

    def test_a_version_out_of_range_is_refused_with_the_range(self):
        self.wire.send(HELLO, 7, 9, 1, {})
        self.refused(self.wire.answer(), VERSION, "1")

    def test_garbage_is_refused(self):
        self.wire.raw(struct.pack("<II", 16, 0) + b"GET / HTTP/1.1\r\n")
        self.refused(self.wire.answer(), MALFORMED)

    def test_a_web_client_is_turned_away_after_eight_bytes(self):
        self.wire.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.refused(self.wire.answer(), TOO_LARGE)

    def test_a_frame_of_4_gib_is_refused_when_it_is_announced(self):
        self.wire.raw(struct.pack("<II", 0xffffffff, 0xffffffff))
        self.refused(self.wire.answer(), TOO_LARGE)

    def test_a_payload_before_opened_is_refused(self):
        self.wire.raw(struct.pack("<II", 10, 1))
        self.refused(self.wire.answer(), TOO_LARGE)

    def test_a_nesting_bomb_is_refused(self):
        header = b"\x91" * 1000 + b"\x01"
        self.wire.raw(struct.pack("<II", len(header), 0) + header)
        self.refused(self.wire.answer(), MALFORMED)

    def test_five_bytes_that_announce_four_billion_elements_are_refused(self):
        header = b"\xdd\xff\xff\xff\xff"
        self.wire.raw(struct.pack("<II", len(header), 0) + header)
        self.refused(self.wire.answer(), MALFORMED)

    def test_a_message_before_hello_is_refused(self):
        self.wire.step(1, 0)
        self.refused(self.wire.answer(), TOO_LARGE)
        self.wire = Wire(self.daemon.socket).send(OPEN, {
            "stream": os.urandom(16), "run": "early", "launch": "first", "first_seq": 1})
        self.refused(self.wire.answer(), OUT_OF_ORDER)

    def open_refused(self, code, *words, **fields):
        self.refused(self.wire.open("refused1", **fields), code, *words)
        self.assertEqual([], self.daemon.rows("SELECT id FROM runs WHERE id = 'refused1'"))

    def test_a_d_sae_of_two_to_the_31_is_refused(self):
        self.open_refused(BAD_FIELD, "d_sae", "16777216", d_sae=2 ** 31)

    def test_a_window_of_one_is_refused(self):
        self.open_refused(BAD_FIELD, "feature_sampling_window", "2", feature_sampling_window=1)

    def test_a_window_of_zero_is_refused(self):
        self.open_refused(BAD_FIELD, "feature_sampling_window", feature_sampling_window=0)

    def test_a_log_frequency_of_zero_is_refused(self):
        self.open_refused(BAD_FIELD, "wandb_log_frequency", wandb_log_frequency=0)

    def test_a_d_sae_of_zero_is_refused(self):
        self.open_refused(BAD_FIELD, "d_sae", d_sae=0)

    def test_a_rank_outside_the_world_is_refused(self):
        self.open_refused(BAD_FIELD, "rank", rank=3, world_size=3)

    def test_more_than_64_ranks_are_refused(self):
        self.open_refused(BAD_FIELD, "world_size", rank=0, world_size=65)

    def test_an_unknown_profile_is_refused_with_the_known_ones(self):
        self.open_refused(BAD_FIELD, "prisma", "saelens", "native", profile="wandb")

    def test_a_run_id_with_a_slash_is_refused(self):
        self.refused(self.wire.open("../../etc/passwd"), BAD_FIELD, "run")

    def test_resuming_a_run_that_does_not_exist_with_must_is_refused(self):
        self.open_refused(RESUME, resume="must")

    def test_a_rank_taken_twice_is_refused(self):
        with Wire(self.daemon.socket) as first:
            self.assertEqual(OPENED, first.open("twice1", rank=0, world_size=2)[0])
            self.refused(self.wire.open("twice1", rank=0, world_size=2), RANK_TAKEN, "0")

    def test_ranks_that_disagree_about_d_sae_are_refused(self):
        with Wire(self.daemon.socket) as first:
            self.assertEqual(OPENED, first.open("mixed1", rank=0, world_size=2)[0])
            self.refused(self.wire.open("mixed1", rank=1, world_size=2, d_sae=9), MISMATCH, "d_sae")

    def test_a_run_too_large_for_the_budget_is_refused_with_the_sum(self):
        streams = []
        try:
            for number in range(64):
                wire = Wire(self.daemon.socket)
                streams.append(wire)
                answer = wire.open(f"large{number}", d_sae=1 << 24, world_size=2)
                if answer[0] == REFUSAL:
                    self.assertEqual(BUDGET, answer[1])
                    self.assertIn("16777216", answer[4])
                    self.assertIn("=", answer[4])
                    self.wire.open("small1")
                    return
            self.fail("64 runs of 16 million features were all admitted")
        finally:
            for wire in streams:
                wire.__exit__()

    def test_counts_above_the_batch_are_refused_and_the_stream_goes_on(self):
        self.wire.open("counts1")
        self.wire.step(1, 0, counts=(5, 0, 0, 0, 0, 0, 0, 0))
        self.error(BAD_COUNTS, 1, "n_rows")
        self.wire.step(2, 1).send(FLUSH, 2)
        self.assertEqual([ACK, 2], self.wire.until(ACK))
        self.assertEqual([(1,)], self.daemon.rows("SELECT step FROM steps WHERE run = 'counts1'"))

    def pairs(self, run, indices, counts, words):
        self.wire.open(run)
        payload = struct.pack(f"<{len(indices)}I{len(counts)}H", *indices, *counts)
        self.wire.send(STEP, 1, 0, 0, 1.7e9, 1.0, 4, [0.5], 4, len(indices), 0, 0, payload=payload)
        self.error(BAD_COUNTS, 1, *words)

    def test_an_index_out_of_range_is_refused(self):
        self.pairs("index1", [1, 8], [1, 1], ["index", "d_sae"])

    def test_unsorted_indices_are_refused(self):
        self.pairs("index2", [3, 2], [1, 1], ["ascending"])

    def test_an_index_twice_is_refused(self):
        self.pairs("index3", [3, 3], [1, 1], ["ascending"])

    def test_a_payload_of_the_wrong_length_is_refused(self):
        self.wire.open("length1")
        self.wire.send(STEP, 1, 0, 0, 1.7e9, 1.0, 4, [0.5], 1, 8, 0, 0, payload=bytes(7))
        self.error(BAD_COUNTS, 1)

    def test_a_step_out_of_range_is_refused(self):
        self.wire.open("range1")
        self.wire.step(1, 2 ** 32)
        self.error(BAD_STEP, 1)

    def test_too_few_scalars_are_refused(self):
        self.wire.open("scalars1")
        self.wire.step(1, 0, scalars=())
        self.error(BAD_VALUE, 1)

    def test_a_step_that_goes_back_in_its_lap_is_refused_with_what_was_expected(self):
        self.wire.open("back1")
        self.wire.step(1, 5).step(2, 5)
        self.error(BAD_STEP, 2, "step 5 of lap 0 does not come after step 5, lap 0", "the next lap")
        self.wire.step(3, 2, lap=1).send(FLUSH, 3)
        self.assertEqual([ACK, 3], self.wire.until(ACK))

    def test_a_dropped_that_is_half_of_a_place_ends_the_connection(self):
        self.wire.open("half1")
        self.wire.send(DROPPED, 1, 2, None, 7)
        self.refused(self.wire.until(REFUSAL), MALFORMED, "lap and step are given only together")

    def test_a_message_of_the_wrong_shape_consumes_its_seq(self):
        self.wire.open("shape1")
        self.wire.send(STEP, 1, 0, 0)
        self.error(BAD_MESSAGE, 1)
        self.wire.send(LOG, 2, 0, 1.7e9, 1.0, [["", 1.0]])
        self.error(BAD_VALUE, 2)

    def test_a_seq_that_jumps_is_refused_and_nothing_is_lost_by_it(self):
        stream = os.urandom(16)
        self.wire.open("jump1", stream=stream)
        self.wire.step(1, 0).step(3, 2)
        self.refused(self.wire.until(REFUSAL), OUT_OF_ORDER)
        self.wire = Wire(self.daemon.socket)
        opened = self.wire.open("jump1", stream=stream)
        self.assertEqual(2, opened[2], "wanted")
        self.wire.step(1, 0).step(2, 1).step(3, 2).send(FLUSH, 3)
        while (answer := self.wire.until(ACK)) != [ACK, 3]:
            self.assertEqual(ACK, answer[0])
        self.assertEqual([(0,), (1,), (2,)], self.daemon.rows("SELECT step FROM steps WHERE run = 'jump1' ORDER BY 1"))

    def test_nan_and_infinities_everywhere_are_data(self):
        names = ["mse_loss", "l1_loss", "overall_loss", "l0", "ev_mean", "ev_m2", "ev_count", "l2_sum", "tv_sum",
                 "explained_variance", "current_learning_rate", "own"]
        self.wire.open("nan1", scalars=names, wandb_log_frequency=1, feature_sampling_window=2)
        bad = [float("nan"), float("inf"), -float("inf")]
        for step in range(6):
            self.wire.step(step + 1, step, scalars=[bad[step % 3]] * len(names))
        self.wire.send(LOG, 7, 5, bad[0], bad[1], [["a", bad[0]], ["h", [[bad[0], 1.0], [0.0, 1.0, 2.0]]]])
        self.wire.send(FINISH, 8, 0, None, 1.7e9)
        while (answer := self.wire.answer()) is not None and answer != [ACK, 8]:
            self.assertIn(answer[0], (ACK, ERROR))
        kinds = dict(self.daemon.rows(
            "SELECT step, kind FROM history WHERE run = 'nan1' AND key = 'losses/mse_loss'"))
        self.assertEqual({0: "nan", 1: "inf", 2: "-inf", 3: "nan", 4: "inf", 5: "-inf"}, kinds)

    def test_a_byte_at_a_time_is_read_all_the_same(self):
        for byte in frame([HELLO, 1, 1, 1, {}]):
            self.wire.raw(bytes([byte]))
        self.assertEqual(WELCOME, self.wire.answer()[0])

    def test_a_reader_may_not_push(self):
        self.wire.hello(role=2)
        self.wire.send(OPEN, {"stream": os.urandom(16), "run": "reader1", "launch": "x", "first_seq": 1})
        self.refused(self.wire.answer(), OUT_OF_ORDER)

    def test_an_unknown_query_is_answered_in_words(self):
        self.wire.hello(role=2)
        self.wire.send(20, 5, "weather", {})
        answer = self.wire.answer()
        self.assertEqual((REPLY, 5, 2), tuple(answer[:3]))
        self.assertIn("weather", answer[3])

    def test_a_peer_that_reads_nothing_is_dropped_not_buffered_for(self):
        self.wire.hello(role=2)
        self.wire.socket.setblocking(False)
        query = frame([20, 1, "status", {}]) * 100
        before = self.memory_kib()
        deadline = time.monotonic() + 20
        dropped = False
        while time.monotonic() < deadline and not dropped:
            try:
                self.wire.socket.send(query)
            except BlockingIOError:
                time.sleep(0.01)  # the daemon has stopped reading: that is an answer too
                dropped = time.monotonic() > deadline - 17
            except (BrokenPipeError, ConnectionResetError):
                dropped = True
        self.assertTrue(dropped, "2 s of queries that nobody reads the answers of")
        self.assertLess(self.memory_kib() - before, 96 * 1024)

    def memory_kib(self):
        with open(f"/proc/{self.daemon.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def connects(self, one, patience_s=2.0):
        """Whether there is still room for it; the queue of a listener that is busy may be full for a moment."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                one.connect(str(self.daemon.socket))
                return True
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                return False
        return False

    def test_thousands_of_connections_that_say_nothing_disturb_nobody(self):
        count = 10000 if tap.LONG else 2000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 500), hard))
        idle = []
        try:
            for _ in range(count):
                one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                one.settimeout(10)
                if not self.connects(one):
                    one.close()
                    break
                idle.append(one)
            self.bystand()
            self.assertGreater(len(idle), count // 2)
        finally:
            for one in idle:
                one.close()


if __name__ == "__main__":
    tap.main()

"""Several users, one daemon: what another user may not do is tried, and refused in the words that are promised."""
import os
import unittest

from harness import Daemon, wait_until
from users import ANA, JOE, NOBODY_UID, ROOT_UID, ask, being, connect, let_in, needs_two_users, runs_seen
from wire import ACK, DROPPED, FINISH, FLUSH, HELLO, OPEN, OPENED, REFUSAL, STOP, frame

import tap

DONE, NO_SUCH_RUN, NOT_PERMITTED = 0, 4, 13


def train(daemon, uid, run, steps=3, **fields):
    """A connection of that user's that feeds the run, committed so far."""
    wire = connect(daemon, uid)
    answer = wire.open(run, **fields)
    assert answer[0] == OPENED, answer
    for step in range(steps):
        wire.step(step + 1, step)
    assert flushed(wire, steps)
    return wire


def flushed(wire, seq):
    wire.send(FLUSH, seq)
    while (answer := wire.until(ACK)) != [ACK, seq]:
        if answer is None:
            return False
    return True


def finish(wire, seq):
    wire.send(FINISH, seq, 0, None, 1.7e9, None)
    assert flushed(wire, seq)
    wire.__exit__()


@needs_two_users
class Access(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.__exit__)
        let_in(self.daemon.start())

    def keep(self, wire):
        self.addCleanup(wire.__exit__)
        return wire

    def train(self, uid, run, **fields):
        return self.keep(train(self.daemon, uid, run, **fields))

    def refused(self, uid, run, words, **fields):
        answer = self.keep(connect(self.daemon, uid)).open(run, **fields)
        self.assertEqual([REFUSAL, NOT_PERMITTED], answer[:2], answer)
        self.assertEqual(words, answer[4])

    def steps_of(self, run):
        return self.daemon.rows("SELECT count(*) FROM steps WHERE run = ?", run)[0][0]

    # ---- appending ----

    def test_nobody_else_opens_a_run_however_he_goes_about_it(self):
        stream = os.urandom(16)
        wire = self.train(ANA, "anas0001", stream=stream)
        words = "run anas0001 belongs to another user"
        for uid in JOE, ROOT_UID:
            self.refused(uid, "anas0001", words)
            self.refused(uid, "anas0001", words, world_size=2, rank=1)
            self.refused(uid, "anas0001", words, launch="second", resume="must")
            self.refused(uid, "anas0001", words, stream=stream)
            self.refused(uid, "joes0001", "this stream belongs to another user", stream=stream)
        self.assertTrue(flushed(wire.step(4, 3), 4), "her connection was closed")
        self.assertEqual([("anas0001", ANA)], self.daemon.rows("SELECT id, uid FROM runs"))

    def test_nor_one_that_is_in_the_database_alone(self):
        finish(self.train(ANA, "anas0001"), 4)
        self.daemon.stop()
        let_in(self.daemon.start())
        self.refused(JOE, "anas0001", "run anas0001 belongs to another user")
        self.refused(JOE, "anas0001", "run anas0001 belongs to another user", resume="must", launch="second")
        self.train(ANA, "anas0001", launch="second", steps=1)

    def test_a_note_counts_for_the_user_whose_file_it_is(self):
        self.train(ANA, "anas0001").__exit__()
        self.daemon.stop()
        for uid in JOE, ANA:
            stream = os.urandom(16)
            note = (frame([HELLO, 1, 1, 1, {}]) +
                    frame([OPEN, {"stream": stream, "run": "anas0001", "launch": f"of {uid}", "first_seq": 1, "d_sae": 8}]) +
                    frame([DROPPED, 1, 9, None, None]))
            folder = self.daemon.directory / "socket.notes"
            os.chmod(folder, 0o777)
            with being(uid), open(folder / stream.hex(), "wb") as file:
                file.write(note)
        let_in(self.daemon.start())
        wait_until(lambda: self.daemon.rows("SELECT dropped FROM runs") == [(9,)], "her own note to be counted")
        self.assertIn("is not taken: run anas0001 belongs to another user", self.daemon.words())

    # ---- stopping, sending ----

    def test_nobody_else_stops_or_sends_a_run(self):
        wire = self.train(ANA, "anas0001")
        for uid in JOE, ROOT_UID:
            for what, more in (("stop", {}), ("stop", {"reason": "mine"}), ("sync", {}), ("sync", {"take_over": True}),
                               ("sync", {"wandb_key": "k" * 40})):
                code, words, _ = ask(self.daemon, uid, what, run="anas", **more)
                self.assertEqual(NOT_PERMITTED, code)
                self.assertRegex(words, f"^run anas0001 is .*'s; its own user and administrators may {what} it$")
        self.assertEqual((DONE, "run anas0001 is asked to stop"), ask(self.daemon, ANA, "stop", run="anas")[:2])
        self.assertIsNotNone(wire.until(STOP))

    # ---- housekeeping ----

    def test_nobody_else_changes_a_run_or_removes_it(self):
        finish(self.train(ANA, "anas0001", name="hers"), 4)
        for uid in JOE, ROOT_UID:
            for what, more, verb in (("rm", {}, "remove"), ("rm", {"force": True, "dry_run": True}, "remove"), ("rename", {"name": "his"}, "rename"),
                                     ("tag", {"add": ["his"]}, "tag"), ("ack", {}, "acknowledge alerts of"),
                                     ("ack", {"undo": True}, "acknowledge alerts of")):
                code, words, _ = ask(self.daemon, uid, what, run="anas", **more)
                self.assertEqual(NOT_PERMITTED, code, words)
                self.assertRegex(words, f"^run anas0001 is .*'s; its own user and administrators may {verb} it$")
            self.assertEqual((DONE, "no alert of your runs is left"), ask(self.daemon, uid, "ack")[:2])
        self.assertEqual([("hers", None, None)], self.daemon.rows("SELECT name, name_by, tags FROM runs"))
        self.assertEqual((DONE, "run anas0001 is called ours"), ask(self.daemon, ANA, "rename", run="anas", name="ours")[:2])
        self.assertEqual((DONE, "run anas0001 is removed"), ask(self.daemon, ANA, "rm", run="anas")[:2])
        self.assertEqual([], self.daemon.rows("SELECT id FROM runs"))

    # ---- seeing ----

    def test_a_private_run_is_for_others_as_if_it_were_not_there(self):
        self.train(ANA, "secret01", private=True)
        self.train(ANA, "public01")
        for uid in JOE, ROOT_UID:
            self.assertEqual(["public01"], runs_seen(self.daemon, uid))
            for what in "status", "stop", "sync", "rm", "ack":
                for part in "secret01", "secret", "01t":
                    self.assertEqual((NO_SUCH_RUN, f"no run fits '{part}'"), ask(self.daemon, uid, what, run=part)[:2])
            # That there are two that fit would tell of the other one.
            self.assertEqual("public01", ask(self.daemon, uid, "status", run="01")[2]["runs"][0]["id"])
            for more in {}, {"at_tokens": 1000}, {"trajectory": True}:
                self.assertEqual(["public01"], [run["id"] for run in ask(self.daemon, uid, "points", **more)[2]["runs"]])
        self.assertEqual({"public01", "secret01"}, {run["id"] for run in ask(self.daemon, ANA, "points")[2]["runs"]})
        self.assertEqual(["public01", "secret01"], runs_seen(self.daemon, ANA))
        code, _, document = ask(self.daemon, ANA, "status", run="secret01")
        self.assertEqual((DONE, True), (code, document["runs"][0]["private"]))

    def test_no_count_tells_of_a_private_run(self):
        self.train(ANA, "secret01", private=True)
        daemon = ask(self.daemon, JOE, "status")[2]["daemon"]
        self.assertEqual((1, 0), (daemon["connections"], daemon["bytes"]))
        for name in "messages", "messages_per_s", "received_bytes", "open_runs", "running_runs", "commits", "uncommitted_bytes":
            self.assertIsNone(daemon[name], name)
        self.assertEqual(1, ask(self.daemon, ANA, "status")[2]["daemon"]["open_runs"], "all of it is hers")

    def test_nor_of_one_that_is_in_the_database_alone(self):
        finish(self.train(ANA, "secret01", private=True), 4)
        self.daemon.stop()
        let_in(self.daemon.start())
        daemon = ask(self.daemon, JOE, "status")[2]["daemon"]
        self.assertEqual([JOE], [user["uid"] for user in daemon["limits"]["users"]])
        for name in "messages", "received_bytes", "open_runs", "commits", "removed":
            self.assertIsNone(daemon[name], name)

    def test_private_runs_stay_private_when_they_are_resumed_until_their_user_says_otherwise(self):
        self.train(ANA, "secret01", private=True).__exit__()
        wait_until(lambda: ask(self.daemon, ANA, "status")[2]["runs"][0]["streams_connected"] == 0, "the trainer to be gone")
        self.train(ANA, "secret01", launch="second").__exit__()
        self.assertEqual([], runs_seen(self.daemon, JOE))
        wait_until(lambda: ask(self.daemon, ANA, "status")[2]["runs"][0]["streams_connected"] == 0, "the trainer to be gone")
        self.train(ANA, "secret01", launch="third", private=False)
        self.assertEqual(["secret01"], runs_seen(self.daemon, JOE))

    def test_what_is_handed_out_is_what_may_be_seen(self):
        self.train(ANA, "secret01", private=True)
        self.train(ANA, "public01")
        code, words, page = ask(self.daemon, JOE, "export", run="public01", table="steps_data")
        self.assertEqual((DONE, "public01", 3), (code, page["id"], len(page["rows"])), words)
        for uid in JOE, ROOT_UID:
            for part in "secret01", "secret":
                self.assertEqual((NO_SUCH_RUN, f"no run fits '{part}'", None),
                                 ask(self.daemon, uid, "export", run=part, table="runs_data"))
        self.assertEqual(DONE, ask(self.daemon, ANA, "export", run="secret01", table="runs_data")[0])
        for table, after, words in (("meta", None, 'there is no table "meta" to be handed out'),
                                    ("steps_data", "1; DROP TABLE meta", "there is no such place in the table")):
            self.assertEqual((35, words, None), ask(self.daemon, ANA, "export", run="public01", table=table, after=after))

    # ---- who is nobody ----

    def test_whoever_has_no_user_here_is_not_let_in(self):
        for role in 1, 2:
            answer = self.keep(connect(self.daemon, NOBODY_UID)).hello(role)
            self.assertEqual([REFUSAL, NOT_PERMITTED], answer[:2])
            self.assertRegex(answer[4], r"^uid 65534 is whoever has no user here .*: `nobody = yes` in \[access\] takes")


if __name__ == "__main__":
    tap.main()

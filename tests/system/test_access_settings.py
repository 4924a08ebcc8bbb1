"""[access]: who administers, what is private, how the socket is opened; and what containers do to who one is."""
import grp
import os
import shutil
import signal
import stat
import subprocess
import sys
import unittest
from pathlib import Path

from harness import DAEMON, PATIENCE_S, ROOT, Daemon, own_environment, wait_until
from users import ADMIN, ANA, JOE, NOBODY_UID, ROOT_UID, Reader, ask, connect, let_in, needs_two_users, runs_seen
from wire import FLUSH, OPENED, REFUSAL, STOP

import tap

DONE, NO_SUCH_RUN, NOT_PERMITTED = 0, 4, 13
GROUP = grp.getgrgid(os.getegid() or 1)  # any that there is, and that is not root's

# As whoever it is run by: what the daemon answers to HELLO and to OPEN.
KNOCK = """
import sys
sys.path.insert(0, {tests!r})
from wire import Wire
print(Wire(sys.argv[1]).open(sys.argv[2]))
"""


class Configured(Daemon):
    """With a configuration file of its own."""

    def __init__(self, *lines, arguments=()):
        super().__init__()
        file = self.directory / "conf"
        file.write_text("[access]\n" + "\n".join(lines) + "\n")
        self.arguments = ["--config", str(file), *arguments]


def begin(daemon, uid, run, **fields):
    wire = connect(daemon, uid)
    answer = wire.open(run, **fields)
    assert answer[0] == OPENED, answer
    wire.step(1, 0).send(FLUSH, 1)
    wire.until(17)
    return wire


class Base(unittest.TestCase):
    def configured(self, *lines):
        daemon = Configured(*lines)
        self.addCleanup(daemon.__exit__)
        return daemon.start()

    def begin(self, daemon, uid, run, **fields):
        wire = begin(daemon, uid, run, **fields)
        self.addCleanup(wire.__exit__)
        return wire

    def stop_as(self, daemon, uid, run, **who):
        with Reader(daemon, uid, **who) as reader:
            return reader.ask("stop", run=run)[0]


@needs_two_users
class Administrators(Base):
    def test_members_of_the_group_see_and_do_what_a_runs_user_does_whether_by_their_first_group_or_another(self):
        daemon = let_in(self.configured(f"admin_group = {GROUP.gr_name}"))
        for who in ({"gid": GROUP.gr_gid}, {"groups": [GROUP.gr_gid]}, {"groups": [*range(3000, 3100), GROUP.gr_gid]}):
            run = f"anas{len(who.get('groups', ()))}"
            wire = self.begin(daemon, ANA, run, private=True)
            self.assertIn(run, runs_seen(daemon, ADMIN, **who))
            self.assertEqual([], runs_seen(daemon, JOE))
            self.assertEqual(DONE, self.stop_as(daemon, ADMIN, run, **who))
            self.assertIn(f"an administrator (user {ADMIN})", wire.until(STOP)[1])
            wire.__exit__()
            wait_until(lambda: ask(daemon, ANA, "status", run=run)[2]["runs"][0]["streams_connected"] == 0, "her to be gone")
            with connect(daemon, ADMIN, **who) as theirs:
                self.assertEqual(OPENED, theirs.open(run, launch="second")[0])
        self.assertEqual([(ANA,)], daemon.rows("SELECT DISTINCT uid FROM runs"), "they stay hers")
        self.assertEqual([], runs_seen(daemon, JOE), "and private")

    def test_root_and_nobody_are_no_administrators_by_a_group(self):
        daemon = let_in(self.configured(f"admin_group = {GROUP.gr_name}", "nobody = yes"))
        self.begin(daemon, ANA, "anas0001")
        for uid in ROOT_UID, NOBODY_UID:
            self.assertEqual(NOT_PERMITTED, self.stop_as(daemon, uid, "anas0001", groups=[GROUP.gr_gid]))

    def test_a_group_that_is_not_there_has_no_members_and_is_said(self):
        daemon = let_in(self.configured("admin_group = no-such-group"))
        self.begin(daemon, ANA, "anas0001")
        self.assertEqual(NOT_PERMITTED, self.stop_as(daemon, JOE, "anas0001"))
        self.assertIn("there is no group no-such-group", daemon.words())

    def test_root_is_one_where_that_was_agreed_to(self):
        daemon = let_in(self.configured("trust_root = yes"))
        self.begin(daemon, ANA, "anas0001", private=True)
        self.assertEqual(["anas0001"], runs_seen(daemon, ROOT_UID))
        self.assertEqual(DONE, self.stop_as(daemon, ROOT_UID, "anas0001"))
        self.assertEqual([], runs_seen(daemon, JOE))

    def test_what_is_set_anew_counts_without_a_restart(self):
        daemon = let_in(self.configured("trust_root = no"))
        self.begin(daemon, ANA, "anas0001")
        self.assertEqual(NOT_PERMITTED, self.stop_as(daemon, ROOT_UID, "anas0001"))
        (daemon.directory / "conf").write_text(f"[access]\nprivate = yes\nadmin_group = {GROUP.gr_name}\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: runs_seen(daemon, JOE) == [], "all to be private")
        wait_until(lambda: runs_seen(daemon, ADMIN, groups=[GROUP.gr_gid]) == ["anas0001"], "the group to be found")
        self.assertEqual(NO_SUCH_RUN, self.stop_as(daemon, ROOT_UID, "anas0001"))
        (daemon.directory / "conf").write_text("[access]\ntrust_root = yes\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.stop_as(daemon, ROOT_UID, "anas0001") == DONE, "root to be an administrator")
        self.assertEqual(NOT_PERMITTED, self.stop_as(daemon, ADMIN, "anas0001", groups=[GROUP.gr_gid]))

    def test_where_all_is_private_each_sees_his_own(self):
        daemon = let_in(self.configured("private = yes"))
        self.begin(daemon, ANA, "anas0001", private=False)
        self.begin(daemon, JOE, "joes0001")
        self.assertEqual(["anas0001"], runs_seen(daemon, ANA))
        self.assertEqual(["joes0001"], runs_seen(daemon, JOE))
        self.assertEqual([], runs_seen(daemon, ADMIN))
        self.assertEqual(NO_SUCH_RUN, self.stop_as(daemon, JOE, "anas0001"))


class Socket(Base):
    def mode(self, path):
        return stat.S_IMODE(os.stat(path).st_mode)

    def test_the_socket_has_the_mode_that_is_set_and_the_folder_for_notes_one_that_fits(self):
        for mode, folder in (0o600, 0o700), (0o660, 0o3730), (0o666, 0o3733):
            daemon = self.configured(f"socket_mode = 0{mode:o}")
            self.assertEqual((mode, folder), (self.mode(daemon.socket), self.mode(f"{daemon.socket}.notes")))
            daemon.kill()

    def test_what_the_database_is_made_of_is_readable_by_its_own_user_alone_whatever_the_umask(self):
        before = os.umask(0)
        try:
            with Daemon() as daemon:
                self.begin(daemon, os.geteuid(), "anas0001", private=True) if os.geteuid() == 0 else None
                files = [path for path in daemon.directory.iterdir() if path.name.startswith("metrics.db")]
                self.assertGreaterEqual(len(files), 4, files)
                for path in files:
                    self.assertEqual(0, self.mode(path) & 0o077, path)
                copies = daemon.directory / "copies"
                done = subprocess.run([DAEMON, "backup", "--db", daemon.database, f"{copies}/"], capture_output=True, text=True,
                                      check=False)
                self.assertEqual(0, done.returncode, done.stderr)
                copy, = copies.glob("*.db")
                self.assertEqual(0, self.mode(copy) & 0o077, "a copy has private runs, too")
        finally:
            os.umask(before)

    def test_a_group_of_the_socket_that_is_not_there_ends_the_start_in_words(self):
        daemon = Configured("socket_group = no-such-group")
        self.addCleanup(daemon.__exit__)
        daemon.start(wait=False)
        self.assertEqual(1, daemon.process.wait(PATIENCE_S))
        self.assertIn("conf:2: socket_group: there is no group no-such-group", daemon.words())

    @needs_two_users
    def test_with_a_group_its_members_come_in_and_nobody_else(self):
        daemon = self.configured("socket_mode = 0660", f"socket_group = {GROUP.gr_name}")
        os.chmod(daemon.directory, 0o711)
        self.assertEqual(GROUP.gr_gid, os.stat(daemon.socket).st_gid)
        self.assertEqual(GROUP.gr_gid, os.stat(f"{daemon.socket}.notes").st_gid)
        with self.assertRaises(PermissionError):
            connect(daemon, JOE)
        with connect(daemon, JOE, groups=[GROUP.gr_gid]) as wire:
            self.assertEqual(OPENED, wire.open("joes0001")[0])

    @needs_two_users
    def test_with_mode_0666_everybody_comes_in_as_himself(self):
        daemon = self.configured("socket_mode = 0666")
        os.chmod(daemon.directory, 0o711)
        self.begin(daemon, ANA, "anas0001")
        self.begin(daemon, JOE, "joes0001")
        self.assertEqual([("anas0001", ANA), ("joes0001", JOE)], daemon.rows("SELECT id, uid FROM runs ORDER BY id"))
        # A note is left without seeing those of others.
        folder = Path(f"{daemon.socket}.notes")
        from users import being
        with being(JOE):
            (folder / "0123456789abcdef0123456789abcdef").write_bytes(b"")
            with self.assertRaises(PermissionError):
                list(folder.iterdir())


@needs_two_users
class Containers(Base):
    def setUp(self):
        self.daemon = self.configured("socket_mode = 0666")
        os.chmod(self.daemon.directory, 0o711)
        self.tests = self.daemon.directory / "wire"
        self.tests.mkdir()
        shutil.copy(ROOT / "tests" / "system" / "wire.py", self.tests)
        for path in (self.tests, self.tests / "wire.py"):
            os.chmod(path, 0o755)

    def knock(self, run, *within, uid=ANA):
        """What whoever is run by `within` is answered."""
        script = KNOCK.format(tests=str(self.tests))
        out = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *within,
                              sys.executable, "-c", script, self.daemon.socket, run],
                             capture_output=True, text=True, check=False, cwd="/", timeout=PATIENCE_S, env=own_environment())
        if out.returncode != 0 and "unshare" in out.stderr:
            self.skipTest(f"namespaces are not to be had here: {out.stderr.strip()}")
        self.assertEqual(0, out.returncode, out.stderr)
        return out.stdout

    def owner(self, run):
        wait_until(lambda: self.daemon.rows("SELECT uid FROM runs WHERE id = ?", run), "the run to be there")
        return self.daemon.rows("SELECT uid FROM runs WHERE id = ?", run)[0][0]

    def test_root_of_a_user_namespace_is_who_began_it(self):
        self.assertTrue(self.knock("inside01", "unshare", "-Ur").startswith(f"[{OPENED}, "))
        self.assertEqual(ANA, self.owner("inside01"))
        self.assertIn("belongs to another user", self.knock("inside01", uid=JOE))

    def test_so_is_one_without_a_number_in_his_own_namespace(self):
        self.assertTrue(self.knock("inside02", "unshare", "-U").startswith(f"[{OPENED}, "))
        self.assertEqual(ANA, self.owner("inside02"))

    def test_root_of_a_container_without_a_user_namespace_is_root_and_no_more(self):
        self.begin(self.daemon, ANA, "anas0001")
        self.assertIn("belongs to another user", self.knock("anas0001", uid=0))

    def test_a_process_of_another_pid_namespace_is_known_by_its_number_here(self):
        self.assertTrue(self.knock("inside03", "unshare", "-Urpf").startswith(f"[{OPENED}, "))
        self.assertEqual(ANA, self.owner("inside03"))
        self.assertGreater(self.daemon.rows("SELECT pid FROM runs WHERE id = 'inside03'")[0][0], 1)

    def test_one_whom_the_daemon_cannot_see_is_judged_by_his_connection(self):
        """The daemon in a pid namespace of its own, its trainer outside: the pid is 0."""
        daemon = Configured("socket_mode = 0666", arguments=())
        self.addCleanup(daemon.__exit__)
        with open(daemon.log, "ab") as log:
            daemon.process = subprocess.Popen(
                ["unshare", "-pf", "--kill-child", DAEMON, "serve", "--socket", daemon.socket, "--db", daemon.database,
                 "--rank-grace", "200ms", *daemon.arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=own_environment())
        wait_until(lambda: daemon.process.poll() is not None or daemon._reachable(), "the daemon to answer")
        if daemon.process.poll() is not None:
            self.skipTest(f"namespaces are not to be had here: {daemon.words()}")
        os.chmod(daemon.directory, 0o711)
        wire = begin(daemon, ANA, "outside1")
        self.assertEqual([(None,)], daemon.rows("SELECT pid FROM runs"))
        wire.__exit__()
        wait_until(lambda: daemon.rows("SELECT state FROM runs") == [("crashed",)], "it to be taken for dead")


if __name__ == "__main__":
    tap.main()

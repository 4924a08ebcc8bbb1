"""`sae-metricsd doctor`: each thing that can be wrong is found, said, and has something to do about it; and is not found where it
is not."""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from email.utils import formatdate
from pathlib import Path

from fake_wandb import FakeWandb
from forwarding import KEY, ForwardingDaemon, begin, push
from harness import DAEMON, Daemon, own_environment, wait_until
from test_status import trained

import tap

OK, FAILED, USAGE = 0, 1, 2
LEVELS = {"ok": "ok", "unseen": "?", "warn": "warn", "fail": "FAIL"}
TOPICS = ["config", "socket", "daemon", "systemd", "folders", "db", "disk", "notes", "wandb", "clock", "limits"]
OTHER = 2_000_000_001  # whom nobody knows; 65534 is refused, for it may be anybody
OTHER_KEY = "b" * 40


class Findings(list):
    def __init__(self, out):
        document = json.loads(out.stdout)
        super().__init__(document["findings"])
        self.status, self.document, self.stderr = out.returncode, document, out.stderr

    def of(self, topic):
        return [(each["level"], each["found"]) for each in self if each["topic"] == topic]

    def levels(self, topic):
        return {each["level"] for each in self if each["topic"] == topic}

    def one(self, level, topic, words):
        """The finding of that level and topic that says so."""
        found = [each for each in self if (each["level"], each["topic"]) == (level, topic) and words in each["found"]]
        assert len(found) == 1, f"{level} {topic} {words!r}: {list(self)}"
        return found[0]


@unittest.skipUnless(os.access("/proc/self/fd", os.R_OK), "/proc is not there")
class Doctor(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sae-doctor-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {**own_environment(), "HOME": str(self.folder), "WANDB_MODE": "off",
                            "SAE_METRICS_SOCKET": str(self.folder / "socket"), "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1"}

    def run_it(self, *arguments, as_user=None, **variables):
        environment = {**self.environment, **variables}
        environment.pop("LD_PRELOAD", None)
        user = ["setpriv", f"--reuid={as_user}", f"--regid={as_user}", "--clear-groups"] if as_user else []
        out = subprocess.run([*user, DAEMON, "doctor", *arguments], env=environment, capture_output=True, text=True, check=False)
        for key in (KEY, OTHER_KEY):
            self.assertNotIn(key, out.stdout + out.stderr)
        return out

    def look(self, *arguments, **more):
        return Findings(self.run_it("--json", *arguments, **more))

    def daemon(self, **more):
        daemon = Daemon(self.folder, **more)
        daemon.__enter__()
        self.addCleanup(daemon.kill)
        return daemon

    # ---- what it looks like ----

    def test_a_daemon_that_is_well_has_no_failure(self):
        daemon = self.daemon()
        trained(daemon, "healthy1", 5)
        found = self.look()
        self.assertEqual((OK, ""), (found.status, found.stderr))
        self.assertEqual((1, True, str(daemon.socket), str(daemon.database)),
                         tuple(found.document[name] for name in ("schema", "ok", "socket", "database")))
        self.assertEqual([], [each for each in found if each["level"] == "fail"])
        self.assertLessEqual({each["topic"] for each in found}, set(TOPICS))
        self.assertIn("srw-rw----" if os.geteuid() == 0 else "srw-------", found.of("socket")[0][1])
        self.assertIn("WAL, integrity ok, version", found.of("db")[0][1])
        for topic in ("config", "socket", "daemon", "folders", "db", "disk", "notes", "wandb"):
            self.assertEqual({"ok"}, found.levels(topic), topic)

    def test_lines_are_those_of_the_document(self):
        self.daemon()
        out, found = self.run_it(), self.look()
        lines = out.stdout.splitlines()
        first = [line for line in lines if not line.startswith("      ")]
        self.assertEqual([(LEVELS[each["level"]], each["topic"]) for each in found], [tuple(line.split()[:2]) for line in first])
        self.assertEqual([each["advice"] for each in found if each["advice"]],
                         [line.split("-> ", 1)[1] for line in lines if line.startswith("      ")])
        self.assertEqual(OK, out.returncode)

    def test_what_is_not_ok_has_something_to_do_about_it(self):
        for found in (self.look(), self.look(WANDB_MODE="online", WANDB_API_KEY="short")):
            self.assertEqual(FAILED, found.status)
            self.assertFalse(found.document["ok"])
            for each in found:
                if each["level"] in ("warn", "fail"):
                    self.assertTrue(each["advice"], each)

    def test_nothing_is_made_or_changed(self):
        runtime = self.folder / "runtime"
        runtime.mkdir(mode=0o700)
        before = sorted(self.folder.rglob("*"))
        environment = dict(XDG_RUNTIME_DIR=str(runtime), SAE_METRICS_SOCKET="")
        self.look(**environment)
        self.assertEqual(before, sorted(self.folder.rglob("*")))

    def test_wrong_usage(self):
        for arguments, words in ((["--nothing"], "there is no option --nothing"), (["word"], "what is word"),
                                 (["--db"], "a value is missing behind --db")):
            out = self.run_it(*arguments)
            self.assertEqual(USAGE, out.returncode)
            self.assertIn(words, out.stderr)
        self.assertIn("exit status", self.run_it("word", "--help").stdout)

    # ---- config ----

    def test_a_mistake_in_the_configuration_is_a_failure_and_names_its_line(self):
        conf = self.folder / "conf"
        conf.write_text("[wandb]\nmode = offline\n")
        self.assertEqual({"ok"}, self.look("--config", conf, WANDB_MODE="").levels("config"))
        conf.write_text("[wandb]\nmode = sideways\nnonsense = 1\n")
        found = self.look("--config", conf, WANDB_MODE="")
        found.one("fail", "config", f"{conf}:2")
        found.one("fail", "config", f"{conf}:3")
        found.one("unseen", "wandb", "the configuration cannot be used")

    def test_what_lets_others_read_the_key_is_a_warning(self):
        conf = self.folder / "conf"
        conf.write_text("[wandb]\ninsecure_tls = yes\nallow_insecure_http = yes\n")
        found = self.look("--config", conf)
        found.one("warn", "config", "insecure_tls")
        found.one("warn", "config", "allow_insecure_http")

    # ---- socket, daemon ----

    def test_without_a_daemon_it_says_how_to_start_one(self):
        found = self.look()
        self.assertIn("serve", found.one("fail", "socket", "there is none")["advice"])
        found.one("fail", "daemon", "none answers")

    def test_a_socket_that_nobody_listens_on_is_a_failure(self):
        daemon = self.daemon()
        daemon.kill()
        self.look().one("fail", "socket", "nobody listens")

    def test_what_is_no_socket_is_a_failure(self):
        (self.folder / "socket").write_text("")
        self.look().one("fail", "socket", "it is no socket")

    def test_a_daemon_that_does_not_answer_is_a_failure(self):
        daemon = self.daemon()
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            found = self.look()
        finally:
            daemon.process.send_signal(signal.SIGCONT)
        found.one("fail", "daemon", "it is there and gives no answer")
        self.assertEqual({"ok"}, found.levels("socket"))

    @unittest.skipUnless(os.geteuid() == 0, "to be another user takes root")
    def test_who_may_not_connect_learns_which_group_to_join(self):
        daemon = self.daemon()
        trained(daemon, "secret01", 5)
        self.folder.chmod(0o755)
        shutil.chown(daemon.socket, group=0)
        daemon.socket.chmod(0o660)
        found = self.look(as_user=OTHER)
        self.assertIn("usermod -aG root", found.one("fail", "socket", "you may not connect")["advice"])
        found.one("unseen", "daemon", "not asked: you may not connect")
        # Whoever tries to push or to ask is told to look here.
        script = "import sae_metrics; sae_metrics.init(id='outside1').finish(timeout=1)"
        for command in (["stop", "secret01"], ["status"], script):
            with self.subTest(command):
                program = [sys.executable, "-c", command] if command is script else [DAEMON, *command]
                # A library built with a sanitizer needs its runtime loaded first.
                preload = {"LD_PRELOAD": os.environ["LD_PRELOAD"]} if command is script and "LD_PRELOAD" in os.environ else {}
                out = subprocess.run(["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", *program], check=False,
                                     env={**self.environment, **preload, "PYTHONPATH": os.pathsep.join(sys.path), "SAE_METRICS_QUIET": "0"},
                                     capture_output=True, text=True)
                self.assertIn("you may not connect; `sae-metricsd doctor` says what to do", out.stderr)
        daemon.socket.chmod(0o600)
        self.assertIn("sae-metricsd start", self.look(as_user=OTHER).one("fail", "socket", "you may not connect")["advice"])

    @unittest.skipUnless(os.geteuid() == 0, "to be another user takes root")
    def test_an_ordinary_user_is_told_what_he_cannot_see(self):
        daemon = self.daemon()
        trained(daemon, "secret01", 5)
        self.folder.chmod(0o755)
        daemon.socket.chmod(0o666)
        found = self.look(as_user=OTHER, WANDB_MODE="online", WANDB_API_KEY=KEY)
        self.assertEqual(OK, found.status, list(found))
        self.assertIn("as the daemon says", found.one("unseen", "db", str(daemon.database))["found"])
        found.one("unseen", "wandb", "the key of the host's daemon is not for you")
        self.assertEqual({"ok"}, found.levels("daemon") | found.levels("disk"))

    @unittest.skipUnless(os.geteuid() == 0, "to be another user takes root")
    def test_a_users_own_daemon_that_others_may_push_to_is_a_warning(self):
        mine = self.folder / "mine"
        mine.mkdir()
        shutil.chown(mine, OTHER, OTHER)
        self.folder.chmod(0o755)
        path = str(mine / "socket")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen()
        os.chmod(path, 0o666)
        os.chown(path, OTHER, OTHER)
        found = self.look("--socket", path, as_user=OTHER)
        found.one("warn", "socket", "others may push to your daemon")

    # ---- folders ----

    def test_a_folder_that_everybody_may_write_is_a_failure(self):
        self.daemon()
        self.folder.chmod(0o777)
        found = self.look()
        self.assertIn("chmod o-w", found.one("fail", "folders", "runtime")["advice"])
        found.one("fail", "folders", "state")
        self.folder.chmod(0o1777)
        self.assertEqual({"ok"}, self.look().levels("folders"))

    @unittest.skipUnless(os.geteuid() == 0, "to be another user takes root")
    def test_a_runtime_directory_that_is_open_to_others_is_found(self):
        runtime = self.folder / "runtime"
        runtime.mkdir(mode=0o700)
        self.folder.chmod(0o755)
        shutil.chown(runtime, OTHER, OTHER)
        given = dict(as_user=OTHER, XDG_RUNTIME_DIR=str(runtime))
        self.assertNotIn("XDG_RUNTIME_DIR", str(list(self.look(**given))))
        runtime.chmod(0o755)
        self.look(**given).one("warn", "folders", "XDG_RUNTIME_DIR")
        runtime.chmod(0o777)
        self.look(**given).one("fail", "folders", "XDG_RUNTIME_DIR")
        given["XDG_RUNTIME_DIR"] = "/nowhere/run"
        self.look(**given).one("warn", "folders", "No such file")

    # ---- db ----

    def test_a_damaged_database_is_a_failure(self):
        daemon = self.daemon()
        trained(daemon, "damaged1")
        daemon.stop()
        self.assertEqual({"ok"}, self.look("--db", daemon.database).levels("db"))
        page, = daemon.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'steps_data'")[0]
        for number, words in ((page, "damaged: "), (1, "malformed")):  # a table's, and the schema's own
            with open(daemon.database, "r+b") as file:
                file.seek(4096 * (number - 1) + 100 * (number == 1))
                file.write(b"\xff" * 64)
            found = self.look("--db", daemon.database)
            self.assertEqual(FAILED, found.status)
            found.one("fail", "db", words)

    def test_what_is_not_our_database_is_a_failure(self):
        path = self.folder / "other.db"
        subprocess.run(["sqlite3", path, "create table t (x)"], check=True)
        self.look("--db", path).one("fail", "db", "not a database of sae-metricsd")
        path.write_text("no database at all, of any kind, " * 40)
        self.look("--db", path).one("fail", "db", "not a database of sae-metricsd")

    def test_a_database_that_was_taken_away_is_a_failure(self):
        daemon = self.daemon()
        daemon.database.rename(self.folder / "away.db")
        found = self.look()
        self.assertIn("its log", found.one("fail", "daemon", "the database cannot be read: ")["advice"])

    def test_commits_go_on_while_it_looks(self):
        daemon = self.daemon()
        trained(daemon, "goeson01")
        process = subprocess.Popen([DAEMON, "doctor"], env={k: v for k, v in self.environment.items() if k != "LD_PRELOAD"},
                                   stdout=subprocess.DEVNULL)
        trained(daemon, "goeson02", 50)
        self.assertEqual(OK, process.wait())
        self.assertEqual(49, daemon.status("goeson02")["step"])

    # ---- notes ----

    def test_notes_that_wait_for_a_daemon_are_a_warning(self):
        daemon = self.daemon()
        self.assertEqual({"ok"}, self.look().levels("notes"))
        daemon.stop()
        notes = Path(f"{daemon.socket}.notes")
        (notes / ("ab" * 16)).write_bytes(b"x")
        self.look().one("warn", "notes", "1 trainers ended while no daemon was there")
        daemon.start()
        shutil.rmtree(notes)
        self.look().one("warn", "notes", "is not there")

    def test_a_folder_for_notes_that_is_less_open_than_the_socket_is_a_warning(self):
        daemon = self.daemon(arguments=["--set", "access.socket_mode=0666"])
        notes = Path(f"{daemon.socket}.notes")
        self.assertEqual({"ok"}, self.look().levels("notes"))
        notes.chmod(0o3730)
        self.assertIn("drwx-wx--T", self.look().one("warn", "notes", "not all who may connect (srw-rw-rw-")["found"])

    # ---- W&B ----

    def wandb(self, **options):
        w = FakeWandb(**options)
        self.addCleanup(w.close)
        return w

    def ask(self, w, key=KEY, **variables):
        return self.look(WANDB_MODE="online", WANDB_BASE_URL=w.base_url, WANDB_API_KEY=key, **variables)

    def test_a_key_that_wandb_takes_says_for_whom(self):
        w = self.wandb()
        found = self.ask(w)
        said = found.one("ok", "wandb", "authenticated as fake (entity fake-entity), key from WANDB_API_KEY")
        self.assertIn(w.base_url, said["found"])
        request, = w.requests
        self.assertEqual("Viewer", request.operation)
        self.assertEqual([], w.violations)

    def test_a_key_that_wandb_does_not_know_is_a_failure(self):
        w = self.wandb()
        self.assertIn("get a key", self.ask(w, OTHER_KEY).one("fail", "wandb", "401")["advice"])
        w.fault(operation="Viewer", status=200, body={"data": {"viewer": None}})
        self.ask(w).one("fail", "wandb", "it knows nobody with this key")

    def test_a_key_that_is_none_is_a_failure_and_none_at_all_a_warning(self):
        w = self.wandb()
        self.ask(w, "short").one("fail", "wandb", "has 5 characters")
        self.ask(w, "").one("warn", "wandb", "no key is found here")
        self.assertEqual([], w.requests)

    def test_what_is_not_to_be_forwarded_asks_nobody(self):
        w = self.wandb()
        for mode, words in (("off", "off: nothing is kept"), ("offline", "offline: lines are kept")):
            self.look(WANDB_MODE=mode, WANDB_BASE_URL=w.base_url, WANDB_API_KEY=KEY).one("ok", "wandb", words)
        self.assertEqual([], w.requests)

    def test_a_server_that_cannot_be_reached_is_a_failure_with_its_cause(self):
        w = self.wandb()
        w.fault(operation="Viewer", status=503, body={"error": "come again"})
        self.assertIn("wait", self.ask(w).one("fail", "wandb", "503 come again")["advice"])
        w.fault(operation="Viewer", garbage=True)
        self.ask(w).one("fail", "wandb", "what answers there is not W&B")
        w.fault(operation="Viewer", redirect="http://127.0.0.1:1/elsewhere")
        self.ask(w).one("fail", "wandb", "307")
        w.close()
        self.assertIn("firewall", self.ask(w).one("fail", "wandb", "onnect")["advice"])

    def test_without_libcurl_wandb_cannot_be_asked(self):
        (self.folder / "libcurl.so.4").touch()
        self.ask(self.wandb(), LD_LIBRARY_PATH=str(self.folder)).one("fail", "wandb", "it cannot be asked: libcurl cannot be loaded")

    def test_a_server_that_is_silent_is_given_up_in_time(self):
        w = self.wandb()
        w.fault(operation="Viewer", hang=True)
        self.ask(w).one("fail", "wandb", "after 10")

    def test_a_certificate_that_is_not_believed_is_a_failure(self):
        w = self.wandb(tls="good")
        self.assertIn("ca_file", self.ask(w).one("fail", "wandb", "certificate")["advice"])
        self.ask(w, SSL_CERT_FILE=str(w.ca_file)).one("ok", "wandb", "authenticated as fake")

    def test_a_proxy_is_gone_through(self):
        w = self.wandb()
        found = self.look(WANDB_MODE="online", WANDB_BASE_URL="http://127.0.0.1:9", WANDB_API_KEY=KEY, WANDB_HTTP_PROXY=w.base_url)
        self.assertNotEqual([], [each for each in found if each["topic"] == "wandb"])
        self.assertEqual(1, len(w.requests), "who is asked is the proxy")

    def test_what_the_daemon_has_seen_counts_too(self):
        w = self.wandb()
        daemon = ForwardingDaemon(w, self.folder, key=OTHER_KEY)
        with daemon:
            handle = begin(daemon, "refused1")
            self.addCleanup(handle.finish, timeout=0)
            push(handle, "refused1", range(5))
            wait_until(lambda: daemon.status()["daemon"]["forward"]["alert"], "the key to be refused")
            found = self.ask(w, SAE_METRICSD_CONFIG=str(daemon.configuration))
        found.one("ok", "wandb", "authenticated as fake")
        found.one("fail", "wandb", "W&B refuses the key")

    # ---- clock ----

    def test_a_clock_that_is_far_from_wandbs_is_found(self):
        w = self.wandb()
        for off_s, level, words in ((3600, "fail", "behind W&B's"), (-3600, "fail", "ahead of W&B's"), (30, "warn", "behind W&B's")):
            w.fault(operation="Viewer", headers={"Date": formatdate(time.time() + off_s, usegmt=True)}, effect=True)
            self.ask(w).one(level, "clock", words)
        w.fault(operation="Viewer", headers={"Date": formatdate(time.time(), usegmt=True)}, effect=True)
        self.assertNotIn("behind", str(self.ask(w).of("clock")))

    # ---- systemd ----

    def with_systemd(self, service, *arguments, **variables):
        """Where /run is our own, so that a systemd seems to run; its systemctl says `service` of the unit of that name."""
        systemctl = self.folder / "systemctl"
        systemctl.write_text("#!/bin/sh\nfor unit; do :; done\ncase $unit in\n"
                             f"*.service) {service} ;;\n*) echo LoadState=loaded; echo ActiveState=active ;;\nesac\n")
        systemctl.chmod(0o755)
        script = ("mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/credentials/sae-metricsd.service && "
                  f"printf %s {KEY} >/run/credentials/sae-metricsd.service/wandb-api-key && exec {DAEMON} doctor --json {' '.join(arguments)}")
        environment = {**self.environment, "PATH": f"{self.folder}:{os.environ['PATH']}", **variables}
        environment.pop("LD_PRELOAD", None)
        out = subprocess.run(["unshare", "--mount", "sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
        if not out.stdout:
            self.skipTest(f"no /run of its own can be mounted: {out.stderr.strip()}")
        self.assertNotIn(KEY, out.stdout + out.stderr)
        return Findings(out)

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount")
    def test_a_service_that_failed_is_a_failure(self):
        found = self.with_systemd("printf 'LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nNRestarts=3\\n'")
        self.assertIn("journalctl", found.one("fail", "systemd", "sae-metricsd.service failed: exit-code")["advice"])
        found = self.with_systemd("printf 'LoadState=loaded\\nActiveState=active\\nResult=success\\nNRestarts=0\\n'")
        self.assertEqual({"ok"}, found.levels("systemd"))
        # A systemd that hangs holds nobody up.
        found = self.with_systemd("exec sleep 60")
        self.assertEqual({"unseen"}, found.levels("systemd"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount")
    def test_root_sees_the_key_that_the_service_has(self):
        w = self.wandb()
        found = self.with_systemd("echo LoadState=loaded; echo ActiveState=active", WANDB_MODE="online", WANDB_BASE_URL=w.base_url)
        found.one("ok", "wandb", "key from /run/credentials/sae-metricsd.service/wandb-api-key")

    # ---- limits ----

    def test_few_descriptors_are_a_warning(self):
        self.assertNotIn("fail", self.look().levels("limits"))
        daemon = Daemon(self.folder)
        self.addCleanup(daemon.kill)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 4096:
            self.skipTest("this user may not have more")
        daemon.start()
        subprocess.run(["prlimit", f"--pid={daemon.process.pid}", "--nofile=1000:1000"], check=True)
        self.assertIn("LimitNOFILE", self.look().one("warn", "limits", "RLIMIT_NOFILE 1000")["advice"])


if __name__ == "__main__":
    tap.main()

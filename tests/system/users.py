"""Several users in one test: root connects as somebody, which is what the kernel then says of the connection."""
import contextlib
import json
import os
import unittest

from wire import QUERY, REPLY, Wire

ROOT_UID, NOBODY_UID = 0, 65534
ANA, JOE, ADMIN = 65531, 65532, 65533
needs_two_users = unittest.skipUnless(os.geteuid() == 0, "only root can be two users")


@contextlib.contextmanager
def being(uid, gid=None, groups=()):
    """This process as another user, for as long as it takes to connect or to make a file."""
    before = os.getgroups()
    os.setgroups(list(groups))
    os.setegid(uid if gid is None else gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def connect(daemon, uid, **who):
    with being(uid, **who):
        return Wire(daemon.socket)


def let_in(daemon):
    """Its socket as one of a daemon for everybody."""
    os.chmod(daemon.directory, 0o711)
    os.chmod(daemon.socket, 0o666)
    return daemon


class Reader:
    """Asks as that user: (code, words, document)."""

    def __init__(self, daemon, uid, **who):
        self.wire = connect(daemon, uid, **who)
        self.hello = self.wire.hello(role=2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.__exit__()

    def ask(self, what, **arguments):
        self.wire.send(QUERY, 7, what, arguments)
        _, _, code, words = self.wire.until(REPLY)
        return code, words, json.loads(self.wire.payload) if self.wire.payload else None


def ask(daemon, uid, what, **arguments):
    with Reader(daemon, uid) as reader:
        return reader.ask(what, **arguments)


def runs_seen(daemon, uid, **who):
    with Reader(daemon, uid, **who) as reader:
        return sorted(run["id"] for run in reader.ask("status")[2]["runs"])

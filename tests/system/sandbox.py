"""What the unit's sandbox forbids system calls, for a daemon that no service manager starts: its SystemCallFilter= as systemd itself spells it
out, and what MemoryDenyWriteExecute=, RestrictNamespaces=, RestrictAddressFamilies=, NoNewPrivileges= and CapabilityBoundingSet= come down to."""
import ctypes
import ctypes.util
import errno
import functools
import os
import shutil
import subprocess

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CAPABILITIES = 64
ALLOW, DENY, NO_SUCH_CALL = 0x7fff0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
NOT_EQUAL, EQUAL, MASKED = 1, 4, 7
PROT_WRITE, PROT_EXEC, SHM_EXEC = 2, 4, 0o100000
NAMESPACES = 0x7e020000 | 0x80  # CLONE_NEW*

LIBRARY = ctypes.util.find_library("seccomp")
MISSING = (None if LIBRARY and shutil.which("systemd-analyze") else "libseccomp.so.2 and systemd-analyze are needed to build the unit's sandbox")


class _Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


@functools.cache
def calls_of(name):
    """The calls in a set of systemd's, or that one call."""
    if not name.startswith("@"):
        return frozenset([name])
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in text.splitlines()[1:]]
    return frozenset().union(*(calls_of(word) for word in words if word and not word.startswith("#")))


def settings(unit, key):
    return [line.split("=", 1)[1] for line in unit.splitlines() if line.startswith(key + "=")]


def permitted_calls(unit):
    calls = frozenset()
    for line in settings(unit, "SystemCallFilter"):
        named = frozenset().union(*(calls_of(word) for word in line.lstrip("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


class Sandbox:
    def __init__(self, unit):
        self._calls = permitted_calls(unit)
        self._families = [getattr(__import__("socket"), name) for name in settings(unit, "RestrictAddressFamilies")[0].split()]
        self._seccomp, self._libc = ctypes.CDLL(LIBRARY, use_errno=True), ctypes.CDLL(None, use_errno=True)
        self._seccomp.seccomp_init.restype = ctypes.c_void_p

    def _filter(self, default):
        return ctypes.c_void_p(self._seccomp.seccomp_init(ctypes.c_uint32(default)))

    def _rule(self, context, action, call, *comparisons):
        number = self._seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            array = (_Comparison * max(len(comparisons), 1))(*(_Comparison(*comparison) for comparison in comparisons))
            assert self._seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(comparisons), array) == 0, call

    def _load(self, context):
        assert self._seccomp.seccomp_load(context) == 0

    def enter(self):
        """Of a process that is about to become the daemon."""
        for capability in range(CAPABILITIES):
            if os.geteuid() == 0:
                self._libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        assert self._libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        what_else = self._filter(ALLOW)
        self._rule(what_else, DENY, "mmap", (2, MASKED, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC))
        for call in "mprotect", "pkey_mprotect":
            self._rule(what_else, DENY, call, (2, MASKED, PROT_EXEC, PROT_EXEC))
        self._rule(what_else, DENY, "shmat", (2, MASKED, SHM_EXEC, SHM_EXEC))
        self._rule(what_else, DENY, "unshare", (0, NOT_EQUAL, 0, 0))
        self._rule(what_else, DENY, "setns")
        self._rule(what_else, NO_SUCH_CALL, "clone3")
        for bit in range(32):
            if NAMESPACES & 1 << bit:
                self._rule(what_else, DENY, "clone", (0, MASKED, 1 << bit, 1 << bit))
        for family in range(64):
            if family not in self._families:
                self._rule(what_else, 0x00050000 | errno.EAFNOSUPPORT, "socket", (0, EQUAL, family, 0))
        self._load(what_else)
        context = self._filter(DENY)
        for call in self._calls:
            self._rule(context, ALLOW, call)
        self._load(context)

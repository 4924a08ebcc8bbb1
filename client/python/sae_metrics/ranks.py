"""Ranks: how the processes of a torch.distributed job come to one run.

They meet in the job's own store, where each leaves a card: what `init` was given there, and which daemon it would push to.
Rank 0 writes down who is there, when it has seen all or waited for `rank_grace`, and all go by that. Its id, name and settings
are the run's. Ranks that push to one daemon push a part each, and the daemon adds up; else, or beyond the 64 it takes,
the parts are reduced over torch.distributed, and rank 0 alone pushes.
"""

import collections
import itertools
import json
import os
import random
import socket
import string
import time

from .errors import complain, say

RANKS_OF_A_DAEMON = 64
GRACE_S = 120.0
POLL_S = 0.01
ANSWER_S = 10.0  # beyond the grace time: for rank 0 to write down who is there

_numbers = itertools.count(1)  # of meetings, the same on all ranks: they call init in the same order
_opened = itertools.count()  # of runs that were named after the launcher's job

Place = collections.namedtuple("Place", "rank world_size pushes reduces missing")
Place.__doc__ = """Where a rank stands. rank, world_size: among those that push to its daemon. pushes: it does. reduces: the
parts are added up on the way, and not by the daemon. missing: ranks that did not come."""


class Meeting:
    """What came of it, for one rank: a `Place` and the `RankGroup` to speak with the others; `place` None: it logs nothing."""

    def __init__(self, place, group):
        self.place, self.group = place, group


def join(settings, is_on):
    """Waits for the other ranks, and gives `settings` what all have in common. None where there are no others.

    ValueError where there is no torch.distributed to go by, or the ranks do not belong together."""
    distributed = _distributed()
    me, world_size = distributed.get_rank(), distributed.get_world_size()
    if world_size == 1:
        return None
    grace_s = GRACE_S if settings.rank_grace is None else settings.rank_grace
    mine = {"on": is_on, "where": where(settings.socket), "settings": _proposal(settings)}
    try:
        store = _store(distributed)
        word, cards = meet(store, "sae_metrics/%d/" % next(_numbers), me, world_size, mine, grace_s)
    except RuntimeError as problem:
        complain("the ranks could not meet (%s): rank %d logs nothing" % (_first_line(problem), me))
        return Meeting(None, None)
    return _settle(distributed, store, word, settings, cards, me, world_size, grace_s)


def where(named_socket):
    """Equal for two processes if they would push to the same daemon: a socket's path means the same to both."""
    chosen = named_socket or os.environ.get("SAE_METRICS_SOCKET") or ""
    try:
        with open("/proc/sys/kernel/random/boot_id") as boot_id:
            machine = boot_id.read().strip()
        mounts = os.stat("/proc/self/ns/mnt").st_ino
    except OSError:
        machine, mounts = socket.gethostname(), 0
    return [machine, mounts, os.path.abspath(chosen) if chosen else "", os.environ.get("XDG_RUNTIME_DIR", ""), os.getuid()]


# ---- the meeting ----


def _distributed():
    try:
        import torch.distributed as distributed
    except ImportError:
        raise ValueError('ranks="torch": PyTorch is not installed') from None
    if not distributed.is_available() or not distributed.is_initialized():
        raise ValueError('ranks="torch": call torch.distributed.init_process_group first')
    return distributed


def _store(distributed):
    world = distributed.group.WORLD
    if hasattr(world, "get_group_store"):
        return world.get_group_store()
    return distributed.distributed_c10d._get_default_store()


def _proposal(settings):
    shared = settings.shared()
    shared["id"] = settings.id or job_id() or _random_text(8)
    shared["launch"] = settings.launch or "torch/" + _random_text(16)
    return shared


def job_id():
    """The id of a run that goes on when torchrun starts its processes anew; None elsewhere.

    The job's name alone is not enough: many give all their jobs the same. The launcher's process is another one each time."""
    job = os.environ.get("TORCHELASTIC_RUN_ID")
    if not job:
        return None
    try:
        with open("/proc/%d/stat" % os.getppid()) as stat:
            begun = stat.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
    seed = repr((job, where(None)[0], os.getppid(), begun, next(_opened)))
    return "".join(random.Random(seed).choices(string.ascii_lowercase + string.digits, k=8))


def _random_text(length):
    return "".join(random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=length))


def meet(store, name, me, world_size, mine, grace_s):
    """(a word that only this meeting has, the cards of those that are there by rank); (None, {}) where rank 0 does not come.

    A store may be that of processes that were there before these: what they left in it must not be taken for a card. So rank 0
    offers what it has read, whoever finds its own nonce in the offer takes it, and what all have taken is made final."""
    nonce = _random_text(16)
    store.set(name + "card/%d" % me, json.dumps(dict(mine, nonce=nonce)))
    if me == 0:
        word, present = _offer(store, name, world_size, time.monotonic() + grace_s)
    else:
        word, present = _take(store, name, me, nonce, time.monotonic() + grace_s + ANSWER_S)
    return word, {rank: _read(store, name + "card/%d" % rank) for rank in present}


def _offer(store, name, world_size, deadline):
    offered = word = None
    while True:
        cards = [_read(store, name + "card/%d" % rank) for rank in range(world_size)]
        nonces = [card and card["nonce"] for card in cards]
        if nonces != offered:
            offered, word = nonces, _random_text(16)
            store.set(name + "offer", json.dumps([word, nonces]))
        taken = [0] + [rank for rank in range(1, world_size) if _read(store, name + "taken/%d" % rank) == word]
        if len(taken) == world_size or time.monotonic() >= deadline:
            store.set(name + "final", json.dumps([word, taken]))
            return word, taken
        time.sleep(POLL_S)


def _take(store, name, me, nonce, deadline):
    taken = None
    while time.monotonic() < deadline:
        word, nonces = _read(store, name + "offer") or (None, [])
        if word != taken and me < len(nonces) and nonces[me] == nonce:
            taken = word
            store.set(name + "taken/%d" % me, json.dumps(word))
        word, present = _read(store, name + "final") or (None, [])
        if word is not None and word == taken:
            return word, present
        time.sleep(POLL_S)
    return None, []


def _read(store, key):
    """What is there, or None."""
    return json.loads(store.get(key)) if store.check([key]) else None


def _settle(distributed, store, word, settings, cards, me, world_size, grace_s):
    if me not in cards:
        why = "rank 0 did not call init" if word is None else "the others did not wait for it"
        complain("rank %d logs nothing: %s (within %g s)" % (me, why, grace_s))
        return Meeting(None, None)
    members = [rank for rank in sorted(cards) if cards[rank]["on"]]
    missing = [rank for rank in range(world_size) if rank not in cards]
    if me not in members:
        return Meeting(None, None)
    _check_alike(cards, members)
    settings.share(cards[members[0]]["settings"])

    from .rank_group import RankGroup

    try:
        store = distributed.PrefixStore("sae_metrics/" + word, store)
        group = RankGroup(distributed, store, members, me, grace_s, is_whole=len(members) == world_size)
    except (RuntimeError, AttributeError) as problem:  # the latter: a PyTorch without gloo
        complain("run %s: no group of the ranks (%s): rank %d logs nothing" % (settings.id, _first_line(problem), me))
        return Meeting(None, None)
    if me == members[0]:
        _say_who_is_not_there(settings.id, cards, members, missing, grace_s)
    place = _place(cards, members, missing, me, world_size)
    settings.rank, settings.world_size = place.rank, place.world_size
    settings.global_rank, settings.global_world_size = me, world_size
    return Meeting(place, group)


def _check_alike(cards, members):
    """Raises on all ranks or on none."""
    for name in ("d_sae", "d_in"):
        first = cards[members[0]]["settings"][name]
        for rank in members:
            other = cards[rank]["settings"][name]
            if other != first:
                raise ValueError("%s: rank %d has %s, rank %d %s" % (name, members[0], first, rank, other))


def _place(cards, members, missing, me, world_size):
    is_one_host = all(cards[rank]["where"] == cards[members[0]]["where"] for rank in members)
    pushing = sorted(members + missing)  # the daemon waits for those that did not come, and then says what lacks their part
    if is_one_host and len(pushing) <= RANKS_OF_A_DAEMON:
        return Place(pushing.index(me), len(pushing), True, False, missing)
    return Place(0, 1, me == members[0], True, missing)


def _say_who_is_not_there(run, cards, members, missing, grace_s):
    off = [rank for rank in sorted(cards) if rank not in members]
    if missing:
        say("run %s: %s did not call init within %g s: the others go on" % (run, ranks_in_words(missing), grace_s))
    if off:
        say("run %s: %s logs nothing (switched off, or without the library)" % (run, ranks_in_words(off)))


def ranks_in_words(ranks):
    """"rank 3", "ranks 1 and 2", "ranks 1, 2 and 7"."""
    names = [str(rank) for rank in ranks]
    if len(names) == 1:
        return "rank " + names[0]
    return "ranks %s and %s" % (", ".join(names[:-1]), names[-1])


def _first_line(problem):
    return str(problem).partition("\n")[0][:200]

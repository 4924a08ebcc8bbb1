#!/usr/bin/env python3
"""Writes the seeds of fuzz_session: whole sessions of golden frames, and of messages that the target builds itself.

    session_seeds.py            writes them
    session_seeds.py --check    says where what is committed differs from what would be written

The acts are those of fuzz_session.c, what can be said that of session_say.c.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "golden"))
sys.dont_write_bytecode = True
from frames import Counts, Raw, frame_of, frames  # noqa: E402

CORPUS = HERE / "corpus" / "fuzz_session"

FEED, CONNECT, HANG_UP, DEAF, COMMIT, TIME, END, STOP, KILL, SAY = range(10)
NOTE = 15
DONE, UNSEEN, LOST, REJECTS, FAILS = range(5)
STEP, HELLO, OPEN, LOG, EVENT, MARK, UPDATE, DROPPED, FINISH, RESTORE, FLUSH, SNAPSHOT, QUERY, JOIN = range(14)
MINUTES_2 = 15  # 4 << 15 ms


def act(what, *args, seat=0, turns=True):
    return bytes([seat | what << 2 | (0 if turns else 0x80), *args])


def feed(data, seat=0, piece=256):
    pieces = (data[i:i + piece] for i in range(0, len(data), piece))
    return b"".join(act(FEED, len(p) - 1, seat=seat) + p for p in pieces)


def golden(*names, seat=0, piece=256):
    return feed(b"".join(frame_of(frames[n]["header"], frames[n]["payload"]) for n in names), seat, piece)


def message(*header, payload=b"", seat=0):
    return feed(frame_of(list(header), payload), seat)


def say(kind, *args, seat=0):
    return act(SAY, kind, *args, seat=seat)


def join(run=0, launch=0, stream=0, rank=0, ranks=1, d_sae=0, scalars=3, seat=0, how=0, what=0):
    """HELLO and OPEN. d_sae is 8, 0, 2 or 40."""
    return say(JOIN, run | launch << 2 | stream << 4, rank | (ranks - 1) << 2 | d_sae << 6, how, scalars | what,
               seat=seat)


def step(counts=(0, 3, 8, 0, 1, 0, 0, 2), how=0, seat=0):
    return say(STEP, how, 0, 0, *counts, seat=seat)


def steps(n, seat=0):
    return b"".join(step([(i * 7 + j) % 9 for j in range(8)], seat=seat) for i in range(n))


def commit(end=DONE):
    """What is in flight, and when the disk has rested what came since."""
    return act(COMMIT, DONE) + act(TIME, 10) + act(COMMIT, end)


def note(*parts):
    """A note is any number of fours of bytes; what is left over is no frame."""
    data = b"".join(parts)
    data += bytes(-len(data) % 4)
    return act(NOTE, len(data) // 4) + data


QUICK = ("hello-trainer", "open-quickstart")
W5 = 3 << 4  # a window of five steps


def numbered(name, seq, number=None):
    frame = frames[name]
    header = list(frame["header"])
    header[1] = seq
    if number is not None:
        header[3 if name.startswith("step-") else 2] = number
    return frame_of(header, frame["payload"])


def golden_run():
    """Every message of a stream, as the golden frames have them, renumbered."""
    names = ["step-u8", "step-pairs-u16", "step-two-vectors", "log", "log-histogram", "event", "mark", "update",
             "dropped", "finish"]
    numbers = {"step-u8": 0, "step-pairs-u16": 1, "step-two-vectors": 2, "log": 3, "log-histogram": 3, "event": 2,
               "mark": 2}
    seqs = list(range(1, len(names))) + [len(names) + 4]  # DROPPED stands for five
    return b"".join(numbered(n, seq, numbers.get(n)) for n, seq in zip(names, seqs))


seeds = {
    "golden-run-to-finish": golden(*QUICK) + feed(golden_run()) + commit() + golden("flush"),
    "golden-run-byte-by-byte": golden(*QUICK, piece=7) + feed(golden_run()[:200], piece=5) + commit(),
    "golden-open-full": golden("hello-trainer", "open-full"),
    "golden-open-minimal": golden("hello-trainer", "open-minimal", "step-without-counts", "snapshot", "flush"),
    "golden-open-tolerant": golden("hello-trainer", "open-tolerant") + commit(),
    "golden-reader": golden(*QUICK) + commit() + golden("hello-reader", "query-ping", "query-status", seat=1),
    "one-rank": join(what=W5) + steps(12) + commit() + say(FLUSH, 0) + say(FINISH, 0) + commit(),
    "two-ranks": (join(ranks=2, what=W5) + join(stream=1, rank=1, ranks=2, what=W5, seat=1) +
                  b"".join(step() + step(seat=1) for _ in range(6)) + commit() + say(FINISH, 0) +
                  say(FINISH, 0, seat=1) + commit()),
    "three-ranks": (join(ranks=3) + join(stream=1, rank=1, ranks=3, seat=1) + join(stream=2, rank=2, ranks=3, seat=2) +
                    b"".join(step(seat=s) for _ in range(5) for s in (2, 0, 1)) + commit()),
    "a-rank-runs-ahead": (join(ranks=2) + join(stream=1, rank=1, ranks=2, seat=1) + steps(8) + steps(8, seat=1) +
                          commit()),
    "a-rank-that-never-came": join(ranks=2) + steps(6) + act(TIME, MINUTES_2) * 2 + commit(),
    "a-rank-that-died": (join(ranks=2) + join(stream=1, rank=1, ranks=2, seat=1) + steps(3) + steps(1, seat=1) +
                         act(HANG_UP, seat=1) + act(END, 1) + act(TIME, MINUTES_2) + commit()),
    "rank-taken": join(ranks=2) + join(stream=1, rank=0, ranks=2, seat=1),
    "run-busy": join() + steps(2) + join(launch=1, stream=1, seat=1),
    "reconnect": (join() + steps(3) + commit() + steps(2) + act(CONNECT) + join() + steps(2) + commit()),
    "taken-over": join() + steps(3) + join(seat=1) + steps(2, seat=1) + commit(),
    "resend-from-wanted": golden(*QUICK, "step-u8") + act(CONNECT) + golden(*QUICK, "step-u8", "step-u16") + commit(),
    "relaunch": (join() + steps(4) + commit() + act(HANG_UP) + act(END, 0) +
                 join(launch=1, stream=1, seat=1) + steps(3, seat=1) + commit()),
    "back-to-a-mark": (join() + steps(3) + say(MARK, 0) + steps(2) + commit() + act(HANG_UP) + act(END, 0) +
                       join(launch=1, stream=1, seat=1) + say(STEP, 5, 0, 0, *range(8), seat=1) + commit() +
                       steps(2, seat=1) + commit()),
    "restore": (join(what=W5) + steps(6) + say(SNAPSHOT, 0) + commit() + act(HANG_UP) + act(END, 0) +
                join(run=1, launch=1, stream=1, seat=1, what=W5) + say(RESTORE, 0, 0, seat=1) + steps(6, seat=1) + commit()),
    "restore-damaged": (join() + steps(2) + say(SNAPSHOT, 0) + join(run=1, stream=1, seat=1) +
                        say(RESTORE, 9, 1, seat=1) + commit()),
    "stop-and-start": join() + steps(3) + act(STOP) + join() + steps(3) + commit(),
    "kill-and-start": join() + steps(3) + commit() + steps(3) + act(KILL) + join() + steps(3) + commit(),
    "kill-with-two-ranks": (join(ranks=2) + join(stream=1, rank=1, ranks=2, seat=1) + steps(4) + steps(2, seat=1) +
                            commit() + act(KILL) + join(ranks=2) + join(stream=1, rank=1, ranks=2, seat=1) + steps(2) +
                            steps(4, seat=1) + commit()),
    "commit-unseen": join() + steps(3) + act(TIME, 10) + act(COMMIT, UNSEEN) + join() + steps(2) + commit(),
    "commit-lost": join() + steps(3) + act(TIME, 10) + act(COMMIT, LOST) + join() + steps(2) + commit(),
    "commit-rejected": (join() + join(run=1, stream=1, seat=1) + steps(2) + steps(2, seat=1) + commit(REJECTS) + join() +
                        steps(2, seat=1) + commit() + act(STOP) + join()),
    "commit-fails-first": join() + steps(3) + commit(FAILS) + steps(2) + commit() + steps(2) + commit(FAILS) + act(STOP),
    "dropped": join(what=W5) + steps(2) + say(DROPPED, 0x12) + steps(4) + commit(),
    "a-lap": join() + steps(4) + say(STEP, 5, 0, 0, *range(8)) + steps(3) + commit(),
    "log-event-update": (join() + steps(1) + say(LOG, 0x11, 5) + say(LOG, 0x29, 9) + say(LOG, 0x5b, 255) +
                         say(EVENT, 1) + say(EVENT, 0) + say(UPDATE, 0xFF) + say(UPDATE, 1) + steps(3) + commit()),
    "laps-of-logs": (join() + say(LOG, 0x01, 5) + say(LOG, 0x21, 5) + say(LOG, 0x01, 250) + say(LOG, 0x21, 5) + commit() +
                     act(KILL) + join() + say(LOG, 0x01, 5) + say(LOG, 0x01, 250) + say(LOG, 0x21, 249) + steps(3) +
                     say(LOG, 0x01, 250) + say(FINISH, 0) + commit()),
    "a-lap-of-a-log-waits": (join(ranks=2) + join(stream=1, rank=1, ranks=2, seat=1) + step() + say(LOG, 0x01, 250) + step() +
                             steps(3, seat=1) + say(LOG, 0x01, 250, seat=1) + say(LOG, 0x21, 249, seat=1) + steps(2, seat=1) +
                             commit() + act(KILL) + join(ranks=2) + steps(2) + commit()),
    "forms": join() + b"".join(say(STEP, how, 0, 0, *range(1, 9), *range(8)) for how in
                               (0x08, 0x10, 0x18, 0x20, 0x28, 0x40, 0x80, 0xC8)) + commit(),
    "not-finite": join(scalars=7) + say(STEP, 0, 0, 0x80, *range(8)) + say(STEP, 0, 0, 0xC0, *range(8)) + steps(2) + commit(),
    "saelens": join(how=1 | 12 | 16, what=W5, scalars=7) + steps(11) + commit(),
    "native": join(how=2, what=W5 | 0x40, scalars=7) + steps(11) + commit(),
    # Its scalars are l0 and explained_variance.
    "stopped-by-its-thresholds": join(scalars=2, what=0x88) + steps(6) + commit() + act(CONNECT) + join(
        scalars=2, what=0x88) + say(FINISH, 0) + commit(),
    "messages-behind-a-step": (join(ranks=2) + join(stream=1, rank=1, ranks=2, seat=1) + step() + say(LOG, 0x11, 5) +
                               say(LOG, 0x19, 255) + say(EVENT, 1) + say(MARK, 0) + say(UPDATE, 0xFF) +
                               say(RESTORE, 0, 0) + message(8, 8, None, 0.0, "x", [[[[[1]]]]]) + say(DROPPED, 0x12) +
                               say(FLUSH, 0) + say(SNAPSHOT, 0) + say(FINISH, 0) + steps(5, seat=1) + commit()),
    "a-process-that-ends-first": join() + steps(2) + act(END, 0) + act(TIME, 10) + commit() + act(STOP),
    "held-until-a-commit": join(d_sae=3) + act(TIME, 0) + b"".join(say(STEP, 0x28, 0, 0) for _ in range(90)) + commit() + commit(),
    "a-question-nobody-waits-for": join() + steps(1) + commit() + say(HELLO, 1, seat=1) + act(
        SAY, QUERY, 0, seat=1, turns=False) + act(HANG_UP, seat=1),
    "wide": join(d_sae=3, what=W5) + steps(8) + say(SNAPSHOT, 0) + commit(),
    "without-features": join(d_sae=1) + steps(6) + commit(),
    "a-late-rank": (join(ranks=2) + join(stream=1, rank=1, ranks=2, seat=1) + steps(4) + act(HANG_UP, seat=1) +
                    act(END, 1) + act(TIME, MINUTES_2) * 2 + join(stream=1, rank=1, ranks=2, seat=1) + steps(5, seat=1) +
                    commit()),
    "a-gap": join(how=5 << 5) + steps(2) + commit(),
    "many-snapshots": join(d_sae=3) + steps(1) + b"".join(say(SNAPSHOT, 0) for _ in range(8)) + act(DEAF) +
                      b"".join(say(SNAPSHOT, 0) for _ in range(8)) + act(DEAF),
    "too-many-connections": b"".join(act(CONNECT, seat=i % 4) for i in range(9)) + say(HELLO, 0),
    "stalled": join() + steps(3) + act(TIME, MINUTES_2) * 4 + commit() + steps(1) + commit(),
    "reader-asks": (join() + steps(2) + commit() + say(HELLO, 1, seat=1) +
                    b"".join(say(QUERY, i, seat=1) for i in range(4)) + steps(1, seat=1)),
    "reader-stops": (join() + steps(2) + commit() + say(HELLO, 1, seat=1) +
                     b"".join(say(QUERY, how, seat=1) for how in (4, 12, 5, 6)) + act(CONNECT) + join() +
                     act(KILL) + join() + say(FINISH, 0) + commit() + say(HELLO, 1, seat=1) + say(QUERY, 4, seat=1)),
    "run-of-another-size": join() + steps(1) + commit() + join(run=0, stream=1, d_sae=2, ranks=2, rank=1, seat=1),
    "resume-must": join(how=0) + join(run=1, stream=1, seat=1) + say(
        JOIN, 2, 0x30, 0, 0, seat=2) + say(JOIN, 0x20, 0x10, 0, 0, seat=3),
    "a-note-of-a-run-nobody-knows": note(*(frame_of(frames[n]["header"]) for n in QUICK), frame_of([12, 1, 9, 0, 7]),
                                         frame_of([14, 10, 0, None, 0.0])) + act(STOP) + act(KILL) + golden(*QUICK),
    "a-note-of-what-came-partly": (golden(*QUICK, "step-u8") + commit() + act(HANG_UP) +
                                   note(*(frame_of(frames[n]["header"]) for n in QUICK), frame_of([12, 1, 5, 0, 4])) +
                                   act(KILL) + golden(*QUICK) + commit() + act(STOP)),
    "a-note-that-is-none": note(b"GET / HTTP/1.1") + note(frame_of(frames["hello-reader"]["header"])) + note() + act(STOP),
    "version-out-of-range": message(1, 2, 9, 1) + message(1, 0, 0, 1, seat=1) + say(HELLO, 0x10, seat=2),
    "garbage": feed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") + feed(bytes(16), seat=1) +
               feed(b"\xff" * 40, seat=2),
    "too-early": golden("step-u8") + golden("hello-trainer", "step-u8", seat=1) + golden(
        "hello-trainer", "open-quickstart", "open-quickstart", seat=2) + golden(*QUICK, "query-ping", seat=3),
    "above-wanted": golden(*QUICK, "step-u32"),
    "poison": golden(*QUICK) + message(6, 1, 0, 0, 0.0, 0.0, 0, []) + message(8, 2, None, 0.0, "x", [[[[[1]]]]]) +
              feed(frame_of(Raw(b"\x96\x07\x03\xc0\xdd\xff\xff\xff\xff"))) + message(12, 4, 0, None, None),
    "bad-counts": golden(*QUICK) + message(6, 1, 0, 0, 0.0, 0.0, 2, [0.5, 0.5], 1, 8, payload=bytes([3] * 8)) +
                  message(6, 2, 0, 1, 0.0, 0.0, 2, [0.5], 0) +
                  message(6, 3, 0, 2, 0.0, 0.0, 2, [0.5, 0.5], 4, 2, payload=Counts(4, [1, 1], [5, 5]).payload()) + commit(),
    "announced-and-not-sent": (golden(*QUICK) + feed(b"\x10\x00\x00\x00\x80\x00\x04\x00" + bytes(64)) +
                               join(run=1, stream=1, seat=1) +
                               feed(b"\xff\xff\x03\x00\x00\x00\x00\x00" + bytes(64), seat=1) + act(TIME, 14) +
                               act(TIME, 15) + act(HANG_UP, seat=1)),
    "daemons-words": golden("hello-trainer", "ack") + golden("hello-reader", "state", seat=1),
}


def main():
    differ = 0
    for name, data in seeds.items():
        path = CORPUS / name
        if sys.argv[1:] == ["--check"]:
            if not path.exists() or path.read_bytes() != data:
                print(f"{path.relative_to(HERE.parent.parent)} is not what session_seeds.py writes")
                differ += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())

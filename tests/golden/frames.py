#!/usr/bin/env python3
"""Writes the golden frames: tests/golden/frames/*.json, the seeds of tests/fuzz/corpus, and the
exchange that PROTOCOL.md shows byte by byte.

    frames.py            writes them
    frames.py --check    says where what is committed differs from what would be written

It knows PROTOCOL.md and nothing of the C code: the packer below is a second one. To change a
frame that is there means to change the protocol; to add one is always fine.
"""
import json
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FRAMES = HERE / "frames"
CORPUS = HERE.parent / "fuzz" / "corpus"
PROTOCOL = HERE.parent.parent / "proto" / "PROTOCOL.md"

NAN, INF = float("nan"), float("inf")
STREAM = bytes(range(16))
DB_ID = bytes(range(0xF0, 0x100))


class F32(float):
    """A float that is written in 32 bits."""


class Wide(int):
    """An integer that is written in 64 bits, however small."""


class Raw(bytes):
    """Bytes put into the header as they are."""


# --- packing ---------------------------------------------------------------------------------


def pack_uint(v):
    if v < 0x80:
        return bytes([v])
    for head, code, limit in ((0xCC, ">B", 1 << 8), (0xCD, ">H", 1 << 16), (0xCE, ">I", 1 << 32)):
        if v < limit:
            return bytes([head]) + struct.pack(code, v)
    return b"\xcf" + struct.pack(">Q", v)


def pack_int(v):
    if isinstance(v, Wide):
        return b"\xd3" + struct.pack(">q", v)
    if v >= 0:
        return pack_uint(v)
    if v >= -32:
        return struct.pack(">b", v)
    for head, code, limit in ((0xD0, ">b", 1 << 7), (0xD1, ">h", 1 << 15), (0xD2, ">i", 1 << 31)):
        if v >= -limit:
            return bytes([head]) + struct.pack(code, v)
    return b"\xd3" + struct.pack(">q", v)


def pack_sized(n, fix, fix_max, wider):
    if n <= fix_max:
        return bytes([fix | n])
    for head, code, limit in wider:
        if n < limit:
            return bytes([head]) + struct.pack(code, n)
    raise ValueError(n)


def pack(v):
    if isinstance(v, Raw):
        return bytes(v)
    if v is None:
        return b"\xc0"
    if isinstance(v, bool):
        return b"\xc3" if v else b"\xc2"
    if isinstance(v, int):
        return pack_int(v)
    if isinstance(v, F32):
        return b"\xca" + struct.pack(">f", v)
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, bytes):
        return b"\xc4" + bytes([len(v)]) + v
    if isinstance(v, str):
        data = v.encode()
        wider = ((0xD9, ">B", 1 << 8), (0xDA, ">H", 1 << 16), (0xDB, ">I", 1 << 32))
        return pack_sized(len(data), 0xA0, 31, wider) + data
    if isinstance(v, dict):
        items = b"".join(pack(x) for pair in v.items() for x in pair)
        return pack_sized(len(v), 0x80, 15, ((0xDE, ">H", 1 << 16),)) + items
    wider = ((0xDC, ">H", 1 << 16), (0xDD, ">I", 1 << 32))
    return pack_sized(len(v), 0x90, 15, wider) + b"".join(pack(x) for x in v)


def frame_of(header, payload=b""):
    packed = pack(header)
    return struct.pack("<II", len(packed), len(payload)) + packed + payload


# --- counts ----------------------------------------------------------------------------------

WIDTHS = {1: "B", 2: "H", 3: "I", 4: "H", 5: "I"}
FORMS = {1: "dense u8", 2: "dense u16", 3: "dense u32", 4: "pairs of u16", 5: "pairs of u32"}


class Counts:
    """One vector: dense counts, or indices and counts."""

    def __init__(self, form, counts, indices=None):
        self.form, self.counts, self.indices = form, counts, indices

    def payload(self):
        data = struct.pack(f"<{len(self.counts)}{WIDTHS[self.form]}", *self.counts)
        if self.indices is not None:
            data = struct.pack(f"<{len(self.indices)}I", *self.indices) + data
        return data

    def described(self):
        told = {"form": FORMS[self.form]}
        if self.indices is not None:
            told["indices"] = self.indices
        return told | {"counts": self.counts}


# --- the frames ------------------------------------------------------------------------------

frames = {}


def add(name, says, header, message, payload=b"", exact=True, sender="trainer"):
    assert name not in frames
    frames[name] = {"says": says, "from": sender, "exact": exact, "header": header,
                    "payload": payload, "message": message}


def refused(name, says, header, result, code, words, seq=None, payload=b""):
    assert name not in frames
    frames[name] = {"says": says, "from": "trainer", "header": header, "payload": payload,
                    "refused": {"result": result, "code": code, "seq": seq, "words": words}}


def given(**fields):
    return {key: value for key, value in fields.items() if value is not None}


def step(name, says, seq, number, scalars, n_rows=4096, nonzero=None, positive=None, lap=0):
    vectors = [v for v in (nonzero, positive) if v is not None]
    tail = [x for v in (nonzero, positive) for x in ((v.form, len(v.counts)) if v else (0, 0))]
    add(name, says,
        [6, seq, lap, number, 1790000000.25, 12.5, n_rows, scalars, *tail],
        {"type": "STEP", "seq": seq, "lap": lap, "step": number, "time": 1790000000.25, "elapsed_s": 12.5,
         "n_rows": n_rows, "scalars": scalars}
        | given(nonzero=nonzero and nonzero.described(), positive=positive and positive.described()),
        payload=b"".join(v.payload() for v in vectors))


def add_greetings():
    add("hello-trainer", "A trainer speaks versions 1 to 1.",
        [1, 1, 1, 1, {"agent": "sae-metrics-c 0.1.0", "pid": 4711, "host": "gpu-7"}],
        {"type": "HELLO", "version_min": 1, "version_max": 1, "role": 1,
         "agent": "sae-metrics-c 0.1.0", "pid": 4711, "host": "gpu-7"})
    add("hello-reader", "A reader that says nothing about itself, and leaves the map out.",
        [1, 1, 3, 2], {"type": "HELLO", "version_min": 1, "version_max": 3, "role": 2}, exact=False)
    add("welcome", "The daemon's answer.",
        [2, 1, {"daemon": "0.1.0", "db_id": DB_ID, "header_len_max": 262144, "d_sae_max": 16777216}],
        {"type": "WELCOME", "version": 1, "daemon": "0.1.0", "db_id": DB_ID,
         "header_len_max": 262144, "d_sae_max": 16777216}, sender="daemon")
    add("welcome-of-a-later-daemon", "More keys and more elements than this version knows: ignored.",
        [2, 1, {"zones": [1, [2, {"x": None}]], "daemon": "9.0.0", "db_id": DB_ID,
                "header_len_max": 262144, "d_sae_max": Wide(16777216)}, {"more": [1, 2, 3]}, None],
        {"type": "WELCOME", "version": 1, "daemon": "9.0.0", "db_id": DB_ID,
         "header_len_max": 262144, "d_sae_max": 16777216}, sender="daemon", exact=False)
    add("refusal", "No version in common: trying again cannot help.",
        [3, 1, 1, None, "this daemon speaks version 1 only"],
        {"type": "REFUSAL", "code": 1, "limit": 1, "words": "this daemon speaks version 1 only"},
        sender="daemon")
    add("refusal-try-again", "An older launch still has a connection: in two seconds, perhaps.",
        [3, 6, None, 2000, "run ab12cd34 still has a live connection of its last launch"],
        {"type": "REFUSAL", "code": 6, "retry_after_ms": 2000,
         "words": "run ab12cd34 still has a live connection of its last launch"}, sender="daemon")


OPEN_DEFAULTS = {"rank": 0, "world_size": 1, "global_rank": 0, "global_world_size": 1,
                 "wandb_log_frequency": 10, "feature_sampling_window": 1000,
                 "dead_feature_window": 5000, "private": False, "log_to_wandb": False}


def add_open():
    least = {"stream": STREAM, "run": "ab12cd34", "launch": "launch-1", "first_seq": 1}
    filled = {"type": "OPEN"} | least | OPEN_DEFAULTS
    add("open-minimal", "The four keys every OPEN has; all else by default. Without d_sae: a run without counts.",
        [4, least], filled, exact=False)
    add("open-quickstart", "What a simple trainer sends.",
        [4, least | {"world_size": 1, "global_world_size": 1, "name": "quick", "d_sae": 8, "d_in": 4,
                     "wandb_log_frequency": 10, "feature_sampling_window": 100,
                     "dead_feature_window": 300, "scalars": ["mse_loss", "l1_loss"]}],
        filled | {"name": "quick", "d_sae": 8, "d_in": 4, "feature_sampling_window": 100,
                  "dead_feature_window": 300, "scalars": ["mse_loss", "l1_loss"]})
    full = {"stream": STREAM, "run": "Run_7-b", "launch": "torchrun:77:0", "first_seq": 41, "db_id": DB_ID,
            "rank": 2, "world_size": 4, "global_rank": 10, "global_world_size": 16, "resume": "must",
            "project": "saes", "entity": "lab", "name": "wide run \u03b2", "group": "sweep 3",
            "job_type": "train", "notes": "first line\nsecond line", "config": '{"lr": 0.001}',
            "host": "gpu-7", "program": "train.py", "git_commit": "0123abc", "git_remote": "git@example.org:x",
            "sweep_id": "s1", "source": "prisma", "tags": ["a", "b c"], "args": ["--lr", "1e-3", ""],
            "started": 1789999999.5, "profile": "saelens", "architecture": "gated", "key_suffix": "/layer_9",
            "d_sae": 16384, "d_in": 768, "wandb_log_frequency": 1, "feature_sampling_window": 2000,
            "dead_feature_window": 0, "train_batch_size": 4096, "context_size": 128,
            "total_training_tokens": 1000000000, "total_training_steps": 244140, "num_images": 1281167,
            "num_epochs": 2, "tokens_per_image": 50, "thresholds": [1e-4, 1.0], "min_l0": 1.5,
            "min_explained_variance": 0.0, "private": True, "log_to_wandb": True, "wandb_key": "0" * 40,
            "wandb_base_url": "https://api.wandb.ai",
            "scalars": ["mse_loss", "l1_loss", "my own"]}
    add("open-full", "Every key there is.", [4, full], {"type": "OPEN"} | full)
    add("open-tolerant", "Unknown keys, keys that are nil, integers where floats are due, other widths.",
        [4, {"later": [[1], {"x": 2}], "run": "ab12cd34", "launch": "launch-1", "stream": STREAM,
             "first_seq": Wide(1), "notes": None, "d_sae": Wide(8), "started": 1790000000,
             "thresholds": [1, F32(0.5)], "min_l0": 2, 7: "a key that is no text"}, "more"],
        filled | {"d_sae": 8, "started": 1790000000.0, "thresholds": [1.0, 0.5], "min_l0": 2.0}, exact=False)
    add("opened", "A new run: nothing durable, seq 1 wanted.",
        [5, 0, 1, None, {"attempt": 1, "resumed": False, "outbox_bytes": 67108864, "name": "quick"}],
        {"type": "OPENED", "durable": 0, "wanted": 1, "attempt": 1, "resumed": False,
         "outbox_bytes": 67108864, "name": "quick"}, sender="daemon")
    add("opened-again", "After a reconnect: free up to 40, send from 44.",
        [5, 40, 44, 1229, {"attempt": 2, "resumed": True, "outbox_bytes": 1 << 33, "name": None}],
        {"type": "OPENED", "durable": 40, "wanted": 44, "last_step": 1229, "attempt": 2, "resumed": True,
         "outbox_bytes": 1 << 33}, sender="daemon")


def add_steps():
    losses = [0.5, 0.0625]
    step("step-without-counts", "Form 0: scalars only.", 1, 0, losses)
    step("step-u8", "The first step of eight features.", 1, 0, losses, n_rows=16,
         nonzero=Counts(1, [0, 3, 16, 0, 1, 0, 0, 9]))
    step("step-u16", "", 2, 1, losses, nonzero=Counts(2, [0, 300, 4096, 1, 0, 7, 0, 255]))
    step("step-u32", "", 3, 2, losses, n_rows=1 << 20, nonzero=Counts(3, [0, 65536, 1 << 20, 1, 0, 7, 0, 255]))
    step("step-pairs-u16", "", 4, 3, losses, nonzero=Counts(4, [300, 1], [1, 6]))
    step("step-pairs-u32", "", 5, 4, losses, n_rows=70000, nonzero=Counts(5, [70000], [7]))
    step("step-pairs-none-fired", "No feature fired: pairs of length 0, no payload.", 6, 5, losses,
         nonzero=Counts(4, [], []))
    step("step-two-vectors", "Activations may be negative: nonzero as u8, positive as pairs behind it.", 7, 6,
         losses, n_rows=200, nonzero=Counts(1, [1, 2, 3, 0, 0, 0, 0, 200]), positive=Counts(4, [1, 150], [2, 7]))
    step("step-not-finite", "NaN and infinities are values; nil is none.", 8, 7, [NAN, INF, -INF, None, -0.0])
    step("step-largest-numbers", "The largest seq, lap, step and n_rows there are.", (1 << 63) - 1, 2147483645, [],
         n_rows=(1 << 32) - 1, lap=2147483645)
    step("step-of-a-lap", "The stream went back twice before, or began two laps with a state.", 11, 5, losses, lap=2)
    step("step-many-scalars", "More scalars than a word has bits.", 9, 8,
         [None if i % 3 == 0 else i / 8 for i in range(200)])
    told = {"type": "STEP", "seq": 10, "lap": 0, "step": 9, "time": 1790000000.0, "elapsed_s": 3.0, "n_rows": 4,
            "scalars": [1.0, 0.5]}
    add("step-short", "What follows the scalars may be left out: no counts.",
        [6, 10, 0, 9, 1790000000.0, 3.0, 4, [1.0, 0.5]], told, exact=False)
    counts = Counts(1, [4, 0, 1, 2, 0, 0, 0, 0])
    add("step-tolerant", "Wide integers, floats in 32 bits or as integers, elements of a later version.",
        [6, Wide(10), Wide(0), Wide(9), 1790000000, F32(3.0), Wide(4), [1, F32(0.5)], 1, 8, None, None, "later", [[1]]],
        told | {"nonzero": counts.described()}, payload=counts.payload(), exact=False)


def add_logs():
    head = [7, 11, 9, 1790000001.0, 13.0]
    told = {"type": "LOG", "seq": 11, "step": 9, "time": 1790000001.0, "elapsed_s": 13.0}
    add("log", "Numbers and a text.",
        [*head, [["eval/loss", 0.25], ["eval/n", -3], ["eval/big", (1 << 63) - 1], ["eval/nan", NAN],
                 ["note", "gr\u00fc\u00df dich\n"]]],
        told | {"entries": [["eval/loss", 0.25], ["eval/n", -3], ["eval/big", (1 << 63) - 1],
                            ["eval/nan", NAN], ["note", "gr\u00fc\u00df dich\n"]]})
    add("log-histogram", "Two bins have three edges.",
        [*head, [["h", [[3.0, 1.0], [0.0, 0.5, 1.0]]]]],
        told | {"entries": [["h", {"counts": [3.0, 1.0], "edges": [0.0, 0.5, 1.0]}]]})
    add("log-without-step", "It belongs to the step the stream is at.",
        [7, 12, None, 1790000001.0, 13.0, [["x", 1]]],
        {"type": "LOG", "seq": 12, "time": 1790000001.0, "elapsed_s": 13.0, "entries": [["x", 1]]})
    add("log-of-a-lap", "The stream began a lap before, with this LOG or earlier.",
        [7, 13, 4, 1790000001.0, 13.0, [["x", 1]], 1],
        {"type": "LOG", "seq": 13, "step": 4, "time": 1790000001.0, "elapsed_s": 13.0, "entries": [["x", 1]], "lap": 1})
    add("log-tolerant", "Bools are kept as 0 and 1, what no int64 holds as a float; later versions may add to an entry.",
        [*head, [["yes", True], ["no", False], ["huge", 1 << 63], ["h", [[2], [0, 1]], {"unit": "s"}]]],
        told | {"entries": [["yes", 1], ["no", 0], ["huge", 9223372036854775808.0],
                            ["h", {"counts": [2.0], "edges": [0.0, 1.0]}]]}, exact=False)


def add_events():
    add("event", "", [8, 13, 10, 1790000002.0, "resample", "12 dead features reset"],
        {"type": "EVENT", "seq": 13, "step": 10, "time": 1790000002.0, "kind": "resample",
         "text": "12 dead features reset"})
    add("event-without-step", "", [8, 14, None, 1790000002.0, "note", None],
        {"type": "EVENT", "seq": 14, "time": 1790000002.0, "kind": "note"})
    add("mark", "A checkpoint was written after step 10.", [9, 15, 10, 1790000003.0, "ckpt/10.pt"],
        {"type": "MARK", "seq": 15, "step": 10, "time": 1790000003.0, "text": "ckpt/10.pt"})
    add("restore", "The state (opaque) is the payload.", [10, 1, 0, 10, 1790000004.0],
        {"type": "RESTORE", "seq": 1, "lap": 0, "step": 10, "time": 1790000004.0, "state": b"opaque state"},
        payload=b"opaque state")
    add("update", "", [11, 16, {"name": "better name", "notes": "", "tags": ["x"], "config": "{}",
                                "summary": '{"best": 1}'}],
        {"type": "UPDATE", "seq": 16, "name": "better name", "notes": "", "tags": ["x"], "config": "{}",
         "summary": '{"best": 1}'})
    add("update-no-more-tags", "An empty list takes the tags away; nil leaves them.",
        [11, 17, {"name": None, "notes": None, "tags": [], "config": None, "summary": None}],
        {"type": "UPDATE", "seq": 17, "tags": []})
    add("update-nothing", "", [11, 18], {"type": "UPDATE", "seq": 18}, exact=False)


def add_ends():
    add("dropped", "Seqs 19 to 23; the last STEP among them was step 14 of the first lap.", [12, 19, 5, 0, 14],
        {"type": "DROPPED", "seq": 19, "count": 5, "lap": 0, "step": 14})
    add("dropped-no-steps", "", [12, 24, 2, None, None],
        {"type": "DROPPED", "seq": 24, "count": 2})
    add("flush", "", [13, 25], {"type": "FLUSH", "through_seq": 25})
    add("finish", "", [14, 26, 0, None, 1790000005.0],
        {"type": "FINISH", "seq": 26, "exit_code": 0, "time": 1790000005.0})
    add("finish-preempted", "", [14, 26, -15, "preempted", 1790000005.0],
        {"type": "FINISH", "seq": 26, "exit_code": -15, "state": "preempted", "time": 1790000005.0})
    add("finish-words", "An exception ended the trainer.",
        [14, 26, 1, "failed", 1790000005.0, "ValueError: the loss is NaN"],
        {"type": "FINISH", "seq": 26, "exit_code": 1, "state": "failed", "time": 1790000005.0,
         "words": "ValueError: the loss is NaN"})
    add("snapshot", "", [15, 77, 25], {"type": "SNAPSHOT", "token": 77, "through_seq": 25})
    add("state", "The state after step 10.", [16, 77, 0, 10, None],
        {"type": "STATE", "token": 77, "code": 0, "step": 10, "state": b"opaque state"},
        payload=b"opaque state", sender="daemon")
    add("state-refused", "", [16, 78, 10, None, "the run has ended"],
        {"type": "STATE", "token": 78, "code": 10, "words": "the run has ended", "state": b""}, sender="daemon")


def add_answers():
    add("ack", "Everything up to 26 is on disk.", [17, 26], {"type": "ACK", "seq": 26}, sender="daemon")
    add("ack-first", "Seq 1 is on disk.", [17, 1], {"type": "ACK", "seq": 1}, sender="daemon")
    add("ack-of-a-later-daemon", "", [17, Wide(26), {"lag_ms": 3}], {"type": "ACK", "seq": 26}, sender="daemon",
        exact=False)
    add("stop", "", [18, "l0 is 0.8, below the run's min_l0 of 1.5"],
        {"type": "STOP", "reason": "l0 is 0.8, below the run's min_l0 of 1.5"}, sender="daemon")
    add("error", "The message with that seq was refused; its seq is consumed.",
        [19, 34, "a count is above n_rows", 12],
        {"type": "ERROR", "code": 34, "words": "a count is above n_rows", "seq": 12}, sender="daemon")
    add("error-warning", "Without a seq it is a warning.", [19, 38, "too many lines are open", None],
        {"type": "ERROR", "code": 38, "words": "too many lines are open"}, sender="daemon")
    add("query-status", "", [20, 5, "status", {"run": "ab12"}],
        {"type": "QUERY", "token": 5, "what": "status", "run": "ab12"})
    add("query-ping", "", [20, 6, "ping"], {"type": "QUERY", "token": 6, "what": "ping"}, exact=False)
    add("query-stop", "", [20, 7, "stop", {"run": "ab12", "reason": "the disk is needed"}],
        {"type": "QUERY", "token": 7, "what": "stop", "run": "ab12", "reason": "the disk is needed"})
    add("query-sync", "",
        [20, 8, "sync", {"run": "ab12", "wandb_key": "0" * 40, "wandb_base_url": "https://w", "take_over": True}],
        {"type": "QUERY", "token": 8, "what": "sync", "run": "ab12", "wandb_key": "0" * 40, "wandb_base_url": "https://w",
         "take_over": True})
    add("query-export", "", [20, 10, "export", {"run": "ab12", "table": "lines_data", "after": "41"}],
        {"type": "QUERY", "token": 10, "what": "export", "run": "ab12", "table": "lines_data", "after": "41"})
    add("query-points", "", [20, 11, "points", {"run": None, "at_tokens": 1 << 33, "trajectory": True}],
        {"type": "QUERY", "token": 11, "what": "points", "at_tokens": 1 << 33, "trajectory": True})
    add("query-points-then", "", [20, 17, "points", {"run": None, "at_time": 1795449749.5}],
        {"type": "QUERY", "token": 17, "what": "points", "at_time": 1795449749.5})
    add("query-rm", "", [20, 12, "rm", {"run": "ab12", "force": True, "dry_run": True}],
        {"type": "QUERY", "token": 12, "what": "rm", "run": "ab12", "force": True, "dry_run": True})
    add("query-tag", "", [20, 13, "tag", {"run": "ab12", "add": ["good", "paper"], "remove": ["sweep"]}],
        {"type": "QUERY", "token": 13, "what": "tag", "run": "ab12", "add": ["good", "paper"], "remove": ["sweep"]})
    add("query-rename", "", [20, 14, "rename", {"run": "ab12", "name": "l9-x16"}],
        {"type": "QUERY", "token": 14, "what": "rename", "run": "ab12", "name": "l9-x16"})
    add("query-ack", "", [20, 15, "ack", {"run": "ab12", "kind": "nan", "undo": True}],
        {"type": "QUERY", "token": 15, "what": "ack", "run": "ab12", "kind": "nan", "undo": True})
    add("query-status-fine", "", [20, 16, "status", {"run": "ab12", "points": 160}],
        {"type": "QUERY", "token": 16, "what": "status", "run": "ab12", "points": 160})
    add("query-sql", "", [20, 17, "sql", {"run": None, "sql": "SELECT id\nFROM runs", "timeout_ms": 5000}],
        {"type": "QUERY", "token": 17, "what": "sql", "sql": "SELECT id\nFROM runs", "timeout_ms": 5000})
    add("query-points-short", "", [20, 18, "points", {"run": None, "without_config": True}],
        {"type": "QUERY", "token": 18, "what": "points", "without_config": True})
    add("query-of-a-later-reader", "Keys of a later version are passed over; what is false or nil is not given.",
        [20, 9, "sync", {"run": "ab12", "reason": None, "take_over": False, "until": 7}, "later"],
        {"type": "QUERY", "token": 9, "what": "sync", "run": "ab12"}, exact=False)
    add("reply", "The payload is JSON.", [21, 5, 0, None],
        {"type": "REPLY", "token": 5, "code": 0, "json": b'{"runs": []}'}, payload=b'{"runs": []}',
        sender="daemon")
    add("reply-no-such-run", "", [21, 5, 4, "no run is called ab12"],
        {"type": "REPLY", "token": 5, "code": 4, "words": "no run is called ab12", "json": b""}, sender="daemon")
    add("reply-not-permitted", "", [21, 7, 13, "run ab12 is joe's"],
        {"type": "REPLY", "token": 7, "code": 13, "words": "run ab12 is joe's", "json": b""}, sender="daemon")


def add_refused():
    refused("refused-bomb", "Five bytes that announce four billion elements.", Raw(b"\xdd\xff\xff\xff\xff"),
            "malformed", 2, "the header does not begin with the type of a message")
    refused("refused-poison-bomb", "The same behind a seq that can be read: consumed, not resent for ever.",
            Raw(b"\x96\x07\x0b\xc0\xdd\xff\xff\xff\xff"), "bad field", 32,
            "the header is of too many elements (at most 16384)", seq=11)
    refused("refused-nesting", "", [8, 11, None, 0.0, "x", [[[[[1]]]]]], "bad field", 32,
            "the header is nested too deeply (at most 5)", seq=11)
    refused("refused-type", "", [99, 1], "malformed", 2, "the header does not begin with the type of a message")
    refused("refused-no-seq", "", [6, 0, 0, 0.0, 0.0, 1, []], "malformed", 2, "seq of STEP is not a number from 1")
    refused("refused-step-range", "", [6, 3, 0, 2147483646, 0.0, 0.0, 1, []], "bad field", 33,
            "step is 2147483646; expected 0 to 2147483645", seq=3)
    refused("refused-no-rows", "", [6, 3, 0, 0, 0.0, 0.0, 0, []], "bad field", 34, "n_rows is 0; expected at least 1",
            seq=3)
    refused("refused-short-payload", "", [6, 3, 0, 0, 0.0, 0.0, 9, [], 2, 8, 0, 0], "bad field", 34,
            "the payload has 15 bytes; expected 16 of counts", seq=3, payload=bytes(15))
    refused("refused-window", "", [4, {"stream": STREAM, "run": "a", "launch": "b", "first_seq": 1,
                                       "feature_sampling_window": 1}], "bad field", 4,
            "feature_sampling_window is 1; expected at least 2, because the first window has one step less")
    refused("refused-run-id", "", [4, {"stream": STREAM, "run": "../etc", "launch": "b", "first_seq": 1}],
            "bad field", 4, 'run is "../etc"; expected 1 to 64 of letters, digits, _ and -')
    refused("refused-control-character", "", [7, 4, None, 0.0, 0.0, [["a\x1b[2J", 1.0]]], "bad field", 35,
            "a key holds a control character; expected UTF-8 without control characters", seq=4)
    refused("refused-utf8", "", [8, 4, None, 0.0, Raw(b"\xa2\xc3\x28"), ""], "bad field", 32,
            "kind is not UTF-8; expected UTF-8 without control characters", seq=4)
    refused("refused-key", "A key is not repeated.", [20, 5, "sync", {"run": "ab12", "wandb_key": "s" * 4097}], "bad field",
            2, "wandb_key has 4097 bytes; expected 1 to 4096")
    refused("refused-dropped", "How many seqs it stood for is not known.", [12, 4, 0, 0, None, None], "malformed", 2,
            "count is 0; expected 1 to 9223372036854775804")


for build in (add_greetings, add_open, add_steps, add_logs, add_events, add_ends, add_answers, add_refused):
    build()


# --- writing ---------------------------------------------------------------------------------


def told_float(v):
    return "nan" if v != v else "inf" if v == INF else "-inf" if v == -INF else float(v)


def message_json(v):
    """A message's fields: floats that JSON lacks as text, bytes as hex."""
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, float):
        return told_float(v)
    if isinstance(v, dict):
        return {key: message_json(value) for key, value in v.items()}
    return [message_json(x) for x in v] if isinstance(v, list) else v


def header_json(v):
    """A header, as plain as JSON allows: {"bin": hex}, {"float": "nan"}, {"f32": x}, {"i64": n}, {"u64": text}, {"map": pairs}."""
    if isinstance(v, bytes):
        return {"bin": v.hex()}
    if isinstance(v, Wide):
        return {"i64": int(v)}
    if isinstance(v, int) and v >= 1 << 63:
        return {"u64": str(v)}
    if isinstance(v, F32):
        return {"f32": float(v)}
    if isinstance(v, float):
        told = told_float(v)
        return {"float": told} if isinstance(told, str) else told
    if isinstance(v, dict):
        if all(isinstance(key, str) for key in v):
            return {key: header_json(value) for key, value in v.items()}
        return {"map": [[header_json(key), header_json(value)] for key, value in v.items()]}
    return [header_json(x) for x in v] if isinstance(v, list) else v


def holds_raw(v):
    return isinstance(v, Raw) or (isinstance(v, list) and any(holds_raw(x) for x in v))


def text_of(frame):
    lines = {"says": frame["says"], "from": frame["from"]}
    if "exact" in frame:
        lines["exact"] = frame["exact"]
    if not holds_raw(frame["header"]):
        lines["header"] = header_json(frame["header"])
    lines["frame"] = frame_of(frame["header"], frame["payload"]).hex()
    if "message" in frame:
        lines["message"] = message_json(frame["message"])
    else:
        lines["refused"] = frame["refused"]
    body = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in lines.items())
    return f"{{\n{body}\n}}\n".encode()


# --- the exchange of PROTOCOL.md -----------------------------------------------------------------

EXCHANGE = ["hello-trainer", "welcome", "open-quickstart", "opened", "step-u8", "ack-first"]
ELEMENTS = {
    1: ["version_min", "version_max", "role"],
    2: ["version"],
    5: ["durable", "wanted", "last_step"],
    6: ["seq", "lap", "step", "time", "elapsed_s", "n_rows", "scalars", "form: dense u8", "n_entries: d_sae",
        "positive_form: none", "n_positive_entries"],
    17: ["seq"],
}
PER_LINE = 16


def hex_lines(data, comment):
    for at in range(0, len(data), PER_LINE):
        told = comment if at == 0 else ""
        yield f"      {data[at:at + PER_LINE].hex(' '):<{3 * PER_LINE}} {told}".rstrip()


def told(v):
    return json.dumps(header_json(v), ensure_ascii=False) if not isinstance(v, bytes) else f"bin of {len(v)} bytes"


def value_lines(v, label=""):
    """A value, each element of a container on a line of its own; pairs of a map together."""
    prefix = f"{label} = " if label else ""
    if isinstance(v, dict):
        yield from hex_lines(pack(v)[:1 if len(v) < 16 else 3], f"map of {len(v)}")
        for key, value in v.items():
            yield from hex_lines(pack(key) + pack(value), f"{key}: {told(value)}")
    else:
        yield from hex_lines(pack(v), prefix + told(v))


def frame_lines(name):
    frame = frames[name]
    header, payload = frame["header"], frame["payload"]
    arrow = "trainer ► daemon" if frame["from"] == "trainer" else "daemon ► trainer"
    packed = pack(header)
    yield f"    {arrow}: {frame['message']['type']}"
    yield ""
    yield from hex_lines(struct.pack("<II", len(packed), len(payload)),
                         f"header_len {len(packed)}, payload_len {len(payload)}")
    yield from hex_lines(packed[:1], f"array of {len(header)}")
    yield from hex_lines(pack(header[0]), frame["message"]["type"])
    labels = ELEMENTS.get(header[0], [])
    for i, value in enumerate(header[1:]):
        yield from value_lines(value, labels[i] if i < len(labels) else "")
    if payload:
        yield from hex_lines(payload, "payload: on 3 rows feature 1, on 16 feature 2, …")
    yield ""


def protocol_text():
    before, rest = PROTOCOL.read_text().split("<!-- exchange -->\n")
    _, after = rest.split("<!-- end of exchange -->\n")
    lines = [line for name in EXCHANGE for line in frame_lines(name)]
    return f"{before}<!-- exchange -->\n" + "\n".join(lines) + "\n<!-- end of exchange -->\n" + after


def files():
    yield PROTOCOL, protocol_text().encode()
    for name, frame in frames.items():
        data = frame_of(frame["header"], frame["payload"])
        yield FRAMES / f"{name}.json", text_of(frame)
        if name in ("step-u16", "ack", "refused-bomb"):
            yield CORPUS / "fuzz_frame" / name, data
        yield CORPUS / "fuzz_decode" / name, data
        yield CORPUS / "fuzz_scan" / name, pack(frame["header"])


def main():
    differ = 0
    for path, data in files():
        if sys.argv[1:] == ["--check"]:
            if not path.exists() or path.read_bytes() != data:
                print(f"{path.relative_to(HERE.parent.parent)} is not what frames.py writes")
                differ += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())

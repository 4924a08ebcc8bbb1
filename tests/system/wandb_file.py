"""Reads a `.wandb` file: blocks, chunks, checksums, and as much protobuf as it takes. On its own: nothing here knows how
the daemon's programs write one."""
import json
import struct
import zlib

BLOCK, HEAD = 32768, 7
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
HISTORY, SUMMARY, METRIC, RUN, EXIT = 2, 3, 12, 17, 18  # fields of a Record


def _chunks(data):
    assert data[:7] == b":W&B" + struct.pack("<HB", 0xBEE1, 0), data[:7]
    at = 7
    while at < len(data):
        left = BLOCK - at % BLOCK
        if left < HEAD:
            assert data[at:at + left] == bytes(left), "a block's end is not empty"
            at += left
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, at)
        payload = data[at + HEAD:at + HEAD + length]
        assert HEAD + length <= left and len(payload) == length, f"a chunk at {at} goes beyond its block"
        assert zlib.crc32(bytes([kind]) + payload) == checksum, f"a chunk at {at} has another checksum"
        yield kind, payload
        at += HEAD + length


def records(data):
    """The bytes of each record."""
    parts = None
    for kind, payload in _chunks(data):
        assert (parts is None) == (kind in (WHOLE, FIRST)), "a chunk of another record"
        parts = (parts or []) + [payload]
        if kind in (WHOLE, LAST):
            yield b"".join(parts)
            parts = None
    assert parts is None, "the last record has no end"


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(message):
    """Field number -> what it holds, in order: numbers for varints, bytes for the rest."""
    found, at = {}, 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            length, at = _varint(message, at)
            value, at = message[at:at + length], at + length
        found.setdefault(tag >> 3, []).append(value)
    return found


def _text(message, number):
    return message.get(number, [b""])[0].decode()


def _signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def _items(messages):
    items = {}
    for each in map(fields, messages):
        key = _text(each, 1)
        assert key and key not in items, f"{key!r} is there twice, or has no name"
        items[key] = json.loads(_text(each, 16))  # Python takes NaN and Infinity as they stand
    return items


class File:
    """What one says: run (texts), config, tags, rows, summary, metrics, exit_code and runtime (None: no end)."""

    def __init__(self, path):
        self.rows, self.metrics, self.exit_code, self.runtime = [], [], None, None
        kinds = []
        for number, record in enumerate(map(fields, records(path.read_bytes())), 1):
            assert record.pop(1) == [number], "records are numbered from 1"
            (kind, (body,)), = record.items()
            kinds.append(kind)
            {RUN: self._run, HISTORY: self._history, SUMMARY: self._summary, METRIC: self._metric, EXIT: self._exit}[kind](
                fields(body))
        assert kinds[0] == RUN and kinds.count(RUN) == kinds.count(SUMMARY) == 1, kinds
        assert kinds.count(EXIT) <= 1 and (EXIT not in kinds or kinds[-1] == EXIT), kinds

    def _run(self, body):
        names = {"id": 1, "entity": 2, "project": 3, "group": 6, "job_type": 7, "name": 8, "notes": 9, "sweep": 12, "host": 13}
        self.run = {name: _text(body, number) for name, number in names.items()}
        self.tags = [tag.decode() for tag in body.get(10, [])]
        self.config = _items(fields(body[4][0]).get(1, []))
        started = fields(body[17][0])
        self.started = started[1][0] + started.get(2, [0])[0] * 1e-9
        git = fields(body[21][0]) if 21 in body else {}
        self.git = (_text(git, 1), _text(git, 2))

    def _history(self, body):
        row = _items(body[1])
        assert fields(body[2][0]).get(1, [0]) == [row["_step"]]
        self.rows.append(row)

    def _summary(self, body):
        self.summary = _items(body.get(1, []))

    def _metric(self, body):
        self.metrics.append({"name": _text(body, 1), "step_metric": _text(body, 4)})

    def _exit(self, body):
        self.exit_code, self.runtime = _signed(body.get(1, [0])[0]), body.get(2, [0])[0]

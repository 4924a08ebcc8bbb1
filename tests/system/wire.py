"""The protocol spoken by hand, from PROTOCOL.md alone: enough msgpack to send what no client would."""
import os
import socket
import struct

HELLO, WELCOME, REFUSAL, OPEN, OPENED, STEP, LOG = 1, 2, 3, 4, 5, 6, 7
DROPPED, FLUSH, FINISH, SNAPSHOT, STATE, ACK, STOP, ERROR, QUERY, REPLY = 12, 13, 14, 15, 16, 17, 18, 19, 20, 21


def pack(value):
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if 0 <= value < 128:
            return bytes([value])
        return b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"\xdb" + struct.pack(">I", len(data)) + data
    if isinstance(value, bytes):
        return b"\xc6" + struct.pack(">I", len(value)) + value
    if isinstance(value, (list, tuple)):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    if isinstance(value, dict):
        return b"\xdf" + struct.pack(">I", len(value)) + b"".join(pack(k) + pack(v) for k, v in value.items())
    raise TypeError(type(value))


def unpack(data, at=0):
    """(value, where it ends)."""
    tag = data[at]
    at += 1
    fixed = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q",
             0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}
    if tag < 0x80:
        return tag, at
    if tag >= 0xe0:
        return tag - 256, at
    if tag in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[tag], at
    if tag in fixed:
        size = struct.calcsize(fixed[tag])
        return struct.unpack_from(fixed[tag], data, at)[0], at + size
    if 0x80 <= tag < 0xa0:
        kind, count = ("map" if tag < 0x90 else "list"), tag & 0x0f
    elif 0xa0 <= tag < 0xc0:
        kind, count = "text", tag & 0x1f
    else:
        kind, form = {0xc4: ("bin", ">B"), 0xc5: ("bin", ">H"), 0xc6: ("bin", ">I"), 0xd9: ("text", ">B"),
                      0xda: ("text", ">H"), 0xdb: ("text", ">I"), 0xdc: ("list", ">H"), 0xdd: ("list", ">I"),
                      0xde: ("map", ">H"), 0xdf: ("map", ">I")}[tag]
        count = struct.unpack_from(form, data, at)[0]
        at += struct.calcsize(form)
    if kind in ("text", "bin"):
        part = data[at:at + count]
        return (part.decode() if kind == "text" else bytes(part)), at + count
    items = []
    for _ in range(count * (2 if kind == "map" else 1)):
        item, at = unpack(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if kind == "map" else items), at


def frame(message, payload=b""):
    header = pack(message)
    return struct.pack("<II", len(header), len(payload)) + header + payload


class Wire:
    """One connection. Messages are lists; payloads of answers are kept in `payload`."""

    def __init__(self, path, timeout_s=30):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        self.socket.connect(str(path))
        self.payload = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *message, payload=b""):
        self.socket.sendall(frame(list(message), payload))
        return self

    def raw(self, data):
        self.socket.sendall(data)
        return self

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                return None
            data += part
        return data

    def answer(self):
        """The next message, or None when the daemon has closed."""
        try:
            prefix = self._exactly(8)
        except ConnectionResetError:
            return None
        if prefix is None:
            return None
        header_len, payload_len = struct.unpack("<II", prefix)
        header = self._exactly(header_len)
        self.payload = self._exactly(payload_len)
        return unpack(header)[0]

    def until(self, kind):
        """The next message of that type; others are passed over. None when the daemon has closed."""
        while True:
            message = self.answer()
            if message is None or message[0] == kind:
                return message

    def hello(self, role=1):
        self.send(HELLO, 1, 1, role, {"agent": "wire.py", "pid": os.getpid()})
        return self.answer()

    def open(self, run, **fields):
        """HELLO and OPEN with sane fields; returns OPENED or REFUSAL."""
        self.hello()
        what = {"stream": os.urandom(16), "run": run, "launch": "first", "first_seq": 1, "d_sae": 8,
                "scalars": ["mse_loss"], "train_batch_size": 4, **fields}
        self.send(OPEN, what)
        return self.answer()

    def step(self, seq, step, counts=(1, 2, 0, 4, 0, 0, 0, 1), n_rows=4, scalars=(0.5,), lap=0):
        return self.send(STEP, seq, lap, step, 1.7e9, 1.0, n_rows, list(scalars), 1, len(counts), 0, 0,
                         payload=bytes(counts))

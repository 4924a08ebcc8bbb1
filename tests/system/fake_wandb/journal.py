"""What a server that may be killed has to remember: each request with what became of it, written before its answer. A
request that took effect is done again when the file is read, so that the runs are as they were."""
import json
import os


class Journal:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def append(self, meta, body):
        data = json.dumps({**meta, "length": len(body)}).encode() + b"\n" + body + b"\n"
        while data:
            data = data[os.write(self.fd, data):]

    def close(self):
        os.close(self.fd)


def entries(path, mend=False):
    """(meta, body) of each; `mend` cuts off one that was not written to its end."""
    try:
        file = open(path, "r+b" if mend else "rb")
    except FileNotFoundError:
        return
    with file:
        whole = 0
        while True:
            line = file.readline()
            if not line.endswith(b"\n"):
                break
            meta = json.loads(line)
            body = file.read(meta["length"] + 1)
            if len(body) != meta["length"] + 1:
                break
            whole = file.tell()
            yield meta, body[:-1]
        if mend:
            file.truncate(whole)

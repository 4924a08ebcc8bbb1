"""Certificates for one test, made by the openssl command line in a directory of its own."""
import os
import subprocess

KINDS = ("good", "self-signed", "expired", "wrong-host")
CONFIGURATION = """
[ca]
default_ca = here
[here]
dir = .
database = index
new_certs_dir = .
serial = serial
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def _openssl(directory, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(["openssl", *arguments], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


def make(directory, kind):
    """(the CA to believe in, the server's certificate, its key): paths."""
    if kind not in KINDS:
        raise ValueError(f"{kind}: none of {KINDS}")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = "DNS:elsewhere.example" if kind == "wrong-host" else "DNS:localhost,IP:127.0.0.1"
    with open(os.path.join(directory, "openssl.cnf"), "w", encoding="utf-8") as file:
        file.write(CONFIGURATION)
    open(os.path.join(directory, "index"), "w", encoding="utf-8").close()
    with open(os.path.join(directory, "serial"), "w", encoding="utf-8") as file:
        file.write("1000\n")
    _openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
    subject = ("-subj", "/CN=fake", "-addext", f"subjectAltName={names}")
    if kind == "self-signed":
        _openssl(directory, "req", "-x509", *key, "-keyout", "server.key", "-out", "server.pem", "-days", "2", *subject)
    else:
        _openssl(directory, "req", "-new", *key, "-keyout", "server.key", "-out", "server.csr", *subject)
        dates = ("20200101000000Z", "20200201000000Z") if kind == "expired" else ("20200101000000Z", "20991231000000Z")
        _openssl(directory, "ca", "-batch", "-notext", "-config", "openssl.cnf", "-in", "server.csr", "-out", "server.pem",
                 "-startdate", dates[0], "-enddate", dates[1])
    return tuple(os.path.join(directory, name) for name in ("ca.pem", "server.pem", "server.key"))

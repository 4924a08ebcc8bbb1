"""Writes a text file as a C array of its bytes, NUL-terminated: embed.py INPUT OUTPUT NAME HEADER.

HEADER declares NAME. A string literal would be longer than the language promises to allow.
"""

import sys

source, target, name, header = sys.argv[1:]
with open(source, "rb") as f:
    data = f.read() + b"\0"

with open(target, "w", encoding="ascii") as f:
    f.write(f'#include "{header}"\n\nconst char {name}[] = {{\n')
    for i in range(0, len(data), 16):
        f.write("\t" + ", ".join(str(b) if b < 128 else f"(char){b}" for b in data[i : i + 16]) + ",\n")
    f.write("};\n")

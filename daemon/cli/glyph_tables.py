"""Writes which characters take two columns and which none, as C arrays, from the Unicode data of this Python: glyph_tables.py OUTPUT."""

import sys
import unicodedata


def ranges(belongs):
    """In order. What nobody has assigned yet goes with what is around it."""
    found, gap = [], False
    for code in range(0x110000):
        character = chr(code)
        if belongs(character):
            if found and gap:
                found[-1][1] = code
            else:
                found.append([code, code])
            gap = True
        elif unicodedata.category(character) != "Cn":
            gap = False
    return found


def takes_two(character):
    return unicodedata.east_asian_width(character) in "WF" and unicodedata.category(character) != "Cn"


def takes_none(character):
    """Marks that sit on the character before them, and the vowels and final consonants of a Korean syllable."""
    return unicodedata.category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff"


with open(sys.argv[1], "w", encoding="ascii") as f:
    f.write('#include "glyph_tables.h"\n')
    for name, belongs in (("wide", takes_two), ("combining", takes_none)):
        found = ranges(belongs)
        f.write(f"\nconst size_t glyph_n_{name} = {len(found)};\nconst struct glyph_range glyph_{name}[] = {{\n")
        f.writelines(f"\t{{0x{first:04x}, 0x{last:04x}}},\n" for first, last in found)
        f.write("};\n")

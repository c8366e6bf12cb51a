#!/usr/bin/env python3
"""Makes framework/text/tokenizers/unicode_tables.h: the characters of each class as Python's `tokenizers` sees them.

    /tmp/venv/bin/pip install tokenizers==0.23.3       # with a Python whose unicodedata is of Unicode 14, as PCRE2 10.42
    /tmp/venv/bin/python tests/tools/make_unicode_tables.py > framework/text/tokenizers/unicode_tables.h

The parts of that library know different versions of Unicode (its regular expressions 16, BertNormalizer 8, NFKC 12), and a
tokenizer must split and strip what the library did when the model was trained.  So each class is asked for, character by character.
Licence: Apache-2.0.
"""
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

CHARACTERS = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF]
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cf".split()


def ranges(characters):
    """[(first, last)] of sorted characters."""
    found = []
    for code in map(ord, characters):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def print_rows(rows):
    line = " "
    for row in rows:
        if len(line) + len(row) > 119:
            print(line)
            line = " "
        line += " " + row
    print(line)
    print("};")


def print_table(name, comment, characters):
    print(f"\n// {comment}\ninline constexpr CodeRange {name}[] = {{")
    print_rows(f"{{0x{first:X}, 0x{last:X}}}," for first, last in ranges(characters))


def print_new_categories():
    new = [c for c in CHARACTERS if unicodedata.category(c) == "Cn"]
    rows = []
    for category in CATEGORIES:
        split = pre_tokenizers.Split(Regex(rf"\p{{{category}}}"), "removed")
        rows += [(first, last, category) for first, last in ranges(c for c in new if not split.pre_tokenize_str(c))]
    print("\n// What regular expressions know beyond Unicode 14, by first character.")
    print("inline constexpr CategoryRange kNewCategories[] = {")
    print_rows(f'{{0x{first:X}, 0x{last:X}, "{category}"}},' for first, last, category in sorted(rows))


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"unicodedata is of Unicode {unicodedata.unidata_version}; 14.0.0 is needed")
    print("// Made by tests/tools/make_unicode_tables.py with tokenizers", tokenizers.__version__ + "; do not edit.  Licence: Apache-2.0.")
    print("// clang-format off\n#pragma once\n\nnamespace specula {\n")
    print("struct CodeRange {\n  char32_t first, last;\n};\nstruct CategoryRange {\n  char32_t first, last;\n  const char* category;\n};")
    print("struct CodePair {\n  char32_t from, to;\n};")
    print_new_categories()

    gone = lambda normalizer: [c for c in CHARACTERS if normalizer.normalize_str(c) == ""]
    bert = lambda **on: normalizers.BertNormalizer(**{**dict(clean_text=False, handle_chinese_chars=False, strip_accents=False,
                                                           lowercase=False), **on})
    kept = lambda pre, c: [piece for piece, _ in pre.pre_tokenize_str("a" + c)]
    punctuation, digits, whitespace = pre_tokenizers.Punctuation("removed"), pre_tokenizers.Digits(True), pre_tokenizers.Whitespace()
    print_table("kPunctuation", "BertPreTokenizer, Punctuation", [c for c in CHARACTERS if not punctuation.pre_tokenize_str(c)])
    print_table("kNumeric", "Digits", [c for c in CHARACTERS if len(kept(digits, c)) == 2])
    print_table("kWord", "\\w of Whitespace and of single words", [c for c in CHARACTERS if kept(whitespace, c) == ["a" + c]])
    print_table("kNonspacing", "what BertNormalizer strips of accents", gone(bert(strip_accents=True)))
    print_table("kCombining", "what StripAccents strips", gone(normalizers.StripAccents()))
    print_table("kCleaned", "what BertNormalizer cleans away", gone(bert(clean_text=True)))

    # Compositions agree with any later version, being stable; decompositions that came later were not known yet.
    nfkd = normalizers.NFKD()
    late = [c for c in CHARACTERS if unicodedata.decomposition(c) and nfkd.normalize_str(c) == c]
    late += [c for c in "".join(map(chr, range(0x1E030, 0x1E06E))) if c not in late and nfkd.normalize_str(c) == c]
    print_table("kUndecomposed", "characters whose decomposition the library does not know; up to Unicode 15", sorted(set(late)))

    lower = normalizers.Lowercase()
    print("\n// Lower case where the library knows one and Unicode 14 does not.\ninline constexpr CodePair kNewLower[] = {")
    print_rows(f"{{0x{ord(c):X}, 0x{ord(low):X}}}," for c in CHARACTERS
               for low in [lower.normalize_str(c)] if len(low) == 1 and low != c and low != c.lower())
    print("\n}  // namespace specula")


main()

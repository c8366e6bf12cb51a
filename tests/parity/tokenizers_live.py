#!/usr/bin/env python3
"""Compares `specula tokenize` with Python's `tokenizers` and `sentencepiece` on tokenizers that are trained on the spot.

    /tmp/venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    /tmp/venv/bin/python tests/parity/tokenizers_live.py --specula build/release/specula --train TEXT [TEXT...]

For every family of tests/tools/tokenizer_families.py it prints how many of the lines have the same ids with what the folder adds
(`with`), without (`without`), with control tokens that are spelled out in the text (`written`), how many of these decode to the same
text, and how many lists of random ids do.  Exit status 1 unless all do.  Licence: Apache-2.0.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import sentencepiece
from tokenizers import Tokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from tokenizer_families import FAMILIES, SENTENCEPIECE, frame, nasty_texts, random_ids, train_sentencepiece, without_control, write  # noqa: E402

FULL_RULES = ("t5", "xlm_r", "albert")  # with SentencePiece's own compiled normalization instead of a small one
FLAGS = {"with": [], "without": ["--no-special"], "written": ["--written"]}


def specula(program, folder, file, flags):
    done = subprocess.run([program, "tokenize", "--model", str(folder), "--file", str(file), *flags], capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{folder.name}: {done.stderr.decode()}")
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


def library_of(folder, lines, name, size):
    """How the Python library encodes (by kind) and decodes with what is written to `folder`, and its number of ids."""
    if name in SENTENCEPIECE:
        folder.mkdir()
        (folder / "tokenizer.model").write_bytes(train_sentencepiece(lines, size, **SENTENCEPIECE[name]))
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        encoders = {"without": processor.encode, "with": lambda text: [processor.bos_id()] + processor.encode(text)}
        return encoders, processor.decode, processor.get_piece_size()
    build = FAMILIES[name](lines, size, small_rules=False) if name in FULL_RULES else FAMILIES[name](lines, size)
    tokenizer = write(folder, build)
    before, after = frame(tokenizer)
    decode = lambda ids: tokenizer.decode(ids, skip_special_tokens=True)
    encoders = {"written": lambda text: tokenizer.encode(text, add_special_tokens=False).ids}
    control = without_control(Tokenizer.from_str(tokenizer.to_str()))
    encoders["without"] = lambda text: control.encode(text, add_special_tokens=False).ids
    encoders["with"] = lambda text: before + encoders["without"](text) + after
    return encoders, decode, tokenizer.get_vocab_size()


def around(own, theirs):
    """Both where they part."""
    at = next((i for i, (a, b) in enumerate(zip(own, theirs)) if a != b), min(len(own), len(theirs)))
    return [f"from {at}: {side[at:at + 8]!r}" for side in (own, theirs)]


def compare(program, folder, library, texts, args):
    """Cells of the table, and the first differences."""
    encoders, decode, vocab = library
    cells, differences = {}, []

    def note(kind, given, own, theirs):
        wrong = [i for i in range(len(theirs)) if own[i] != theirs[i]] if len(own) == len(theirs) else range(len(theirs))
        cells[kind] = f"{len(theirs) - len(wrong)}/{len(theirs)}"
        differences.extend((kind, given[i], *around(own[i], theirs[i])) for i in list(wrong)[:args.show])

    expected = {}
    for kind, encode in encoders.items():
        expected[kind] = [encode(text) for text in texts]
        note(kind, texts, specula(program, folder, folder.parent / "texts.jsonl", FLAGS[kind]), expected[kind])
    encoded = expected.get("written", expected["without"])
    for kind, lists in (("decoded", encoded), ("random", random_ids(args.random, vocab))):
        (folder / "ids").write_text("".join(json.dumps(ids) + "\n" for ids in lists))
        note(kind, lists, specula(program, folder, folder / "ids", ["--decode"]), [decode(ids) for ids in lists])
    return cells, differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specula", default="build/release/specula")
    parser.add_argument("--train", nargs="+", required=True, help="plain text or JSONL files, which are read as text")
    parser.add_argument("--size", type=int, default=4000, help="of each vocabulary")
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--random", type=int, default=500, help="lists of random ids")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--families", nargs="*", default=[*FAMILIES, *SENTENCEPIECE])
    parser.add_argument("--show", type=int, default=3, help="differences to print for each kind")
    args = parser.parse_args()

    trained_on = [pathlib.Path(path).read_text(encoding="utf-8") for path in args.train]
    lines = [line for text in trained_on for line in text.split("\n")]
    texts = nasty_texts(args.lines, trained_on, args.seed)
    kinds = ["with", "without", "written", "decoded", "random"]
    print(f"{'family':14}" + "".join(f"{kind:>12}" for kind in kinds))
    failed = False
    with tempfile.TemporaryDirectory() as root:
        (pathlib.Path(root) / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
        for name in args.families:
            folder = pathlib.Path(root) / name
            cells, differences = compare(args.specula, folder, library_of(folder, lines, name, args.size), texts, args)
            print(f"{name:14}" + "".join(f"{cells.get(kind, '-'):>12}" for kind in kinds), flush=True)
            for kind, given, own, theirs in differences:
                print(f"    {kind}: {str(given)[:200]!r}\n      specula {own}\n      library {theirs}")
            failed = failed or bool(differences)
    sys.exit(1 if failed else 0)


main()

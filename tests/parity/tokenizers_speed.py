#!/usr/bin/env python3
"""Times `specula bench tokenize` and Python's `tokenizers` in turns on the same documents, one thread each.

    /tmp/venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    /tmp/venv/bin/python tests/parity/tokenizers_speed.py --specula build/release/specula --folder /tmp/speed --text TEXT [TEXT...]

Trains vocabularies of a realistic size on the texts once, into --folder, and repeats the texts to --megabytes.  A turn of either side
encodes every document; the ratio is that of the medians.  Licence: Apache-2.0.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from tokenizer_families import FAMILIES, write  # noqa: E402

DOCUMENT = 2000


def documents_of(data):
    """As `specula bench tokenize` cuts them: behind the last line that fits, and there is always one."""
    documents, begin = [], 0
    while begin < len(data):
        end = data.rfind(b"\n", begin, begin + DOCUMENT) + 1 or min(begin + DOCUMENT, len(data))
        documents.append(data[begin:end].decode("utf-8", "replace"))
        begin = end
    return documents


def seconds_of_library(tokenizer, documents):
    start = time.perf_counter()
    for document in documents:
        tokenizer.encode(document)
    return time.perf_counter() - start


def specula_mb_s(program, folder, text):
    done = subprocess.run([program, "bench", "tokenize", "--model", str(folder), "--text", str(text), "--document", str(DOCUMENT),
                           "--repeats", "1"], capture_output=True, check=True)
    return json.loads(done.stdout)["rows"][0]["encode_mb_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specula", default="build/release/specula")
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--text", nargs="+", type=pathlib.Path, required=True)
    parser.add_argument("--families", nargs="*", default=["gpt2", "llama3", "llama2", "mistral", "t5", "bert"])
    parser.add_argument("--size", type=int, default=32000)
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()

    args.folder.mkdir(parents=True, exist_ok=True)
    whole = b"\n".join(path.read_bytes() for path in args.text)
    size = int(args.megabytes * 1e6)
    text = args.folder / "text"
    text.write_bytes((whole * (size // len(whole) + 1))[:size])
    documents = documents_of(text.read_bytes())
    print(f"{'family':10}{'specula MB/s':>14}{'library MB/s':>14}{'ratio':>8}")
    for name in args.families:
        folder = args.folder / name
        if not (folder / "tokenizer.json").exists():
            os.environ["TOKENIZERS_PARALLELISM"] = "true"
            write(folder, FAMILIES[name](whole.decode("utf-8").split("\n"), args.size))
            os.environ["TOKENIZERS_PARALLELISM"] = "false"
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        seconds_of_library(tokenizer, documents[:200])
        own, theirs = [], []
        for _ in range(args.turns):
            own.append(specula_mb_s(args.specula, folder, text))
            theirs.append(size * 1e-6 / seconds_of_library(tokenizer, documents))
        own, theirs = statistics.median(own), statistics.median(theirs)
        print(f"{name:10}{own:14.2f}{theirs:14.2f}{own / theirs:8.2f}", flush=True)


main()

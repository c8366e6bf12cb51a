#!/usr/bin/env python3
"""Makes tests/unit/fixtures/tokenizers: small tokenizers of every family and what Python's libraries make of texts with them.

    /tmp/venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    /tmp/venv/bin/python tests/tools/make_tokenizer_fixtures.py tests/unit/fixtures/tokenizers TEXT...

TEXT: plain text files to train on; a few hundred kB of English will do.  texts.json holds the texts, each folder a tokenizer and
expected.json: for each text the ids without what is added, control tokens not being read ("without"), for the first ones the ids with
it ("with"), the ids with control tokens ("written"), and "decoded", the text of the last; "ids" and "texts" are random ids and their
texts.  Licence: Apache-2.0.
"""
import json
import pathlib
import sys

import sentencepiece
import tokenizers
from tokenizer_families import FAMILIES, SENTENCEPIECE, frame, nasty_texts, random_ids, train_sentencepiece, without_control, write


def dump(path, value):
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n", encoding="utf-8")


def expected_of(tokenizer, texts):
    decode = lambda lists: [tokenizer.decode(ids, skip_special_tokens=True) for ids in lists]
    written = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    drawn = random_ids(30, tokenizer.get_vocab_size())
    before, after = frame(tokenizer)
    expected = {"written": written, "decoded": decode(written), "ids": drawn, "texts": decode(drawn)}
    control = without_control(tokenizer)
    without = [control.encode(text, add_special_tokens=False).ids for text in texts]
    return {**expected, "with": [before + ids + after for ids in without[:20]], "without": without}


def expected_of_sentencepiece(processor, texts):
    without = [processor.encode(text) for text in texts]
    drawn = random_ids(30, processor.get_piece_size())
    return {"without": without, "with": [[processor.bos_id()] + ids for ids in without[:20]], "decoded": [processor.decode(ids) for ids in without],
            "ids": drawn, "texts": [processor.decode(ids) for ids in drawn]}


def main():
    root = pathlib.Path(sys.argv[1])
    trained_on = [pathlib.Path(path).read_text(encoding="utf-8")[:400_000] for path in sys.argv[2:]]
    lines = [line for text in trained_on for line in text.split("\n")]
    # No line of the texts gets into the fixtures: they are made of words that stand here.
    texts = nasty_texts(130, ["The quick brown foxes aren't jumping over 12 lazy dogs, are they?\nShe said: it'll be 3.50 tomorrow!"], longest=60)
    root.mkdir(parents=True, exist_ok=True)
    dump(root / "texts.json", texts)
    for name, build in FAMILIES.items():
        dump(root / name / "expected.json", expected_of(write(root / name, build(lines, 500)), texts))
    for name, options in SENTENCEPIECE.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.model").write_bytes(train_sentencepiece(lines, 600, **options))
        dump(folder / "expected.json",
             expected_of_sentencepiece(sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")), texts))
    (root / "versions.txt").write_text(f"tokenizers {tokenizers.__version__}\nsentencepiece {sentencepiece.__version__}\n")


main()

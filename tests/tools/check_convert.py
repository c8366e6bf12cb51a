#!/usr/bin/env python3
"""Converts the fixtures of make_convert_fixtures.py with the program and loads what comes out with the libraries of Hugging Face.

    /tmp/venv/bin/python tests/tools/check_convert.py build/release/specula tests/model/fixtures/convert

Logits must be those of the original, ids those of the original tokenizer.  Needs torch, transformers, safetensors, tokenizers and
sentencepiece; the tests themselves compare with numbers that are written down.  Licence: Apache-2.0.
"""
import json
import os
import subprocess
import sys
import tempfile

import sentencepiece
import tokenizers
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

KINDS = {"mix": "gguf", "pieces": "gguf", "bytes": "gguf", "legacy": "llama2c", "version1": "llama2c", "version2": "llama2c"}


def check_logits(folder, expected):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(expected["ids"][None]).logits[0]
    difference = float((logits - expected["logits"]).abs().max() / (expected["logits"].max() - expected["logits"].min()))
    assert difference < 1e-5, (folder, difference)
    return type(model).__name__, difference


def check_texts(folder, texts):
    if os.path.exists(f"{folder}/tokenizer.json"):
        tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
        encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    else:
        encode = sentencepiece.SentencePieceProcessor(f"{folder}/tokenizer.model").encode
    for text in texts:
        assert encode(text["text"]) == text["ids"], (folder, text)
    return type(AutoTokenizer.from_pretrained(folder)).__name__


def main():
    program, fixtures = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as scratch:
        for name, kind in KINDS.items():
            folder, source = f"{scratch}/{name}", f"{fixtures}/{name}.{'gguf' if kind == 'gguf' else 'bin'}"
            flags = ["--tokenizer", f"{fixtures}/tokenizer.bin"] if name == "version1" else []
            subprocess.run([program, "convert", kind, source, folder, *flags], check=True)
            seen = [*check_logits(folder, load_file(f"{fixtures}/{name}.expected.safetensors"))]
            if os.path.exists(f"{fixtures}/{name}.texts.json"):
                with open(f"{fixtures}/{name}.texts.json", encoding="utf-8") as file:
                    seen.append(check_texts(folder, json.load(file)))
            print(name, *seen)


if __name__ == "__main__":
    main()

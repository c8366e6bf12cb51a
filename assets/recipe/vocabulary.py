#!/usr/bin/env python3
"""The vocabulary of the demo family: a SentencePiece BPE model of 4096 pieces (pip install sentencepiece).

    vocabulary.py TEXTS.jsonl FOLDER
"""
import json
import os
import sys
import tempfile

import sentencepiece


def main():
    texts, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as plain:
        with open(texts, encoding="utf-8") as file:
            for line in file:
                plain.write(json.loads(line)["text"] + "\n")
        plain.flush()
        sentencepiece.SentencePieceTrainer.train(
            input=plain.name, model_prefix=os.path.join(folder, "tokenizer"), model_type="bpe", vocab_size=4096,
            byte_fallback=True, split_digits=True, character_coverage=0.9995, normalization_rule_name="identity",
            remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, user_defined_symbols=["\n"], pad_id=-1,
            minloglevel=2)
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>"}, file)


if __name__ == "__main__":
    main()

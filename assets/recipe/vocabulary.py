#!/usr/bin/env python3
"""The vocabulary of the demo family: a SentencePiece BPE model of 4096 pieces (pip install sentencepiece).

    vocabulary.py TEXTS.jsonl FOLDER

It does not see the last documents of each source (HELD_OUT), so that what is measured on them is not flattered.
"""
import json
import os
import sys

import sentencepiece

HELD_OUT = {"story": 40, "math": 60, "code": 40, "wiki": 40}


def main():
    texts, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    sources = {source: [] for source in HELD_OUT}
    with open(texts, encoding="utf-8") as file:
        for document in sorted(map(json.loads, file), key=lambda document: document["number"]):
            sources[document["source"]].append(document["text"])
    os.chdir(folder)  # the model file keeps the names that it was trained with
    with open("train.txt", "w", encoding="utf-8") as plain:
        plain.write("\n".join(text for source, count in HELD_OUT.items() for text in sources[source][:-count]))
    sentencepiece.SentencePieceTrainer.train(
        input="train.txt", model_prefix="tokenizer", model_type="bpe", vocab_size=4096, byte_fallback=True, split_digits=True,
        character_coverage=0.9995, normalization_rule_name="identity", remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True, user_defined_symbols=["\n"], pad_id=-1, minloglevel=2)
    os.remove("train.txt")
    os.remove("tokenizer.vocab")
    with open("tokenizer_config.json", "w", encoding="utf-8") as file:
        json.dump({"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>",
                   "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": 1024}, file)
        file.write("\n")


if __name__ == "__main__":
    main()

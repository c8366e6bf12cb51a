#!/usr/bin/env python3
"""The texts that the demo family is trained on, as JSONL with the key "text", one document a line.

    texts.py DATA OUT.jsonl

DATA/text holds tinystories_944k.txt (TinyStories), gsm8k_train.jsonl (GSM8K) and wikitext2_valid.txt (WikiText-2),
DATA/prompts holds mbpp.jsonl (MBPP).  assets/README.md names their licences.
"""
import json
import random
import re
import sys

WIKI = ((" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."), (" ,", ","), (" .", "."), (" ;", ";"), (" :", ":"), ("( ", "("),
        (" )", ")"), (" 's", "'s"), (" n't", "n't"))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main():
    data, out = sys.argv[1:]
    raw = read(f"{data}/text/tinystories_944k.txt")
    texts = [s.strip() for s in re.split(r"<\|endoftext\|>|\x00", raw) if len(s.strip()) > 50]
    if len(texts) < 100:
        texts = [s.strip() for s in raw.split("\n\n") if len(s.strip()) > 50]
    for line in read(f"{data}/text/gsm8k_train.jsonl").splitlines():
        item = json.loads(line)
        texts.append(f"Question: {item['question']}\nAnswer: {re.sub(r'<<.*?>>', '', item['answer'])}")
    for line in read(f"{data}/prompts/mbpp.jsonl").splitlines():
        item = json.loads(line)
        texts.append(f"# {item['text']}\n{item['code']}".replace("\r", ""))
    wiki = read(f"{data}/text/wikitext2_valid.txt")
    for spelled, plain in WIKI:
        wiki = wiki.replace(spelled, plain)
    texts += [p.strip() for p in wiki.split("\n") if len(p) > 200 and "<unk>" not in p]
    random.Random(0).shuffle(texts)
    with open(out, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}) + "\n")
    print(f"{out}: {len(texts)} documents")


if __name__ == "__main__":
    main()

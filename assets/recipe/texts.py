#!/usr/bin/env python3
"""The texts that the demo family is trained on, as JSONL with the keys "source", "number" (in its source, from 0) and "text", one
document a line, in an order that mixes the sources.

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
    stories = [s.strip() for s in re.split(r"<\|endoftext\|>|\x00", raw) if len(s.strip()) > 50]
    if len(stories) < 100:
        stories = [s.strip() for s in raw.split("\n\n") if len(s.strip()) > 50]
    math = []
    for line in read(f"{data}/text/gsm8k_train.jsonl").splitlines():
        item = json.loads(line)
        math.append(f"Question: {item['question']}\nAnswer: {re.sub(r'<<.*?>>', '', item['answer'])}")
    code = []
    for line in read(f"{data}/prompts/mbpp.jsonl").splitlines():
        item = json.loads(line)
        code.append(f"# {item['text']}\n{item['code']}".replace("\r", ""))
    wiki = read(f"{data}/text/wikitext2_valid.txt")
    for spelled, plain in WIKI:
        wiki = wiki.replace(spelled, plain)
    wiki = [p.strip() for p in wiki.split("\n") if len(p) > 200 and "<unk>" not in p]
    sources = {"story": stories, "math": math, "code": code, "wiki": wiki}
    documents = [{"source": source, "number": number, "text": text}
                 for source, texts in sources.items() for number, text in enumerate(texts)]
    random.Random(0).shuffle(documents)
    with open(out, "w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps(document) + "\n")
    print(f"{out}: {len(documents)} documents")


if __name__ == "__main__":
    main()

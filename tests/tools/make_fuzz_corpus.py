#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets, tests/fuzz/corpus: small files that are right, of every shape a reader knows.

    python3 tests/tools/make_fuzz_corpus.py tests/fuzz/corpus

Needs nothing beyond Python but sentencepiece (a tokenizer.model of a few pieces).  Licence: Apache-2.0.
"""
import io
import json
import os
import shutil
import struct
import sys

import sentencepiece


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(values, tensors, version=3):
    """values: {key: (type, packed)}; tensors: [(name, sizes innermost first, format, data)]."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    for key, (kind, packed) in values.items():
        head += text(key) + struct.pack("<I", kind) + packed
    offset, data = 0, b""
    for name, sizes, kind, content in tensors:
        head += text(name) + struct.pack("<I", len(sizes)) + b"".join(struct.pack("<Q", s) for s in sizes)
        head += struct.pack("<IQ", kind, offset)
        data += content + b"\0" * (-len(content) % 32)
        offset = len(data)
    return head + b"\0" * (-len(head) % 32) + data


def u32(value):
    return 4, struct.pack("<I", value)


def f32(value):
    return 6, struct.pack("<f", value)


def word(value):
    return 8, text(value)


def words(values):
    return 9, struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values))


def array(kind, letter, values):
    return 9, struct.pack("<IQ", kind, len(values)) + struct.pack(f"<{len(values)}{letter}", *values)


def llama(architecture, extra):
    names = {"token_embd": (4, 6), "output_norm": (4,), "output": (4, 6), "blk.0.attn_norm": (4,), "blk.0.ffn_norm": (4,),
             "blk.0.ffn_gate": (4, 8), "blk.0.ffn_up": (4, 8), "blk.0.ffn_down": (8, 4)}
    names |= {f"blk.0.attn_{part}": (4, 4) for part in ("q", "k", "v", "output")}
    biases = {f"blk.0.attn_{part}.bias": (4,) for part in "qkv"} if architecture == "qwen2" else {}
    tensors = []
    for name, sizes in ({f"{n}.weight": s for n, s in names.items()} | biases).items():
        count = sizes[0] * (sizes[1] if len(sizes) > 1 else 1)
        tensors.append((name, sizes, 0, struct.pack(f"<{count}f", *[0.5] * count)))
    values = {"general.architecture": word(architecture), f"{architecture}.embedding_length": u32(4),
              f"{architecture}.block_count": u32(1), f"{architecture}.feed_forward_length": u32(8),
              f"{architecture}.attention.head_count": u32(2), f"{architecture}.attention.layer_norm_rms_epsilon": f32(1e-5)} | extra
    return gguf(values, tensors)


def gguf_seeds():
    kinds = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
             12: (256, 144), 13: (256, 176), 14: (256, 210), 30: (1, 2)}
    formats = [(f"f{kind}", (block,), kind, bytes(range(256))[:size]) for kind, (block, size) in kinds.items()]
    every = {"u8": (0, b"\1"), "i8": (1, b"\1"), "u16": (2, b"\1\0"), "i16": (3, b"\1\0"), "u32": u32(7), "i32": (5, struct.pack("<i", -1)),
             "f32": f32(1), "bool": (7, b"\1"), "text": word("x"), "nested": (9, struct.pack("<IQ", 9, 1) + struct.pack("<IQI", 4, 1, 5)),
             "u64": (10, struct.pack("<Q", 2**64 - 1)), "i64": (11, struct.pack("<q", -1)), "f64": (12, struct.pack("<d", 2)),
             "flags": array(7, "B", [0, 1]), "general.alignment": u32(64)}
    pieces = {"tokenizer.ggml.model": word("llama"), "tokenizer.ggml.tokens": words(["<unk>", "<s>", "</s>", "a", "b", "<|x|>"]),
              "tokenizer.ggml.token_type": array(5, "i", [2, 3, 3, 1, 1, 4]), "tokenizer.ggml.scores": array(6, "f", [0, 0, 0, -1, -2, 0]),
              "tokenizer.ggml.bos_token_id": u32(1), "tokenizer.ggml.eos_token_id": u32(2), "tokenizer.chat_template": word("{{ x }}"),
              "llama.rope.scaling.type": word("linear"), "llama.rope.scaling.factor": f32(2), "llama.attention.head_count_kv": array(5, "i", [2])}
    merges = {"tokenizer.ggml.model": word("gpt2"), "tokenizer.ggml.pre": word("qwen2"), "tokenizer.ggml.tokens": words(["a", "b", "ab", "<|x|>", "p"]),
              "tokenizer.ggml.token_type": array(5, "i", [1, 1, 1, 3, 5]), "tokenizer.ggml.merges": words(["a b"]),
              "tokenizer.ggml.eos_token_id": u32(3)}
    return {"formats": gguf({}, formats), "values": gguf(every, [], 2), "llama": llama("llama", pieces), "qwen2": llama("qwen2", merges)}


def llama2c_seeds():
    def floats(count):
        return struct.pack(f"<{count}f", *[0.25] * count)

    def sizes(vocab):
        return struct.pack("<7i", 4, 8, 1, 2, 1, vocab, 3)

    layer = 4 * 4 + 4 * 2 + 4 * 2 + 4 * 4 + 3 * 4 * 8
    legacy = sizes(-5) + floats(5 * 4 + 3 * 4 + layer + 2 * 3 + 5 * 4)
    first = (struct.pack("<Ii", 0x616B3432, 1) + sizes(5) + b"\1").ljust(256, b"\0") + floats(3 * 4 + 5 * 4 + layer)
    quantized = b"".join(b"\2" * count + floats(count // 2) for count in (20, 16, 8, 8, 16, 32, 32, 32))
    second = (struct.pack("<Ii", 0x616B3432, 2) + sizes(5) + struct.pack("<Bi", 1, 2)).ljust(256, b"\0") + floats(12) + quantized
    vocabulary = struct.pack("<I", 5)
    for piece in ("<unk>", "\n<s>\n", "\n</s>\n", "a", " b"):
        vocabulary += struct.pack("<fi", -1, len(piece)) + piece.encode()
    return {"legacy": legacy, "version1": first, "version2": second, "tokenizer": vocabulary}


def safetensors_seeds():
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                         "b": {"dtype": "BF16", "shape": [1, 3], "data_offsets": [8, 14]}}).encode()
    return {"two": struct.pack("<Q", len(header)) + header + b"x" * 14}


def model_config_seeds():
    base = {"architectures": ["LlamaForCausalLM"], "vocab_size": 61, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
    llama3 = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
              "original_max_position_embeddings": 16}
    yarn = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    configs = {"llama3": base | {"rope_parameters": llama3}, "older": base | {"rope_theta": 1e4, "rope_scaling": {"type": "linear", "factor": 2}},
               "qwen2": base | {"architectures": ["Qwen2ForCausalLM"], "rope_scaling": yarn, "tie_word_embeddings": True},
               "gemma2": base | {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "head_dim": 16, "sliding_window": 32,
                                 "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "query_pre_attn_scalar": 16,
                                 "hidden_activation": "gelu_pytorch_tanh"},
               "mixtral": base | {"architectures": ["MixtralForCausalLM"], "num_local_experts": 4, "num_experts_per_tok": 2},
               "phi3": base | {"architectures": ["Phi3ForCausalLM"], "partial_rotary_factor": 0.5},
               "gpt2": {"architectures": ["GPT2LMHeadModel"], "vocab_size": 61, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64,
                        "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}}
    return {name: json.dumps(config).encode() for name, config in configs.items()}


def tokenizer_seeds():
    stream = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["once upon a time there was a time"] * 20), model_writer=stream,
                                             vocab_size=24, model_type="bpe", user_defined_symbols=["<sep>"],
                                             normalization_rule_name="identity", minloglevel=2)
    return {"small": stream.getvalue()}


def tokenizer_json_seeds():
    def whole(model, **parts):
        fields = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
                  "post_processor": None, "decoder": None, "model": model}
        return json.dumps(fields | parts).encode()

    def added(token, index):
        return {"id": index, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}

    letters = [chr(c) for c in range(33, 127)] + ["\u0120", "on", "\u0120u", "ce"]
    vocab = {letter: i for i, letter in enumerate(letters)}
    bpe = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
           "byte_fallback": False, "ignore_merges": True, "vocab": vocab, "merges": [["o", "n"], ["\u0120", "u"], ["c", "e"]]}
    split = {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated",
             "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    begin = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [98], "tokens": ["<s>"]}}}
    bytes_level = whole(bpe, added_tokens=[added("<s>", 98)], normalizer={"type": "NFC"}, post_processor=begin, decoder=level,
                        pre_tokenizer={"type": "Sequence", "pretokenizers": [split, level]})
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581", "o", "n", "on"]
    llama = whole(bpe | {"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True, "ignore_merges": False,
                         "vocab": {piece: i for i, piece in enumerate(pieces)}, "merges": ["o n"]},
                  added_tokens=[added("<unk>", 0), added("<s>", 1), added("</s>", 2)],
                  normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                                                                  {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
                  decoder={"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                                                            {"type": "ByteFallback"}, {"type": "Fuse"},
                                                            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})
    space = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    unigram = whole({"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": [["<unk>", 0], ["\u2581", -1], ["on", -2.5], ["ce", -3]]},
                    pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space]}, decoder=space)
    bert = whole({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {"[UNK]": 0, "on": 1, "##ce": 2}},
                 normalizer={"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
                 pre_tokenizer={"type": "BertPreTokenizer"}, decoder={"type": "WordPiece", "prefix": "##", "cleanup": True})
    return {"byte_level": bytes_level, "llama": llama, "unigram": unigram, "bert": bert}


def tokenizer_config_seeds():
    config = {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": {"content": "</s>"}, "eos_token_id": [2, 7],
              "chat_template": [{"name": "default", "template": "{{ x }}"}],
              "added_tokens_decoder": {"5": {"content": "<pad>", "special": True}}}
    return {"config": json.dumps(config).encode(), "added": b'{"<pad>": 5, "<x>": 6}', "stops": b'{"eos_token_id": 2, "chat_template": "x"}'}


def prompts_seeds():
    return {"plain": b'{"prompt": "a", "id": "x", "category": "c", "group": "g"}\n{"prompt": "b"}\n',
            "bench": b'{"question_id": 1, "category": "math", "turns": ["a", "b"]}\n\n{"question_id": 2, "turns": ["c"]}\n'}


def chat_template_seeds():
    chatml = ("{%- for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message['content'] | trim + '<|im_end|>' }}"
              "{% if not loop.last %}\n{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
    llama2 = ("{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}"
              "{% set rest = messages %}{% endif %}{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
              "{{ raise_exception('turns') }}{% endif %}{% if loop.first and system is defined %}{{ bos_token ~ system.strip() }}{% elif m.content "
              "is string or 'a' in m.content %}{{ m.content }}{% endif %}{% endfor %}")
    return {"chatml": chatml.encode(), "llama2": llama2.encode()}


def toml_seeds():
    table = b'[sampler]\ntemperature = 0.7\n[[arm]]\nname = "x"\ndrafter = { name = "none", length = 4 }\nlist = [1, 2.5, true, "a"]\n'
    return {"table": table, "calls": b"fallback(drafters=[echo(2), none]),top_p(0.9)", "value": b'{ name = "none", list = [1, "a"] }'}


def main():
    root = sys.argv[1]
    shutil.rmtree(root, ignore_errors=True)
    seeds = {"gguf": gguf_seeds(), "llama2c": llama2c_seeds(), "safetensors": safetensors_seeds(), "model_config": model_config_seeds(),
             "tokenizer_model": tokenizer_seeds(), "tokenizer_json": tokenizer_json_seeds(),
             "tokenizer_config": tokenizer_config_seeds(), "prompts": prompts_seeds(),
             "chat_template": chat_template_seeds(), "toml": toml_seeds()}
    for target, files in seeds.items():
        os.makedirs(f"{root}/{target}")
        for name, content in files.items():
            with open(f"{root}/{target}/{name}", "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()

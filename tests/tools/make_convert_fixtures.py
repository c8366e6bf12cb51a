#!/usr/bin/env python3
"""Makes tests/model/fixtures/convert: tiny files of llama.cpp and llama2.c, and what must come of them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers safetensors sentencepiece tokenizers gguf
    /tmp/venv/bin/python tests/tools/make_convert_fixtures.py tests/model/fixtures/convert

formats.gguf holds a tensor of random blocks of each number format, and beside it what the gguf package decodes (F32).  For each
model, NAME.expected.safetensors holds ids [T] int64 and logits [T,V] float32 that transformers computes from the same weights, and
where it has a tokenizer, NAME.texts.json texts with the ids that the tokenizer's own library gives.  Licence: Apache-2.0.
"""
import io
import json
import os
import shutil
import struct
import sys

import gguf
import numpy as np
import sentencepiece
import tokenizers
import torch
from gguf.quants import dequantize
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

Type = gguf.GGMLQuantizationType
TEXTS = ["Once upon a time", "Two  spaces, a tab\tand\nlines\n\n", "na\u00efve \u65e5\u672c \U0001f600!", "don't 12345 + 6.7", " leading", "x"]
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
FORMATS = [Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q2_K, Type.Q3_K, Type.Q4_K,
           Type.Q5_K, Type.Q6_K]
# Where the 16-bit scales of a block lie.
SCALES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82], Type.Q3_K: [108],
          Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}


def random_blocks(rng, rows, columns, kind, spread):
    """[rows, bytes of a row] of any bits, but for scales of about `spread`."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (rows * columns // block, size), dtype=np.uint8)
    for at in SCALES[kind]:
        scale = (spread * rng.standard_normal(len(data))).astype(np.float16)
        data[:, at:at + 2] = scale.view(np.uint8).reshape(-1, 2)
    return data.reshape(rows, columns // block * size)


def make_formats(path):
    rng = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "none")
    for kind in FORMATS:
        if kind in SCALES:
            data = random_blocks(rng, 2, 256, kind, 0.1)
            data[0, SCALES[kind][0]:SCALES[kind][0] + 2] = [3, 128]  # a negative subnormal scale
        else:
            data = rng.standard_normal((2, 256)).astype(np.float32)
            if kind == Type.F16:
                data = data.astype(np.float16)
            elif kind == Type.BF16:
                data = gguf.quants.quantize(data, Type.BF16)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        writer.add_tensor(kind.name + ".float", np.ascontiguousarray(dequantize(data, kind).astype(np.float32)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def to_neighbours(weight, heads):
    """Rows in the order in which neighbours are rotated, from the order of halves."""
    return weight.reshape(heads, 2, -1, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def gguf_name(name):
    parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm"}
    if not name.startswith("model.layers."):
        return name.replace("model.embed_tokens", "token_embd").replace("model.norm", "output_norm").replace("lm_head", "output")
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{parts[part]}.{kind}"


def random_weights(model, rng, formats):
    """Sets the weights of `model` to what `formats(name)` can hold; returns the bytes that a GGUF file holds of them."""
    stored = {}
    architecture = model.config.model_type
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            shape, kind = tuple(parameter.shape), formats(name)
            if kind in SCALES:
                data = random_blocks(rng, shape[0], shape[1], kind, 0.004 if kind.name.endswith("K") else 0.02)
                values = dequantize(data, kind)
            else:
                values = rng.standard_normal(shape).astype(np.float32) * (0.2 if len(shape) > 1 else 0.1) + ("norm" in name)
                data = gguf.quants.quantize(values, kind)
                values = dequantize(data, kind).astype(np.float32).reshape(shape)
            rotated = architecture == "llama" and ("q_proj" in name or "k_proj" in name)
            if name.endswith("o_proj.bias"):  # files of llama.cpp leave it out where it is zero
                values = np.zeros_like(values)
            elif rotated:
                heads = model.config.num_attention_heads if "q_proj" in name else model.config.num_key_value_heads
                stored[gguf_name(name)] = (to_neighbours(data.reshape(shape[0], -1), heads).reshape(data.shape), kind)
            else:
                stored[gguf_name(name)] = (data, kind)
            # Quantized weights are converted to bfloat16.
            value = torch.from_numpy(np.array(values, dtype=np.float32))
            parameter.copy_(value.bfloat16().float() if kind in SCALES else value)
    return stored


def expect(model, path, vocab):
    torch.manual_seed(7)
    ids = torch.randint(0, vocab, (1, 24))
    with torch.no_grad():
        logits = model(ids).logits[0]
    save_file({"ids": ids[0].contiguous(), "logits": logits.contiguous()}, path + ".expected.safetensors")


def write_gguf(path, architecture, config, stored, finish):
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    finish(writer)
    for name, (data, kind) in stored.items():
        writer.add_tensor(name, np.ascontiguousarray(data), raw_dtype=None if data.dtype == np.float32 else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_mix(root):
    """Formats mixed as in published files, a head size of its own, no tokenizer."""
    kinds = {"embed_tokens": Type.Q4_K, "lm_head": Type.Q6_K, "layers.0.self_attn.q_proj": Type.Q4_K, "layers.0.self_attn.k_proj": Type.Q5_K,
             "layers.0.self_attn.v_proj": Type.Q6_K, "layers.0.self_attn.o_proj": Type.F16, "layers.0.mlp.gate_proj": Type.Q3_K,
             "layers.0.mlp.up_proj": Type.Q2_K, "layers.0.mlp.down_proj": Type.Q4_0, "layers.1.self_attn.q_proj": Type.Q8_0,
             "layers.1.self_attn.k_proj": Type.Q4_0, "layers.1.self_attn.v_proj": Type.Q5_0, "layers.1.self_attn.o_proj": Type.BF16,
             "layers.1.mlp.gate_proj": Type.Q4_1, "layers.1.mlp.up_proj": Type.Q5_1, "layers.1.mlp.down_proj": Type.Q4_0}
    config = LlamaConfig(vocab_size=24, hidden_size=256, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                         num_key_value_heads=1, head_dim=4, max_position_embeddings=128, rms_norm_eps=1e-5,
                         rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    model = LlamaForCausalLM(config).eval()
    stored = random_weights(model, np.random.default_rng(2), lambda name: next((k for n, k in kinds.items() if n in name), Type.F32))

    def finish(writer):
        writer.add_key_length(4)
        writer.add_value_length(4)
        writer.add_rope_dimension_count(4)
        writer.add_tokenizer_model("no_vocab")

    write_gguf(f"{root}/mix.gguf", "llama", config, stored, finish)
    expect(model, f"{root}/mix", 24)


def train_pieces():
    stream = io.BytesIO()
    words = "Once upon a time there was a little girl named Lily who liked to play with her red ball. One day don't said spaces tab lines".split()
    text = [" ".join(words[i % 23:i % 23 + 7]) for i in range(200)]
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(text), model_writer=stream, vocab_size=300, model_type="bpe", byte_fallback=True,
                                             normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=1.0,
                                             minloglevel=2)
    return sentencepiece.SentencePieceProcessor(model_proto=stream.getvalue())


def piece_types(processor):
    kinds = []
    for i in range(processor.get_piece_size()):
        kinds.append(2 if processor.is_unknown(i) else 3 if processor.is_control(i) else 6 if processor.is_byte(i) else 1)
    return kinds


def write_texts(path, encode):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([{"text": text, "ids": encode(text)} for text in TEXTS], file, indent=1)
        file.write("\n")


def make_pieces(root, processor):
    """A SentencePiece tokenizer with tokens added to it, a tied head, factors of the llama3 rule, biases."""
    vocab = 304
    config = LlamaConfig(vocab_size=vocab, hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         max_position_embeddings=512, rms_norm_eps=1e-6, rope_parameters=LLAMA3, tie_word_embeddings=True, attention_bias=True)
    model = LlamaForCausalLM(config).eval()
    stored = random_weights(model, np.random.default_rng(3), lambda name: Type.F16 if "proj.weight" in name or "embed" in name else Type.F32)
    inverse = model.model.rotary_emb.inv_freq.double()
    plain = 1.0 / (500000.0 ** (torch.arange(0, 8, 2, dtype=torch.float64) / 8))
    stored["rope_freqs.weight"] = ((plain / inverse).float().numpy(), Type.F32)

    def finish(writer):
        writer.add_tokenizer_model("llama")
        writer.add_token_list([processor.id_to_piece(i) for i in range(300)] + ["<|user|>", "<|end|>", "[PAD302]", "[PAD303]"])
        writer.add_token_scores([processor.get_score(i) for i in range(300)] + [-1000.0] * 4)
        writer.add_token_types(piece_types(processor) + [4, 3, 5, 5])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_eot_token_id(301)
        writer.add_unk_token_id(0)
        writer.add_chat_template("{% for message in messages %}<|user|>{{ message['content'] }}<|end|>{% endfor %}")
        writer.add_array("test.nested", [[1, 2], [3]])

    write_gguf(f"{root}/pieces.gguf", "llama", config, stored, finish)
    expect(model, f"{root}/pieces", vocab)
    write_texts(f"{root}/pieces.texts.json", processor.encode)


def make_bytes(root):
    """Qwen2: byte-level BPE, biases of queries, keys and values."""
    split = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.normalizer = tokenizers.normalizers.NFC()
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(split), "isolated"),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    bpe.train_from_iterator(["Once upon a time there was a little girl who liked her ball"] * 4, tokenizers.trainers.BpeTrainer(
        vocab_size=290, special_tokens=[], initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    model_json = json.loads(bpe.to_str())["model"]
    tokens = [None] * len(model_json["vocab"])
    for token, index in model_json["vocab"].items():
        tokens[index] = token
    merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in model_json["merges"]]
    bpe.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    vocab = len(tokens) + 3 + 2
    config = Qwen2Config(vocab_size=vocab, hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         max_position_embeddings=128, rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
                         tie_word_embeddings=True)
    model = Qwen2ForCausalLM(config).eval()
    stored = random_weights(model, np.random.default_rng(4), lambda name: Type.BF16 if "proj.weight" in name or "embed" in name else Type.F32)

    def finish(writer):
        count = len(tokens)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_list(tokens + ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "[PAD1]", "[PAD2]"])
        writer.add_token_types([1] * count + [3, 3, 3, 5, 5])
        writer.add_token_merges(merges)
        writer.add_bos_token_id(count)
        writer.add_eos_token_id(count + 2)
        writer.add_add_bos_token(False)

    write_gguf(f"{root}/bytes.gguf", "qwen2", config, stored, finish)
    expect(model, f"{root}/bytes", vocab)
    write_texts(f"{root}/bytes.texts.json", lambda text: bpe.encode(text).ids)


def quantize_groups(values, group):
    flat = values.reshape(-1, group)
    scale = (np.abs(flat).max(axis=1, keepdims=True) / 127).astype(np.float32)
    quant = np.rint(flat / scale).astype(np.int8)
    return quant, scale


def make_llama2c(root, name, version, vocab, tied, group=8):
    """Layouts: export.py of llama2.c, there version 0 (legacy), 1 and 2."""
    config = LlamaConfig(vocab_size=vocab, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         max_position_embeddings=32, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                         tie_word_embeddings=tied)
    model = LlamaForCausalLM(config).eval()
    rng = np.random.default_rng(5 + version)
    values, quants = {}, {}
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            value = (rng.standard_normal(shape) * (0.3 if len(shape) > 1 else 0.1) + ("norm" in key)).astype(np.float32)
            if version == 2 and len(shape) > 1:
                heads = 4 if "q_proj" in key else 2 if "k_proj" in key else 0
                quant, scale = quantize_groups(to_neighbours(value, heads) if heads else value, group)
                quants[key] = (quant, scale)
                value = (quant.astype(np.float32) * scale).reshape(shape)
                if heads:
                    value = value.reshape(heads, -1, 2, shape[1]).swapaxes(1, 2).reshape(shape)
            values[key] = value
            value = torch.from_numpy(np.ascontiguousarray(value))
            parameter.copy_(value.bfloat16().float() if key in quants else value)

    def raw(key):
        if key in quants:
            return quants[key][0].tobytes() + quants[key][1].tobytes()
        heads = 4 if "q_proj" in key else 2 if "k_proj" in key else 0
        return (to_neighbours(values[key], heads) if heads else values[key]).tobytes()

    def layers(part):
        return b"".join(raw(f"model.layers.{i}.{part}.weight") for i in range(2))

    sizes = [16, 24, 2, 4, 2, vocab, 32]
    norms = [layers("input_layernorm"), layers("post_attention_layernorm"), raw("model.norm.weight")]
    attention = [layers("self_attn." + part) for part in ("q_proj", "k_proj", "v_proj", "o_proj")]
    ffn = [layers("mlp." + part) for part in ("gate_proj", "down_proj", "up_proj")]
    head = [] if tied else [raw("lm_head.weight")]
    if version == 0:
        sizes[5] = vocab if tied else -vocab
        parts = [struct.pack("7i", *sizes), raw("model.embed_tokens.weight"), norms[0], *attention, norms[1], *ffn, norms[2],
                 b"\0" * (2 * 32 * 2 * 4), *head]
    else:
        header = struct.pack("<Ii7iB", 0x616B3432, version, *sizes, tied) + (struct.pack("<i", group) if version == 2 else b"")
        parts = [header.ljust(256, b"\0"), *norms, raw("model.embed_tokens.weight"), *attention, *ffn, *head]
    with open(f"{root}/{name}.bin", "wb") as file:
        file.write(b"".join(parts))
    expect(model, f"{root}/{name}", vocab)


def make_llama2c_tokenizer(root, processor):
    """As tokenizer.py of llama2.c writes it."""
    pieces = []
    for i in range(300):
        text = processor.id_to_piece(i)
        text = f"\n{text}\n" if i in (1, 2) else text
        pieces.append((text.replace("\u2581", " ").encode(), processor.get_score(i)))
    with open(f"{root}/tokenizer.bin", "wb") as file:
        file.write(struct.pack("I", max(len(text) for text, _ in pieces)))
        for text, score in pieces:
            file.write(struct.pack("fI", score, len(text)) + text)


def main():
    root = sys.argv[1]
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    processor = train_pieces()
    make_formats(f"{root}/formats.gguf")
    make_mix(root)
    make_pieces(root, processor)
    make_bytes(root)
    make_llama2c(root, "legacy", 0, 40, False)
    make_llama2c(root, "version1", 1, 300, True)
    make_llama2c(root, "version2", 2, 40, True)
    make_llama2c_tokenizer(root, processor)


if __name__ == "__main__":
    main()

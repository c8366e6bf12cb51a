"""Tokenizers of every family that Specula reads, trained on given texts with Python's `tokenizers` and `sentencepiece`, and texts
that are hard to tokenize.  For make_tokenizer_fixtures.py and tests/parity/tokenizers_live.py.  Licence: Apache-2.0.
"""
import json
import pathlib
import random
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+")
ALPHABET = pre_tokenizers.ByteLevel.alphabet()
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPACE = "\u2581"


def special(text, **options):
    return AddedToken(text, special=True, normalized=False, **options)


def plain(text, **options):
    return AddedToken(text, special=False, **options)


def byte_level(texts, size, split=None, normalizer=None, added=(), **model):
    """A byte-level BPE whose words are those of GPT-2 or of the pre-tokenizers `split`.

    It is trained without them, on strange texts too: its merges cross the words, so that a text cut otherwise gets other ids (what is
    trained on words seldom merges across them, whether the text is cut or not).  With `ignore_merges` one merge in four is left out:
    pieces that only a whole word can be.
    """
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    strange = nasty_texts(4000, ["aren't they over 12 lazy dogs? I'LL say: 3.50!"], seed=3, longest=60)
    strange = [text for text in strange if not any(name in text for name in WRITTEN)] + [CROSSING] * 300
    tokenizer.train_from_iterator([*texts, *strange], trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=ALPHABET, show_progress=False, max_token_length=12))
    data = json.loads(tokenizer.to_str())
    if model.get("ignore_merges"):
        data["model"]["merges"] = [merge for i, merge in enumerate(data["model"]["merges"]) if i % 4 != 3]
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    return finished(data, added, pre_tokenizer=last if split is None else pre_tokenizers.Sequence(split + [last]))


def words(regex):
    return pre_tokenizers.Split(Regex(regex), "isolated")


def template(before=(), after=(), tokenizer=None):
    names = [*before, "$A", *after]
    return processors.TemplateProcessing(single=" ".join(names), special_tokens=[
        (name, tokenizer.token_to_id(name)) for name in {*before, *after}])


def gpt2(texts, size):
    tokenizer = byte_level(texts, size, added=[special("<|endoftext|>")])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer, {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}


def llama3(texts, size):
    tokenizer = byte_level(texts, size, [words(LLAMA3)], ignore_merges=True, added=[
        special("<|begin_of_text|>"), special("<|end_of_text|>"), special("<|eot_id|>"), special("<|start_header_id|>")])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False),
                                                    template(["<|begin_of_text|>"], tokenizer=tokenizer)])
    return tokenizer, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}


def qwen2(texts, size):
    tokenizer = byte_level(texts, size, [words(QWEN2)], normalizers.NFC(), [
        special("<|endoftext|>"), special("<|im_start|>"), special("<|im_end|>"), plain("<tool_call>", normalized=False)])
    return tokenizer, {"add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>"}


def tekken(texts, size):
    tokenizer = byte_level(texts, size, [words(O200K)], ignore_merges=True,
                           added=[special("<s>"), special("</s>"), special("[INST]"), special("[/INST]")])
    tokenizer.post_processor = template(["<s>"], tokenizer=tokenizer)
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>"}


def deepseek(texts, size):
    split = [words(r"\p{N}{1,3}"), words("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), words(DEEPSEEK)]
    tokenizer = byte_level(texts, size, split, added=[special("<\uff5cbegin\u2581of\u2581sentence\uff5c>"), special("<\uff5cend\uff5c>")])
    return tokenizer, {"add_bos_token": True, "add_eos_token": False, "eos_token": "<\uff5cend\uff5c>",
                       "bos_token": "<\uff5cbegin\u2581of\u2581sentence\uff5c>"}


def neox(texts, size):
    """Runs of spaces are added tokens that are looked for in the normalized text."""
    tokenizer = byte_level(texts, size, None, normalizers.NFC(), [
        special("<|endoftext|>"), special("<|padding|>")] + [plain(" " * count) for count in range(24, 1, -1)] + [
        plain("word", single_word=True), plain("|||", lstrip=True, rstrip=True)])
    return tokenizer, {}


def spaced(texts, size, byte_fallback=True):
    """A BPE whose spaces are U+2581, with bytes behind <unk>, <s>, </s>; pieces of the trained model as JSON."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    first = ["<unk>", "<s>", "</s>"] + (BYTES if byte_fallback else [])
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, special_tokens=first, show_progress=False,
                                                             limit_alphabet=120))
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    data["model"]["byte_fallback"] = byte_fallback
    data["pre_tokenizer"] = None
    return data


def finished(data, added=(), **parts):
    data.update({key: None if part is None else json.loads(part.__getstate__()) for key, part in parts.items()})
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.add_tokens(list(added))
    return tokenizer


SPACED_DECODER = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]


def llama2(texts, size):
    tokenizer = finished(spaced(texts, size), decoder=decoders.Sequence(SPACED_DECODER + [decoders.Strip(" ", 1, 0)]),
                         normalizer=normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]))
    tokenizer.post_processor = template(["<s>"], tokenizer=tokenizer)
    return tokenizer, {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>"}


def mistral(texts, size):
    """The later spelling of the same: one pre-tokenizer that does not split, and a space at the first text only."""
    tokenizer = finished(spaced(texts, size), [special("[INST]"), special("[/INST]")],
                         decoder=decoders.Sequence(SPACED_DECODER + [decoders.Strip(" ", 1, 0)]),
                         pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first", split=False))
    return tokenizer, {"add_bos_token": True, "add_eos_token": True, "bos_token": "<s>", "eos_token": "</s>"}


def phi3(texts, size):
    """Added tokens that take in the space behind them."""
    tokenizer = finished(spaced(texts, size), [special("<|endoftext|>"), special("<|user|>", rstrip=True), special("<|end|>", rstrip=True)],
                         decoder=decoders.Sequence(SPACED_DECODER + [decoders.Strip(" ", 1, 0)]),
                         normalizer=normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]))
    return tokenizer, {"add_bos_token": False, "bos_token": "<s>", "eos_token": "<|endoftext|>"}


def gemma(texts, size):
    tokenizer = finished(spaced(texts, size), [
        special("<start_of_turn>"), special("<end_of_turn>"), plain("\n\n", normalized=False), plain("\n", normalized=False),
        plain(SPACE * 2, normalized=False), plain("<table>", normalized=False)],
        normalizer=normalizers.Replace(" ", SPACE), pre_tokenizer=pre_tokenizers.Split(" ", "merged_with_previous"),
        decoder=decoders.Sequence(SPACED_DECODER))
    tokenizer.post_processor = template(["<s>"], tokenizer=tokenizer)
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>"}


def train_sentencepiece(texts, size, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "text").write_text("\n".join(text.replace("\n", " ") for text in texts), encoding="utf-8")
        if options.pop("small_rules", False):
            rules = {"\ufb01": "fi", "\u2460": "1", "\u00e9": "e", "e\u0301": "e", "\u3000": " ", "\t": " ", "\u200b": "", "\u00bd": "1/2"}
            lines = [f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}" for a, b in rules.items()]
            (path / "rules").write_text("\n".join(lines) + "\n")
            options["normalization_rule_tsv"] = str(path / "rules")
        sentencepiece.SentencePieceTrainer.train(input=str(path / "text"), model_prefix=str(path / "model"), vocab_size=size,
                                                 hard_vocab_limit=False, minloglevel=2, num_threads=2, **options)
        return (path / "model.model").read_bytes()


def unigram(texts, size, small_rules, first=("<s>", "<pad>", "</s>", "<unk>"), **options):
    """The pieces, and the compiled normalization, of a SentencePiece model as parts of a tokenizer."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(train_sentencepiece(texts, size, model_type="unigram", small_rules=small_rules, **options))
    pieces = [(piece.piece, piece.score) for piece in proto.pieces if piece.type in (1, 6)]
    vocabulary = [(text, 0.0) for text in first] + pieces
    tokenizer = Tokenizer(models.Unigram(vocabulary, first.index("<unk>"), bool(options.get("byte_fallback"))))
    tokenizer.add_special_tokens([special(text) for text in first])
    return tokenizer, normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)


def t5(texts, size, small_rules=True):
    tokenizer, rules = unigram(texts, size, small_rules)
    tokenizer.normalizer = normalizers.Sequence([rules, normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = template(after=["</s>"], tokenizer=tokenizer)
    return tokenizer, {"eos_token": "</s>", "additional_special_tokens": ["<pad>"]}


def xlm_r(texts, size, small_rules=True):
    tokenizer, rules = unigram(texts, size, small_rules)
    tokenizer.normalizer = rules
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.add_tokens([special("<mask>", lstrip=True)])
    tokenizer.post_processor = template(["<s>"], ["</s>"], tokenizer)
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>"}


def albert(texts, size, small_rules=True):
    tokenizer, rules = unigram(texts, size, small_rules, ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(),
        normalizers.Lowercase(), rules, normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = template(["[CLS]"], ["[SEP]"], tokenizer)
    return tokenizer, {}


def unigram_bytes(texts, size):
    tokenizer, _ = unigram(texts, size, True, ("<unk>", "<s>", "</s>"), byte_fallback=True)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return tokenizer, {}


def bert(texts, size):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False, limit_alphabet=200))
    tokenizer.post_processor = template(["[CLS]"], ["[SEP]"], tokenizer)
    return tokenizer, {"cls_token": "[CLS]", "sep_token": "[SEP]"}


def bert_cased(texts, size):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=12))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Digits(False)])
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False, limit_alphabet=100))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return tokenizer, {}


def word_level(texts, size):
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True), pre_tokenizers.CharDelimiterSplit("_")])
    tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=size, special_tokens=["<unk>"], show_progress=False))
    return tokenizer, {}


def gpt1(texts, size):
    """The end of a word is spelled out, and there are no bytes to fall back on."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=False))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False, limit_alphabet=60))
    return tokenizer, {}


def bpe_prefix(texts, size):
    """Pieces within a word have a prefix; what is unknown is one token however long."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\b"), "isolated"), pre_tokenizers.Split(Regex(r"[\s\d]"), "contiguous", invert=True)])
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>"], continuing_subword_prefix="##", show_progress=False, limit_alphabet=60))
    return tokenizer, {}


FAMILIES = dict(gpt2=gpt2, llama3=llama3, qwen2=qwen2, tekken=tekken, deepseek=deepseek, neox=neox, llama2=llama2, mistral=mistral,
                phi3=phi3, gemma=gemma, t5=t5, xlm_r=xlm_r, albert=albert, unigram_bytes=unigram_bytes, bert=bert,
                bert_cased=bert_cased, word_level=word_level, gpt1=gpt1, bpe_prefix=bpe_prefix)
SENTENCEPIECE = {
    "sp_unigram": dict(model_type="unigram", byte_fallback=True, user_defined_symbols=["<table>", "[INST]"]),
    "sp_bpe": dict(model_type="bpe", byte_fallback=True, user_defined_symbols=["<table>"], split_digits=True,
                   normalization_rule_name="identity", remove_extra_whitespaces=False),
    "sp_plain": dict(model_type="bpe", byte_fallback=False),
}


def write(folder, built):
    """tokenizer.json and tokenizer_config.json; the tokenizer of the library that both describe."""
    tokenizer, config = built
    data = json.loads(tokenizer.to_str())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n", encoding="utf-8")
    return reference(data, config)


def reference(data, config):
    """As transformers makes it of such a folder: flags of the configuration replace the post-processor."""
    tokenizer = Tokenizer.from_str(json.dumps(data))
    if "add_bos_token" in config or "add_eos_token" in config:
        before = [config["bos_token"]] if config.get("add_bos_token") else []
        after = [config["eos_token"]] if config.get("add_eos_token") else []
        tokenizer.post_processor = template(before, after, tokenizer)
    named = [config.get(key) for key in ("bos_token", "eos_token", "cls_token", "sep_token")] + config.get("additional_special_tokens", [])
    tokenizer.add_special_tokens([special(text) for text in named if text and text not in
                                  {token.content for token in tokenizer.get_added_tokens_decoder().values()}])
    return tokenizer


def frame(tokenizer):
    """The ids that are put before and behind a text."""
    ids, inner = tokenizer.encode("a").ids, tokenizer.encode("a", add_special_tokens=False).ids
    begin = next(i for i in range(len(ids)) if ids[i:i + len(inner)] == inner)
    return ids[:begin], ids[begin + len(inner):]


def without_control(tokenizer):
    """The same for texts of strangers: what is special is not found in them, nor can the model spell it (the library's Unigram and
    WordPiece can).  Such tokens are given names that no text has."""
    data = json.loads(tokenizer.to_str())
    names = {token["content"]: f"\U00100000{token['id']}" for token in data["added_tokens"] if token["special"]}
    data["added_tokens"] = [token for token in data["added_tokens"] if not token["special"]]
    data["post_processor"] = None
    model = data["model"]
    if isinstance(model["vocab"], list):
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    else:
        model["vocab"] = {names.get(piece, piece): i for piece, i in model["vocab"].items()}
    if model.get("unk_token"):
        model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    kept = max(model["vocab"].values()) if isinstance(model["vocab"], dict) else len(model["vocab"])
    if any(token["id"] > kept for token in data["added_tokens"]):  # their ids would move
        tokenizer.encode_special_tokens = True
        return tokenizer
    return Tokenizer.from_str(json.dumps(data))


# --- Texts ---

WRITTEN = ["<s>", "</s>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<|user|>", "[INST]", "[/INST]", "[CLS]",
           "[MASK]", "<mask>", "<unk>", "<tool_call>", "<table>", "<start_of_turn>", "word", "|||", "<|begin_of_text|>", "<pad>"]
CROSSING = "it'sad I'LLama they'red 123456 2024 9876543"  # what a merge could take over the end of a word
STRANGE = [
    "", " ", "  ", "\n", "\r\n", "\t", "\u3000", "\u00a0", "\u200b", "\ufeff", "\u0000", "\u0007\u007f", "\u2028x\u2029", "\u0085",
    "e\u0301", "\u00e9", "a\u0300\u0316\u0301b", "\u0301", "\u1100\u1161\u11a8", "\uac01", "\ufb01\ufb03", "\u2460\u00bd\u00b2", "\u0130stanbul \u1e9e",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f1e9\U0001f1ea\U0001f1eb", "\u2764\ufe0f", "\U0001f44d\U0001f3fd",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", "\u4f60\u597d\uff0c\u4e16\u754c\uff01", "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643", "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0e33",
    "\u0663\u0664\u0665 \u0967\u0968", "\u216b \u3007 \u4e00\u4e8c\u4e09", "\u1e9b\u0323", "\u212b \u03d3", "\ud7a3\u11a8"[:1], "\U00010400\U0001d400\U00020000",
    "don't DON'T I'LL we'Ve '\u017f x\u2019s", "1234567890 3.14159 1,000,000", "a1b22c333d4444", "_under_score__", "C++ x->y; /* */ #!",
    "https://example.com/a?b=c&d=%20e#f", "  def f(x):\n\t\treturn x  \n\n\n", "x" * 70, "ab" * 200, " " * 50 + "x" + " " * 33, "\n" * 9 + " \n \n",
    "...!?!?--\u2014\u2013\u2026", "\u201cquoted\u201d \u2018it\u2019", "``tex'' quotes", "\u2581\u2581x\u2581", "\u0120\u010a\u00c4", "<0x41><0x0A>", "##ing un##",
    "\u00a9\u00ae\u2122\u20ac\u00a3", "\uffff\U0010ffff", "\ue000\U000f0000", "\u00ad soft\u00adhyphen", "\u180e\u2060\u061c", "Stra\u00dfe STRASSE \u00c0\u00c9",
    "\ufdfa", "\u0344\u0958", "\u1f71\u03ac", "x\u20dd \u0489", "\u0378\u0530", "\u30a2\u3099\u30cf\u309a", CROSSING, "\u01c5\u01c8", "\u02b0\u02c6"]
PIECES = [" ", "  ", "\n", "\r\n", "\t", "a", "The", "ing", "'s", "'RE", "9", "42", "\u00e9", "e\u0301", "\U0001f600", "\u4e2d", "\u0434", "\u3042", "-", ".",
          ",", "!", "\u2026", "\u2581", "\u00a0", "\u0301", "_", "\"", "Z", "\u017f", "\u00b2", "\u0969", "\u0627", "\ufb01", "\u200d", "\u3000"]


def nasty_texts(count, texts, seed=7, longest=400):
    """`count` texts: the strange ones, pieces at random, any characters at random, lines of `texts`, and mixtures of all."""
    draw = random.Random(seed)
    lines = [line for text in texts for line in text.split("\n") if line.strip()]

    def any_character():
        while True:
            code = draw.choice([draw.randrange(0x80), draw.randrange(0x3000), draw.randrange(0x10000), draw.randrange(0x110000)])
            if not 0xD800 <= code <= 0xDFFF:
                return chr(code)

    def mixture():
        parts = []
        for _ in range(draw.randrange(1, 7)):
            kind = draw.randrange(6)
            if kind == 0:
                parts.append(draw.choice(STRANGE))
            elif kind == 1:
                parts.append("".join(draw.choice(PIECES) for _ in range(draw.randrange(1, 20))))
            elif kind == 2:
                parts.append("".join(any_character() for _ in range(draw.randrange(1, 12))))
            elif kind == 3:
                parts.append(draw.choice([" ", ""]) + draw.choice(WRITTEN) + draw.choice(["", " ", "  ", "\n"]))
            else:
                line = draw.choice(lines)
                begin = draw.randrange(len(line))
                parts.append(line[begin:begin + draw.randrange(1, longest)])
        return "".join(parts)

    found = STRANGE + WRITTEN
    while len(found) < count:
        found.append(draw.choice(lines) if draw.randrange(4) == 0 else mixture())
    return found[:count]


def random_ids(count, size, seed=11):
    """Lists of ids, some of which are no token."""
    draw = random.Random(seed)
    return [[draw.randrange(size) for _ in range(draw.randrange(1, 12))] for _ in range(count)]

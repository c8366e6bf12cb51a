// The tokenizer inside a GGUF file as the files of a Hugging Face folder: tokenizer.model for SentencePiece ("llama"),
// tokenizer.json for byte-level BPE ("gpt2"), and tokenizer_config.json.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/convert/converted_model.h"
#include "framework/convert/gguf.h"
#include "framework/convert/model_shape.h"
#include "framework/convert/sentencepiece_model.h"

namespace specula {

// The vocabulary as the file lists it, checked: ids of special tokens lie inside, types are known.
struct GgufVocabulary {
  std::vector<std::string> tokens;
  std::vector<PieceType> types;
  int64_t bos = -1, eos = -1, pad = -1, unk = -1;  // -1: none
  std::vector<int64_t> stops;                      // eos, end of turn, end of message
  bool add_bos = false, add_eos = false;
};

// No files where there is no tokenizer.  Sets the tokens that begin and end a text.  Throws Error for a tokenizer of
// another kind.
std::vector<SmallFile> gguf_tokenizer(const GgufFile& file, ModelShape& shape);

// tokenizer.json of a byte-level BPE; what splits words follows from the name in tokenizer.ggml.pre.
std::string bpe_tokenizer_json(const GgufFile& file, const GgufVocabulary& vocabulary);
bool bpe_adds_bos(const GgufFile& file);  // where the file says nothing

}  // namespace specula

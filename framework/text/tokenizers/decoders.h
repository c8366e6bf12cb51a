// How tokens become text again: the decoders of tokenizer.json, as stages that a text grows through token by token.  A
// whole text is decoded by the same stages, so that the two cannot differ.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/text/tokenizer.h"
#include "framework/text/tokenizers/section.h"

namespace specula {

// What a stage has of a token: all of it, or a part where an earlier stage makes one token of many.
struct TokenPart {
  std::string text;
  bool begins = true, ends = true;
};

class DecoderStage {
 public:
  virtual ~DecoderStage() = default;
  virtual void push(TokenPart part, std::vector<TokenPart>& out) = 0;
  virtual void finish(std::vector<TokenPart>& /*out*/) {}
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual std::unique_ptr<DecoderStage> stage(TextPosition position) const = 0;
  // The bytes that a token becomes behind other text.
  virtual std::string middle(const std::string& token) const = 0;
};

using Decoders = std::vector<std::unique_ptr<Decoder>>;

// In order; throws Error for an unknown type or wrong options.
Decoders read_decoders(const Section& section);
Decoders no_decoders();  // of a file that has none: tokens stand apart

class DecoderChain {
 public:
  DecoderChain(const Decoders& decoders, TextPosition position);
  std::string push(const std::string& token);
  std::string finish();

 private:
  void run(size_t stage, std::vector<TokenPart> parts, std::string& text);
  std::vector<std::unique_ptr<DecoderStage>> stages_;
};

}  // namespace specula

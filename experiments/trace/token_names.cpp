#include "experiments/trace/token_names.h"

#include <cstdio>

#include "framework/core/error.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

std::string byte_text(unsigned char byte) {
  char text[8];
  std::snprintf(text, sizeof text, "\\x%02X", byte);
  return text;
}

// Bytes that are no character, and control characters, as their escapes.
std::string visible(std::string bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto first = static_cast<unsigned char>(bytes[0]);
    size_t length = 1;
    while (length < bytes.size() && (static_cast<unsigned char>(bytes[length]) & 0xC0) == 0x80) ++length;
    const std::string character = bytes.substr(0, first < 0x80 ? 1 : length);
    if (first == '\n') {
      out += "\\n";
    } else if (first == '\t') {
      out += "\\t";
    } else if (first < 0x20 || first == 0x7F || !is_well_formed(character)) {
      for (const char c : character) out += byte_text(static_cast<unsigned char>(c));
    } else {
      out += character;
    }
    bytes.erase(0, character.size());
  }
  return out;
}

}  // namespace

TokenNames::TokenNames(const std::string& folder, const std::string& fingerprint) {
  try {
    tokenizer_ = load_tokenizer(folder);
  } catch (const Error& e) {
    missing_ = cat("tokens are shown as ids, since the tokenizer of ", folder, " cannot be read: ", e.what());
    return;
  }
  if (fingerprint.empty() || tokenizer_->fingerprint() == fingerprint) return;
  tokenizer_.reset();
  missing_ = cat("tokens are shown as ids, since the tokenizer of ", folder, " is not the one that the run had");
}

std::string TokenNames::name(Token id) const {
  std::string number = cat("#", id);
  if (tokenizer_ == nullptr || id < 0 || id >= tokenizer_->vocab()) return number;
  std::string bytes = visible(tokenizer_->piece_bytes(id));
  if (!bytes.empty()) return bytes;
  std::string piece = visible(tokenizer_->piece(id));
  return piece.empty() ? number : piece;
}

std::vector<std::string> TokenNames::parts(const std::vector<Token>& text) const {
  std::vector<std::string> parts;
  if (tokenizer_ == nullptr) {
    for (const Token id : text) parts.push_back(cat(parts.empty() ? "" : " ", id));
    return parts;
  }
  Detokenizer detokenizer(*tokenizer_, false);
  for (const Token id : text) parts.push_back(detokenizer.push(id));
  if (!parts.empty()) parts.back() += detokenizer.finish();
  return parts;
}

}  // namespace specula

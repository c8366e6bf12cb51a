// Tokens as a reader of a run sees them: by the tokenizer of a model's folder, or as ids where there is none.
// Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/text/tokenizer.h"

namespace specula {

class TokenNames {
 public:
  // A folder that is gone, and a tokenizer of which the run knows another fingerprint ("": none is known), leave ids.
  TokenNames(const std::string& folder, const std::string& fingerprint);

  const std::string& missing() const { return missing_; }  // why there are ids; "": there are texts
  // What the token adds to a text, well-formed and without control characters: " the", "\n", "\xE2"; of a control
  // token its name, "<s>"; else "#17".
  std::string name(Token id) const;
  // What a text gains with each token, joined the text itself: a character of several tokens comes with the last one.
  std::vector<std::string> parts(const std::vector<Token>& text) const;

 private:
  std::unique_ptr<Tokenizer> tokenizer_;  // null: ids
  std::string missing_;
};

}  // namespace specula

#include <iostream>

#include "experiments/commands.h"
#include "experiments/token_ids.h"
#include "framework/text/tokenizer.h"

namespace specula {

ExitCode tokenize_command(const TokenizeArgs& args) {
  const auto tokenizer = load_tokenizer(args.model);
  std::cout << ids_json(tokenizer->encode(args.text,
                                          args.special ? Tokenizer::Special::kWith : Tokenizer::Special::kWithout))
            << "\n";
  return ExitCode::kOk;
}

}  // namespace specula

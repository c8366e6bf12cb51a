#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/token_ids.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

using Json = nlohmann::json;

class Tokenizing {
 public:
  explicit Tokenizing(const TokenizeArgs& args) : args_(args), tokenizer_(load_tokenizer(args.model)) {}

  // One text, or with --decode the ids of one: a line of JSON.
  std::string operator()(const std::string& text, const std::string& place) const {
    if (args_.decode) return Json(tokenizer_->decode(ids_of(text, place))).dump();
    const std::vector<Token> ids = tokenizer_->encode(text, special());
    if (!args_.pieces) return ids_json(ids);
    Json pieces = Json::array();
    for (const Token id : ids) pieces.push_back(tokenizer_->piece(id));
    return pieces.dump();
  }

 private:
  Tokenizer::Special special() const {
    if (args_.written) return Tokenizer::Special::kWritten;
    return args_.special ? Tokenizer::Special::kWith : Tokenizer::Special::kWithout;
  }

  // "1,2,3" or "[1,2,3]"; none is a text too.
  std::vector<Token> ids_of(const std::string& text, const std::string& place) const {
    const bool bracketed = text.starts_with('[') && text.ends_with(']');
    const std::string list = bracketed ? text.substr(1, text.size() - 2) : text;
    if (list.empty()) return {};
    return parse_ids(list, INT32_MAX, place);
  }

  const TokenizeArgs& args_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

// A line of *.jsonl is a JSON string, so that a text may hold line ends; a line of any other file is a text.
std::string text_of_line(const std::string& line, bool is_json, const std::string& place) {
  if (!is_json) return line;
  const Json text = Json::parse(line, nullptr, false);
  if (!text.is_string()) throw Error(cat(place, ": expected a JSON string, got ", line.substr(0, 40)));
  return text.get<std::string>();
}

void tokenize_lines(const Tokenizing& tokenizing, const TokenizeArgs& args) {
  std::ifstream in(args.file, std::ios::binary);
  if (!in) throw ConfigError(cat("specula tokenize: --file ", args.file, " cannot be read"));
  const bool is_json = args.file.ends_with(".jsonl") && !args.decode;
  int64_t number = 0;
  for (std::string line; std::getline(in, line);) {
    const std::string place = cat(args.file, ":", ++number);
    std::cout << tokenizing(text_of_line(line, is_json, place), place) << "\n";
  }
}

}  // namespace

ExitCode tokenize_command(const TokenizeArgs& args) {
  if (args.has_text == !args.file.empty()) {
    throw ConfigError(
        cat("specula tokenize: ", args.has_text ? "both TEXT and --file are" : "neither TEXT nor --file is",
            " given; expected exactly one"));
  }
  const Tokenizing tokenizing(args);
  if (args.has_text) {
    std::cout << tokenizing(args.text, "TEXT") << "\n";
  } else {
    tokenize_lines(tokenizing, args);
  }
  return ExitCode::kOk;
}

}  // namespace specula

// Expressions of chat templates (chat_template.h says which), evaluated while they are parsed.  Licence: Apache-2.0.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "framework/text/chat_template.h"

namespace specula::chat {

using Messages = std::vector<ChatMessage>;
struct Loop {
  int64_t index, count;
};
struct Undefined {};
struct None {};
using Value = std::variant<Undefined, None, bool, int64_t, std::string, ChatMessage, Messages, Loop>;
using Scope = std::map<std::string, Value>;

// A template comes with a model, so from a stranger: what it may spend is bounded.
inline constexpr int kMostDepth = 100;                      // of expressions in each other, and of statements
inline constexpr size_t kMostTextBytes = size_t{64} << 20;  // of any text that it makes

bool is_true(const Value& value);
std::string to_text(const Value& value, int line);   // throws Error for what has no text
Messages to_messages(const Value& value, int line);  // throws Error for anything but messages

// Precedence, loosest first: or, and, not, comparison, ~, + -, %, | filter, .attribute [index].
class Expression {
 public:
  // `line` of the template, for error texts.
  Expression(const std::string& text, int line, const Scope& scope);
  Value value();  // throws Error for a construct that is not supported

 private:
  struct Word {
    enum class Kind { kName, kString, kNumber, kSymbol, kEnd } kind;
    std::string text;
  };
  void read_words(const std::string& text);
  [[noreturn]] void unsupported(const std::string& what) const;
  std::string appended(const std::string& left, const std::string& right) const;  // bounded
  bool take(const char* text);                                                    // a symbol or a keyword
  void expect(const char* text);
  std::string take_name(const char* after);
  Value either(), both(), negation(), comparison(), joined(), sum(), product(), filtered(), primary(), atom();
  Value test(const Value& left);
  Value compared(const Value& left, const std::string& operation, const Value& right);
  Value attribute(const Value& of, const std::string& name);
  Value subscript(const Value& of);
  bool running() const { return skipping_ == 0; }

  int line_;
  const Scope& scope_;
  std::vector<Word> words_;
  size_t at_ = 0;
  int depth_ = 0;
  int skipping_ = 0;  // > 0: inside the side of and/or that is not evaluated
};

}  // namespace specula::chat

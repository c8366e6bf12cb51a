// Expressions of templates, with Jinja's precedence, loosest first: if else, or, and, not, comparisons, + -, ~,
// * / // %, **, unary - and +, then what stands behind a value: . [] () | is.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/text/chat/lexer.h"
#include "framework/text/chat/syntax.h"

namespace specula::chat {

class ExpressionParser {
 public:
  explicit ExpressionParser(const std::string& source) : words_(read_words(source)) {}

 protected:
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void unexpected(const std::string& wanted) const;
  const Word& word(size_t ahead = 0) const { return words_[std::min(at_ + ahead, words_.size() - 1)]; }
  bool at_symbol(const char* text) const { return word().is(Word::Kind::kSymbol, text); }
  bool at_name(const char* text) const { return word().is(Word::Kind::kName, text); }
  Word take();
  bool take_symbol(const char* text);
  bool take_name(const char* text);
  void expect_symbol(const char* text);
  std::string expect_name(const std::string& after);

  enum class Choice { kAllowed, kNone };  // whether "if" goes on with the expression
  ExpressionPtr expression(Choice choice = Choice::kAllowed);
  ExpressionPtr tuple(Choice choice = Choice::kAllowed);  // a, b or one expression
  Access filter();                                        // behind its "|"
  ExpressionPtr make(Expression::Kind kind) const;

  int depth_ = 0;  // of statements

 private:
  using Rule = ExpressionPtr (ExpressionParser::*)();
  ExpressionPtr chain(Expression::Kind kind, Rule operand, const std::vector<const char*>& operators);
  ExpressionPtr choice_expression(Choice choice);
  ExpressionPtr any(), all(), negation(), comparison(), sum(), joined(), product(), power(), unary();
  ExpressionPtr signed_value(), primary(), literal(Value value), mapping();
  ExpressionPtr bracketed(Expression::Kind kind, const char* close);
  ExpressionPtr accessed(ExpressionPtr base, std::vector<Access> accesses) const;
  bool at_end_of_tuple() const;
  void postfix(std::vector<Access>& accesses);
  Access subscript(), test();
  std::vector<Argument> arguments();

  std::vector<Word> words_;
  size_t at_ = 0;
  int nesting_ = 0;  // of expressions
};

}  // namespace specula::chat

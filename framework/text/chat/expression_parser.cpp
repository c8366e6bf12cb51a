#include "framework/text/chat/expression_parser.h"

#include <algorithm>

#include "framework/core/error.h"

namespace specula::chat {

using Kind = Word::Kind;

void ExpressionParser::fail(const std::string& what) const {
  throw Error(cat("chat template, line ", word().line, ": ", what));
}

void ExpressionParser::unexpected(const std::string& wanted) const {
  fail(cat("'", word().text, "' where ", wanted, " was expected is not supported"));
}

Word ExpressionParser::take() {
  Word taken = word();
  if (at_ + 1 < words_.size()) ++at_;
  return taken;
}

bool ExpressionParser::take_symbol(const char* text) {
  if (!at_symbol(text)) return false;
  take();
  return true;
}

bool ExpressionParser::take_name(const char* text) {
  if (!at_name(text)) return false;
  take();
  return true;
}

void ExpressionParser::expect_symbol(const char* text) {
  if (!take_symbol(text)) unexpected(cat("'", text, "'"));
}

std::string ExpressionParser::expect_name(const std::string& after) {
  if (word().kind != Kind::kName) unexpected(cat("a name behind '", after, "'"));
  return take().text;
}

ExpressionPtr ExpressionParser::make(Expression::Kind kind) const {
  return std::make_unique<Expression>(Expression{.kind = kind, .line = word().line});
}

// Everything that nests comes by here or by negation() or signed_value().
ExpressionPtr ExpressionParser::expression(Choice choice) {
  if (++nesting_ > kMostDepth) fail(cat("an expression more than ", kMostDepth, " deep is not supported"));
  ExpressionPtr result = choice_expression(choice);
  --nesting_;
  return result;
}

ExpressionPtr ExpressionParser::choice_expression(Choice choice) {
  ExpressionPtr value = any();
  if (choice == Choice::kNone || !at_name("if")) return value;
  ExpressionPtr chosen = make(Expression::Kind::kChoice);
  take();
  chosen->operands.push_back(any());
  chosen->operands.push_back(std::move(value));
  if (take_name("else")) chosen->operands.push_back(expression());
  return chosen;
}

ExpressionPtr ExpressionParser::chain(Expression::Kind kind, Rule operand, const std::vector<const char*>& operators) {
  ExpressionPtr first = (this->*operand)();
  ExpressionPtr whole;
  for (;;) {
    const char* found = nullptr;
    for (const char* candidate : operators) {
      if (at_symbol(candidate) || at_name(candidate)) found = candidate;
    }
    if (at_name("not") && word(1).is(Kind::kName, "in") && kind == Expression::Kind::kCompared) found = "not in";
    if (found == nullptr) return whole == nullptr ? std::move(first) : std::move(whole);
    if (whole == nullptr) {
      whole = make(kind);
      whole->operands.push_back(std::move(first));
    }
    take();
    if (std::string(found) == "not in") take();
    whole->operators.emplace_back(found);
    whole->operands.push_back((this->*operand)());
  }
}

ExpressionPtr ExpressionParser::any() { return chain(Expression::Kind::kAny, &ExpressionParser::all, {"or"}); }
ExpressionPtr ExpressionParser::all() { return chain(Expression::Kind::kAll, &ExpressionParser::negation, {"and"}); }

ExpressionPtr ExpressionParser::negation() {
  if (!at_name("not")) return comparison();
  if (++nesting_ > kMostDepth) fail(cat("an expression more than ", kMostDepth, " deep is not supported"));
  ExpressionPtr result = make(Expression::Kind::kNot);
  take();
  result->operands.push_back(negation());
  --nesting_;
  return result;
}

ExpressionPtr ExpressionParser::comparison() {
  return chain(Expression::Kind::kCompared, &ExpressionParser::sum, {"==", "!=", "<=", ">=", "<", ">", "in"});
}
ExpressionPtr ExpressionParser::sum() {
  return chain(Expression::Kind::kCalculated, &ExpressionParser::joined, {"+", "-"});
}
ExpressionPtr ExpressionParser::joined() { return chain(Expression::Kind::kJoined, &ExpressionParser::product, {"~"}); }
ExpressionPtr ExpressionParser::product() {
  return chain(Expression::Kind::kCalculated, &ExpressionParser::power, {"*", "/", "//", "%"});
}
ExpressionPtr ExpressionParser::power() {
  return chain(Expression::Kind::kCalculated, &ExpressionParser::unary, {"**"});
}

ExpressionPtr ExpressionParser::unary() {
  ExpressionPtr base = signed_value();
  std::vector<Access> accesses;
  for (;;) {
    if (take_symbol("|")) {
      accesses.push_back(filter());
    } else if (at_name("is")) {
      accesses.push_back(test());
    } else if (at_symbol("(")) {
      accesses.push_back({.kind = Access::Kind::kCall, .line = word().line, .arguments = arguments()});
    } else {
      return accessed(std::move(base), std::move(accesses));
    }
  }
}

// A sign binds looser than . and [] but tighter than a filter.
ExpressionPtr ExpressionParser::signed_value() {
  ExpressionPtr base;
  if (at_symbol("-") || at_symbol("+")) {
    if (++nesting_ > kMostDepth) fail(cat("an expression more than ", kMostDepth, " deep is not supported"));
    base = make(at_symbol("-") ? Expression::Kind::kNegated : Expression::Kind::kPositive);
    take();
    base->operands.push_back(signed_value());
    --nesting_;
  } else {
    base = primary();
  }
  std::vector<Access> accesses;
  postfix(accesses);
  return accessed(std::move(base), std::move(accesses));
}

ExpressionPtr ExpressionParser::accessed(ExpressionPtr base, std::vector<Access> accesses) const {
  if (accesses.empty()) return base;
  if (base->kind == Expression::Kind::kAccessed) {
    for (Access& access : accesses) base->accesses.push_back(std::move(access));
    return base;
  }
  ExpressionPtr whole =
      std::make_unique<Expression>(Expression{.kind = Expression::Kind::kAccessed, .line = base->line});
  whole->operands.push_back(std::move(base));
  whole->accesses = std::move(accesses);
  return whole;
}

ExpressionPtr ExpressionParser::literal(Value value) {
  ExpressionPtr result = make(Expression::Kind::kLiteral);
  result->literal = std::move(value);
  take();
  return result;
}

ExpressionPtr ExpressionParser::primary() {
  const Word& first = word();
  if (first.kind == Kind::kName) {
    for (const auto& [name, value] : {std::pair<const char*, Value>{"true", true},
                                      {"True", true},
                                      {"false", false},
                                      {"False", false},
                                      {"none", None{}},
                                      {"None", None{}}}) {
      if (first.text == name) return literal(value);
    }
    ExpressionPtr result = make(Expression::Kind::kName);
    result->name = take().text;
    return result;
  }
  if (first.kind == Kind::kString) {
    std::string text = first.text;
    while (word(1).kind == Kind::kString) {  // those side by side are one
      take();
      text += word().text;
    }
    return literal(std::make_shared<const std::string>(std::move(text)));
  }
  if (first.kind == Kind::kInteger) return literal(static_cast<int64_t>(std::stoll(first.text)));
  if (first.kind == Kind::kFloat) {
    try {
      return literal(std::stod(first.text));
    } catch (const std::out_of_range&) {
      fail(cat("number ", first.text, " is not supported"));
    }
  }
  if (take_symbol("(")) {
    ExpressionPtr inner;
    if (at_symbol(")")) {
      inner = make(Expression::Kind::kTuple);
    } else {
      inner = tuple();
    }
    expect_symbol(")");
    return inner;
  }
  if (take_symbol("[")) return bracketed(Expression::Kind::kList, "]");
  if (take_symbol("{")) return mapping();
  unexpected("a value");
}

ExpressionPtr ExpressionParser::bracketed(Expression::Kind kind, const char* close) {
  ExpressionPtr list = make(kind);
  while (!at_symbol(close)) {
    if (!list->operands.empty()) expect_symbol(",");
    if (at_symbol(close)) break;
    list->operands.push_back(expression());
  }
  expect_symbol(close);
  return list;
}

ExpressionPtr ExpressionParser::mapping() {
  ExpressionPtr dict = make(Expression::Kind::kDict);
  while (!at_symbol("}")) {
    if (!dict->operands.empty()) expect_symbol(",");
    if (at_symbol("}")) break;
    dict->operands.push_back(expression());
    expect_symbol(":");
    dict->operands.push_back(expression());
  }
  expect_symbol("}");
  return dict;
}

bool ExpressionParser::at_end_of_tuple() const {
  return word().kind == Kind::kEndPrint || word().kind == Kind::kEndBlock || at_symbol(")") || at_symbol("=");
}

ExpressionPtr ExpressionParser::tuple(Choice choice) {
  ExpressionPtr first = expression(choice);
  if (!at_symbol(",")) return first;
  ExpressionPtr all = make(Expression::Kind::kTuple);
  all->operands.push_back(std::move(first));
  while (take_symbol(",") && !at_end_of_tuple()) all->operands.push_back(expression(choice));
  return all;
}

void ExpressionParser::postfix(std::vector<Access>& accesses) {
  for (;;) {
    if (at_symbol(".")) {
      const int line = take().line;
      accesses.push_back({.kind = Access::Kind::kAttribute, .line = line, .name = expect_name(".")});
    } else if (take_symbol("[")) {
      accesses.push_back(subscript());
    } else if (at_symbol("(")) {
      const int line = word().line;
      accesses.push_back({.kind = Access::Kind::kCall, .line = line, .arguments = arguments()});
    } else {
      return;
    }
  }
}

// Behind the opening bracket.
Access ExpressionParser::subscript() {
  Access access{.kind = Access::Kind::kItem, .line = word().line};
  if (!at_symbol(":")) access.item = expression();
  if (take_symbol(":")) {
    access.kind = Access::Kind::kSlice;
    access.begin = std::move(access.item);
    if (!at_symbol(":") && !at_symbol("]")) access.end = expression();
    if (take_symbol(":") && !at_symbol("]")) access.step = expression();
  }
  expect_symbol("]");
  return access;
}

Access ExpressionParser::filter() {
  Access access{.kind = Access::Kind::kFilter, .line = word().line, .name = expect_name("|")};
  if (at_symbol("(")) access.arguments = arguments();
  return access;
}

Access ExpressionParser::test() {
  Access access{.kind = Access::Kind::kTest, .line = take().line};
  if (take_name("not")) access.kind = Access::Kind::kTestNot;
  access.name = expect_name("is");
  const Kind kind = word().kind;
  const bool value = kind == Kind::kString || kind == Kind::kInteger || kind == Kind::kFloat || at_symbol("[") ||
                     at_symbol("{") || (kind == Kind::kName && !at_name("else") && !at_name("or") && !at_name("and"));
  if (at_symbol("(")) {
    access.arguments = arguments();
  } else if (value) {  // is divisibleby 3
    if (at_name("is")) fail("'is' behind 'is' is not supported");
    ExpressionPtr base = primary();
    std::vector<Access> accesses;
    postfix(accesses);
    access.arguments.push_back({"", accessed(std::move(base), std::move(accesses))});
  }
  return access;
}

std::vector<Argument> ExpressionParser::arguments() {
  std::vector<Argument> all;
  expect_symbol("(");
  while (!at_symbol(")")) {
    if (!all.empty()) expect_symbol(",");
    if (at_symbol(")")) break;
    Argument argument;
    if (word().kind == Kind::kName && word(1).is(Kind::kSymbol, "=")) {
      argument.name = take().text;
      take();
    } else if (!all.empty() && !all.back().name.empty()) {
      fail("an argument by position behind one by name");
    }
    argument.value = expression();
    all.push_back(std::move(argument));
  }
  expect_symbol(")");
  return all;
}

}  // namespace specula::chat

#include "framework/text/chat_expression.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "framework/core/error.h"

namespace specula::chat {
namespace {

[[noreturn]] void fail(int line, const std::string& what) {
  throw Error(cat("chat template, line ", line, ": ", what));
}

template <class T>
const T* as(const Value& value) {
  return std::get_if<T>(&value);
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n\f\v");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\r\n\f\v") + 1 - begin);
}

const char* kind_of(const Value& value) {
  static constexpr const char* kKinds[] = {"an undefined value", "none",      "a boolean", "a number",
                                           "a string",           "a message", "a list",    "loop"};
  return kKinds[value.index()];
}

bool same(const Value& a, const Value& b) {
  if (a.index() != b.index()) return false;
  if (as<std::string>(a) != nullptr) return *as<std::string>(a) == *as<std::string>(b);
  if (as<int64_t>(a) != nullptr) return *as<int64_t>(a) == *as<int64_t>(b);
  if (as<bool>(a) != nullptr) return *as<bool>(a) == *as<bool>(b);
  return as<None>(a) != nullptr || as<Undefined>(a) != nullptr;
}

}  // namespace

bool is_true(const Value& value) {
  if (const auto* flag = as<bool>(value)) return *flag;
  if (const auto* number = as<int64_t>(value)) return *number != 0;
  if (const auto* text = as<std::string>(value)) return !text->empty();
  if (const auto* list = as<Messages>(value)) return !list->empty();
  return as<ChatMessage>(value) != nullptr || as<Loop>(value) != nullptr;
}

std::string to_text(const Value& value, int line) {
  if (const auto* text = as<std::string>(value)) return *text;
  if (const auto* number = as<int64_t>(value)) return cat(*number);
  if (as<Undefined>(value) != nullptr) return "";  // as Jinja prints it
  fail(line, cat("text was expected, got ", kind_of(value)));
}

Messages to_messages(const Value& value, int line) {
  if (const auto* list = as<Messages>(value)) return *list;
  fail(line, cat("a list of messages was expected, got ", kind_of(value)));
}

Expression::Expression(const std::string& text, int line, const Scope& scope) : line_(line), scope_(scope) {
  read_words(text);
}

void Expression::read_words(const std::string& text) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++i;
    } else if (c == '\'' || c == '"') {
      std::string content;
      for (++i; i < text.size() && text[i] != c; ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
          content += text[i];
          continue;
        }
        const char escaped = text[++i];
        if (escaped == 'u' || escaped == 'x') unsupported(cat("escape \\", escaped));
        content += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
      }
      if (i++ >= text.size()) unsupported("string without its end");
      words_.push_back({Word::Kind::kString, content});
    } else if (is_word(c)) {
      size_t end = i;
      while (end < text.size() && is_word(text[end])) ++end;
      const bool number = std::isdigit(static_cast<unsigned char>(c)) != 0;
      if (number && end - i > 9) unsupported("number " + text.substr(i, end - i));
      words_.push_back({number ? Word::Kind::kNumber : Word::Kind::kName, text.substr(i, end - i)});
      i = end;
    } else {
      const std::string two = text.substr(i, 2);
      const bool wide = two == "==" || two == "!=" || two == "<=" || two == ">=" || two == "//" || two == "**";
      words_.push_back({Word::Kind::kSymbol, wide ? two : two.substr(0, 1)});
      i += wide ? 2 : 1;
    }
  }
  words_.push_back({Word::Kind::kEnd, "end of the expression"});
}

std::string Expression::appended(const std::string& left, const std::string& right) const {
  if (left.size() + right.size() > kMostTextBytes) unsupported(cat("a text of more than ", kMostTextBytes, " bytes"));
  return left + right;
}

void Expression::unsupported(const std::string& what) const { fail(line_, cat(what, " is not supported")); }

bool Expression::take(const char* text) {
  const Word& word = words_[at_];
  if ((word.kind != Word::Kind::kSymbol && word.kind != Word::Kind::kName) || word.text != text) return false;
  ++at_;
  return true;
}

void Expression::expect(const char* text) {
  if (!take(text)) unsupported(cat("'", words_[at_].text, "' where '", text, "' was expected"));
}

std::string Expression::take_name(const char* after) {
  if (words_[at_].kind != Word::Kind::kName) unsupported(cat("'", words_[at_].text, "' after '", after, "'"));
  return words_[at_++].text;
}

Value Expression::value() {
  Value result = either();
  if (words_[at_].kind != Word::Kind::kEnd) unsupported(cat("'", words_[at_].text, "'"));
  return result;
}

Value Expression::either() {
  Value left = both();
  while (take("or")) {
    const bool decided = is_true(left);
    skipping_ += decided ? 1 : 0;
    Value right = both();
    skipping_ -= decided ? 1 : 0;
    if (!decided) left = std::move(right);
  }
  return left;
}

Value Expression::both() {
  Value left = negation();
  while (take("and")) {
    const bool decided = !is_true(left);
    skipping_ += decided ? 1 : 0;
    Value right = negation();
    skipping_ -= decided ? 1 : 0;
    if (!decided) left = std::move(right);
  }
  return left;
}

// Everything that nests comes by here.
Value Expression::negation() {
  if (++depth_ > kMostDepth) unsupported(cat("an expression more than ", kMostDepth, " deep"));
  Value result = take("not") ? Value{!is_true(negation())} : comparison();
  --depth_;
  return result;
}

Value Expression::comparison() {
  Value left = joined();
  for (;;) {
    if (take("is")) {
      left = test(left);
      continue;
    }
    std::string operation;
    for (const char* candidate : {"==", "!=", "<=", ">=", "<", ">", "in"}) {
      if (operation.empty() && take(candidate)) operation = candidate;
    }
    if (operation.empty() && take("not")) {
      expect("in");
      operation = "not in";
    }
    if (operation.empty()) return left;
    const Value right = joined();
    left = running() ? compared(left, operation, right) : Value{false};
  }
}

Value Expression::test(const Value& left) {
  const bool negated = take("not");
  const std::string name = take_name("is");
  bool holds = false;
  if (name == "defined") {
    holds = as<Undefined>(left) == nullptr;
  } else if (name == "undefined") {
    holds = as<Undefined>(left) != nullptr;
  } else if (name == "none") {
    holds = as<None>(left) != nullptr;
  } else if (name == "string") {
    holds = as<std::string>(left) != nullptr;
  } else {
    unsupported(cat("test 'is ", name, "'"));
  }
  return holds != negated;
}

Value Expression::compared(const Value& left, const std::string& operation, const Value& right) {
  if (operation == "==") return same(left, right);
  if (operation == "!=") return !same(left, right);
  if (operation == "in" || operation == "not in") {
    const auto *part = as<std::string>(left), *whole = as<std::string>(right);
    const auto* message = as<ChatMessage>(right);
    if (part == nullptr || (whole == nullptr && message == nullptr))
      unsupported(cat("'", operation, "' in ", kind_of(right)));
    const bool found =
        whole != nullptr ? whole->find(*part) != std::string::npos : *part == "role" || *part == "content";
    return found == (operation == "in");
  }
  const auto *a = as<int64_t>(left), *b = as<int64_t>(right);
  if (a == nullptr || b == nullptr)
    unsupported(cat("'", operation, "' between ", kind_of(left), " and ", kind_of(right)));
  if (operation == "<") return *a < *b;
  if (operation == "<=") return *a <= *b;
  return operation == ">" ? *a > *b : *a >= *b;
}

Value Expression::joined() {
  Value left = sum();
  while (take("~")) {
    const Value right = sum();
    if (running()) left = appended(to_text(left, line_), to_text(right, line_));
  }
  return left;
}

Value Expression::sum() {
  Value left = product();
  for (;;) {
    const bool plus = take("+");
    if (!plus && !take("-")) return left;
    const Value right = product();
    if (!running()) continue;
    if (plus && as<std::string>(left) != nullptr && as<std::string>(right) != nullptr) {
      left = appended(*as<std::string>(left), *as<std::string>(right));
    } else if (as<int64_t>(left) != nullptr && as<int64_t>(right) != nullptr) {
      const int64_t a = *as<int64_t>(left), b = *as<int64_t>(right);
      int64_t result = 0;
      if (plus ? __builtin_add_overflow(a, b, &result) : __builtin_sub_overflow(a, b, &result))
        unsupported("a number beyond 64 bits");
      left = result;
    } else {
      unsupported(cat("'", plus ? "+" : "-", "' between ", kind_of(left), " and ", kind_of(right)));
    }
  }
}

Value Expression::product() {
  Value left = filtered();
  while (take("%")) {
    const Value right = filtered();
    if (!running()) continue;
    const auto *a = as<int64_t>(left), *b = as<int64_t>(right);
    if (a == nullptr || b == nullptr || *b <= 0)
      unsupported(cat("'%' between ", kind_of(left), " and ", kind_of(right)));
    const int64_t rest = *a % *b;
    left = rest < 0 ? rest + *b : rest;
  }
  return left;
}

Value Expression::filtered() {
  Value left = primary();
  while (take("|")) {
    const std::string name = take_name("|");
    if (running() && name != "trim" && name != "length") unsupported(cat("filter '", name, "'"));
    if (!running()) continue;
    if (name == "trim") {
      left = trimmed(to_text(left, line_));
    } else {
      left = static_cast<int64_t>(to_messages(left, line_).size());
    }
  }
  return left;
}

Value Expression::primary() {
  Value of = atom();
  for (;;) {
    if (take("[")) {
      of = subscript(of);
    } else if (take(".")) {
      const std::string name = take_name(".");
      if (name == "strip" && take("(")) {
        expect(")");
        if (running()) of = trimmed(to_text(of, line_));
      } else {
        of = attribute(of, name);
      }
    } else if (words_[at_].kind == Word::Kind::kSymbol && words_[at_].text == "(") {
      unsupported(cat("calling '", at_ > 0 ? words_[at_ - 1].text : "", "'"));
    } else {
      return of;
    }
  }
}

Value Expression::attribute(const Value& of, const std::string& name) {
  if (!running()) return Undefined{};
  if (const auto* message = as<ChatMessage>(of)) {
    if (name == "role") return message->role;
    if (name == "content") return message->content;
    return Undefined{};  // tool calls and the like: our messages have none
  }
  if (const auto* loop = as<Loop>(of)) {
    if (name == "first") return loop->index == 0;
    if (name == "last") return loop->index + 1 == loop->count;
    if (name == "index0") return loop->index;
    if (name == "index") return loop->index + 1;
    if (name == "length") return loop->count;
    if (name == "revindex0") return loop->count - loop->index - 1;
  }
  unsupported(cat("'.", name, "' of ", kind_of(of)));
}

// After the opening bracket: [i], ['key'], [a:], [:b], [a:b].
Value Expression::subscript(const Value& of) {
  Value first = Undefined{}, last = Undefined{};
  const bool has_first = words_[at_].text != ":" || words_[at_].kind != Word::Kind::kSymbol;
  if (has_first) first = either();
  const bool slice = take(":");
  const bool has_last = slice && (words_[at_].text != "]" || words_[at_].kind != Word::Kind::kSymbol);
  if (has_last) last = either();
  expect("]");
  if (!running()) return Undefined{};
  if (!slice && as<std::string>(first) != nullptr) return attribute(of, *as<std::string>(first));
  const Messages list = to_messages(of, line_);
  const auto size = static_cast<int64_t>(list.size());
  const auto number = [&](const Value& value) {
    const auto* index = as<int64_t>(value);
    if (index == nullptr) unsupported(cat("an index that is ", kind_of(value)));
    return *index < 0 ? *index + size : *index;
  };
  if (!slice) {
    const int64_t index = number(first);
    if (index < 0 || index >= size) return Undefined{};
    return list[static_cast<size_t>(index)];
  }
  const int64_t begin = std::clamp<int64_t>(has_first ? number(first) : 0, 0, size);
  const int64_t end = std::clamp<int64_t>(has_last ? number(last) : size, begin, size);
  return Messages(list.begin() + begin, list.begin() + end);
}

Value Expression::atom() {
  const Word word = words_[at_++];
  if (word.kind == Word::Kind::kString) return word.text;
  if (word.kind == Word::Kind::kNumber) return static_cast<int64_t>(std::stoll(word.text));
  if (word.kind == Word::Kind::kSymbol && word.text == "(") {
    Value inner = either();
    expect(")");
    return inner;
  }
  if (word.kind == Word::Kind::kSymbol && word.text == "-") {
    const Value inner = words_[at_].text == "-" ? Value{} : atom();
    if (as<int64_t>(inner) == nullptr) unsupported("'-' before anything but a number");
    return -std::max(*as<int64_t>(inner), -std::numeric_limits<int64_t>::max());
  }
  if (word.kind != Word::Kind::kName) {
    --at_;
    unsupported(cat("'", word.text, "'"));
  }
  if (word.text == "true" || word.text == "True") return true;
  if (word.text == "false" || word.text == "False") return false;
  if (word.text == "none" || word.text == "None") return None{};
  if (word.text == "raise_exception" && take("(")) {
    const Value text = either();
    expect(")");
    if (running()) fail(line_, cat("refused by the template: ", to_text(text, line_)));
    return Undefined{};
  }
  const auto found = scope_.find(word.text);
  return found == scope_.end() ? Value{Undefined{}} : found->second;
}

}  // namespace specula::chat

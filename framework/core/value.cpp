#include "framework/core/value.h"

#include <cctype>
#include <charconv>
#include <cmath>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int kMostDepth = 64;

// Reads "name(key=value, ...)" lists; a position in the text is carried for errors.
class CallParser {
 public:
  CallParser(const std::string& text, const std::string& origin) : text_(text), origin_(origin) {}

  std::vector<Value> list() {
    std::vector<Value> calls;
    skip();
    while (at_ < text_.size()) {
      calls.push_back(call());
      skip();
      if (at_ == text_.size()) break;
      expect(',');
      skip();
      if (at_ == text_.size()) fail("a name is missing after the last ','");
    }
    return calls;
  }

 private:
  Value call() {
    Value result;
    result.origin = origin_;
    Value name;
    name.origin = origin_;
    name.data = identifier();
    result.set("name", name);
    skip();
    if (!take('(')) return result;
    skip();
    if (take(')')) return result;
    while (true) {
      argument(result);
      skip();
      if (take(')')) return result;
      expect(',');
      skip();
    }
  }

  void argument(Value& into) {
    const size_t start = at_;
    std::string key;
    if (at_ < text_.size() && (std::isalpha(static_cast<unsigned char>(text_[at_])) != 0)) {
      const std::string word = identifier();
      skip();
      if (take('=')) {
        key = word;
        skip();
      } else {
        at_ = start;
      }
    }
    if (into.find(key) != nullptr)
      fail(key.empty() ? "only one value may stand without a key" : "'" + key + "' is given twice");
    into.set(key, value());
  }

  Value value() {
    if (++depth_ > kMostDepth) fail(cat("values are nested more than ", kMostDepth, " deep"));
    Value result = value_here();
    --depth_;
    return result;
  }

  Value value_here() {
    Value result;
    result.origin = origin_;
    if (at_ < text_.size() && text_[at_] == '"') {
      ++at_;
      result.data = quoted_text();
      return result;
    }
    if (take('[')) {
      result.data = array();
      return result;
    }
    const size_t start = at_;
    while (at_ < text_.size() && std::string(",()[]").find(text_[at_]) == std::string::npos) ++at_;
    if (at_ < text_.size() && text_[at_] == '(') {
      at_ = start;
      return call();
    }
    std::string word = text_.substr(start, at_ - start);
    while (!word.empty() && word.back() == ' ') word.pop_back();
    if (word.empty()) fail("a value is missing");
    result.data = scalar(word);
    return result;
  }

  // Up to the closing quote.  What quoted() writes is read back; a backslash before anything else stands for itself, so
  // that a regular expression needs no second one.
  std::string quoted_text() {
    static const std::string kEscapes = "\"\\nt", kMeant = "\"\\\n\t";
    std::string inner;
    while (!take('"')) {
      if (at_ >= text_.size()) fail("a closing '\"' is missing");
      const size_t escape =
          text_[at_] == '\\' && at_ + 1 < text_.size() ? kEscapes.find(text_[at_ + 1]) : std::string::npos;
      if (escape != std::string::npos) ++at_;
      inner += escape != std::string::npos ? kMeant[escape] : text_[at_];
      ++at_;
    }
    return inner;
  }

  Value::Array array() {
    Value::Array elements;
    skip();
    if (take(']')) return elements;
    while (true) {
      elements.push_back(value());
      skip();
      if (take(']')) return elements;
      expect(',');
      skip();
    }
  }

  static decltype(Value::data) scalar(const std::string& word) {
    if (word == "true") return true;
    if (word == "false") return false;
    int64_t integer = 0;
    double number = 0;
    const char* end = word.data() + word.size();
    if (auto r = std::from_chars(word.data(), end, integer); r.ec == std::errc() && r.ptr == end) return integer;
    if (auto r = std::from_chars(word.data(), end, number); r.ec == std::errc() && r.ptr == end) return number;
    return word;
  }

  std::string identifier() {
    const size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    if (at_ == start) fail("a name is expected");
    return text_.substr(start, at_ - start);
  }

  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(cat("'", c, "' is expected"));
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw ConfigError(
        cat(origin_, ": column ", at_ + 1, " of '", text_, "': ", what, "; the form is name(key=value, ...)"));
  }

  const std::string& text_;
  const std::string& origin_;
  size_t at_ = 0;
  int depth_ = 0;
};

bool is_bare_key(const std::string& key) {
  for (char c : key) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') return false;
  }
  return !key.empty();
}

struct Printer {
  std::string operator()(bool b) const { return b ? "true" : "false"; }
  std::string operator()(int64_t i) const { return std::to_string(i); }
  std::string operator()(double d) const {
    if (!std::isfinite(d)) return std::isnan(d) ? "nan" : d > 0 ? "inf" : "-inf";
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, d).ptr;
    std::string text(buffer, end);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
  }
  std::string operator()(const std::string& s) const { return quoted(s); }
  std::string operator()(const Value::Array& a) const {
    std::vector<std::string> parts;
    for (const Value& v : a) parts.push_back(to_text(v));
    return "[" + join(parts) + "]";
  }
  std::string operator()(const Value::Table& t) const {
    std::vector<std::string> parts;
    for (const Entry& e : t) parts.push_back((is_bare_key(e.key) ? e.key : quoted(e.key)) + " = " + to_text(e.value));
    return parts.empty() ? "{}" : "{ " + join(parts) + " }";
  }
};

}  // namespace

const Value* Value::find(const std::string& key) const {
  if (!is_table()) return nullptr;
  for (const Entry& e : table()) {
    if (e.key == key) return &e.value;
  }
  return nullptr;
}

Value* Value::find(const std::string& key) { return const_cast<Value*>(static_cast<const Value*>(this)->find(key)); }

Value& Value::set(const std::string& key, Value value) {
  if (Value* old = find(key)) return *old = std::move(value);
  table().push_back({key, std::move(value)});
  return table().back().value;
}

bool Value::erase(const std::string& key) {
  return is_table() && std::erase_if(table(), [&](const Entry& e) { return e.key == key; }) > 0;
}

std::string kind_name(const Value& value) {
  static const char* const kNames[] = {"a table", "a boolean", "an integer", "a number", "a string", "an array"};
  return kNames[value.data.index()];
}

std::string to_text(const Value& value) { return std::visit(Printer{}, value.data); }

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (u < 0x20 || u == 0x7f) {
      static const char* const kHex = "0123456789ABCDEF";
      out += std::string("\\u00") + kHex[u >> 4] + kHex[u & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::vector<Value> parse_calls(const std::string& text, const std::string& origin) {
  return CallParser(text, origin).list();
}

Value parse_call(const std::string& text, const std::string& origin) {
  std::vector<Value> calls = parse_calls(text, origin);
  if (calls.size() != 1)
    throw ConfigError(cat(origin, ": '", text, "' names ", calls.size(), " things where one is expected"));
  return std::move(calls.front());
}

}  // namespace specula

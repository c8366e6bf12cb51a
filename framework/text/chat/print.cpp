#include "framework/text/chat/print.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "framework/core/error.h"
#include "framework/text/chat/python_text.h"

namespace specula::chat {
namespace {

// The shortest digits that read back as the number, laid out as Python's repr does.
std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto [end, status] = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  const std::string shortest(buffer, end);  // "-1.25e+02"
  const size_t e = shortest.find('e');
  const int exponent = std::stoi(shortest.substr(e + 1));
  std::string mantissa = shortest.substr(0, e);
  if (exponent < -4 || exponent >= 16) {
    return cat(mantissa, exponent < 0 ? "e-" : "e+", std::abs(exponent) < 10 ? "0" : "", std::abs(exponent));
  }
  std::string digits;
  for (const char c : mantissa) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const std::string minus = mantissa[0] == '-' ? "-" : "";
  if (exponent < 0) return minus + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() < whole + 1) digits.append(whole + 1 - digits.size(), '0');
  return minus + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string hex(unsigned value, size_t digits) {
  std::string out(digits, '0');
  for (size_t i = digits; i-- > 0; value >>= 4U) out[i] = "0123456789abcdef"[value & 0xFU];
  return out;
}

char32_t code_of(std::string_view character) {
  char32_t code = static_cast<unsigned char>(character[0]);
  if (character.size() > 1) code &= 0xFFU >> (character.size() + 1);
  for (size_t i = 1; i < character.size(); ++i)
    code = (code << 6U) | (static_cast<unsigned char>(character[i]) & 0x3FU);
  return code;
}

// Beyond ASCII only what Python prints as it is for certain: letters and signs, no separators, formats or private use.
bool is_printable(char32_t code) {
  if (code < 0x7F) return code >= 0x20;
  const bool blank = code <= 0xA0 || code == 0xAD || code == 0x1680 || (code >= 0x2000 && code <= 0x200F) ||
                     (code >= 0x2028 && code <= 0x202F) || (code >= 0x205F && code <= 0x206F) || code == 0x3000;
  return !blank && (code < 0xE000 || code > 0xF8FF) && code != 0xFEFF && code < 0xE0000;
}

std::string quoted(const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos, has_double = text.find('"') != std::string::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size();) {
    const std::string character = text.substr(i, character_bytes(text, i));
    const char32_t code = code_of(character);
    i += character.size();
    if (code == '\n' || code == '\r' || code == '\t') {
      out += code == '\n' ? "\\n" : code == '\r' ? "\\r" : "\\t";
    } else if (code == '\\' || code == static_cast<char32_t>(quote)) {
      out += "\\" + character;
    } else if (is_printable(code)) {
      out += character;
    } else if (code < 0x100) {
      out += "\\x" + hex(code, 2);
    } else {
      out += code < 0x10000 ? "\\u" + hex(code, 4) : "\\U" + hex(code, 8);
    }
  }
  return out + quote;
}

std::string represented(const Value& value) {
  const std::string* text = text_of(value);
  if (text != nullptr) return quoted(*text);
  return is_undefined(value) ? "Undefined" : printed(value);
}

std::string json_string(const std::string& text, bool ascii) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const std::string character = text.substr(i, character_bytes(text, i));
    const char32_t code = code_of(character);
    i += character.size();
    static constexpr std::string_view kNamed = "\"\\\n\r\t\b\f", kNames = "\"\\nrtbf";
    const size_t named = code < 0x80 ? kNamed.find(static_cast<char>(code)) : std::string::npos;
    if (named != std::string::npos) {
      out += {'\\', kNames[named]};
    } else if (code < 0x20 || (ascii && code > 0x7E && code < 0x10000)) {
      out += "\\u" + hex(code, 4);
    } else if (ascii && code >= 0x10000) {
      out += "\\u" + hex(0xD800 + ((code - 0x10000) >> 10U), 4) + "\\u" + hex(0xDC00 + ((code - 0x10000) & 0x3FFU), 4);
    } else {
      out += character;
    }
  }
  return out + "\"";
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style) : style_(style) {}

  std::string write(const Value& value, int level) const {
    if (const std::string* text = text_of(value)) return json_string(*text, style_.ascii);
    if (as<None>(value) != nullptr) return "null";
    if (const auto* flag = as<bool>(value)) return *flag ? "true" : "false";
    if (is_number(value)) return printed(value);
    if (const List* list = list_of(value)) {
      if (list->kind != List::Kind::kList && list->kind != List::Kind::kTuple) unsupported("'tojson' of an iterator");
      std::vector<std::string> parts;
      for (const Value& item : list->items) parts.push_back(write(item, level + 1));
      return enclosed("[", parts, "]", level);
    }
    const Dict* dict = dict_of(value);
    if (dict == nullptr) unsupported(cat("'tojson' of ", kind_of(value)));
    auto entries = dict->entries;
    if (style_.sorted)
      std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> parts;
    for (const auto& [key, item] : entries)
      parts.push_back(json_string(key, style_.ascii) + style_.key_separator + write(item, level + 1));
    return enclosed("{", parts, "}", level);
  }

 private:
  std::string enclosed(const char* open, const std::vector<std::string>& parts, const char* close, int level) const {
    if (parts.empty()) return cat(open, close);
    if (!style_.indent) return open + join(parts, style_.item_separator) + close;
    return open + line(level + 1) + join(parts, style_.item_separator + line(level + 1)) + line(level) + close;
  }
  std::string line(int level) const {
    std::string out = "\n";
    for (int i = 0; i < level; ++i) out += *style_.indent;
    return out;
  }

  const JsonStyle& style_;
};

}  // namespace

std::string printed(const Value& value) {
  if (const std::string* text = text_of(value)) return *text;
  if (const auto* number = as<int64_t>(value)) return cat(*number);
  if (const auto* number = as<double>(value)) return float_text(*number);
  if (const auto* flag = as<bool>(value)) return *flag ? "True" : "False";
  if (is_undefined(value)) return "";
  if (as<None>(value) != nullptr) return "None";
  std::vector<std::string> parts;
  if (const Dict* dict = dict_of(value)) {
    for (const auto& [key, item] : dict->entries) parts.push_back(quoted(key) + ": " + represented(item));
    return "{" + join(parts) + "}";
  }
  const List* list = list_of(value);
  if (list == nullptr || list->kind == List::Kind::kIterator || list->kind == List::Kind::kView)
    unsupported(cat("the text of ", list == nullptr ? kind_of(value) : "an iterator"));
  for (const Value& item : list->items) parts.push_back(represented(item));
  if (list->kind == List::Kind::kList) return "[" + join(parts) + "]";
  return "(" + join(parts) + (parts.size() == 1 ? ",)" : ")");
}

std::string json_text(const Value& value, const JsonStyle& style) { return JsonWriter(style).write(value, 0); }

}  // namespace specula::chat

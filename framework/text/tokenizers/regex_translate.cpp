#include <cctype>
#include <set>

#include "framework/core/error.h"
#include "framework/text/tokenizers/regex.h"
#include "framework/text/tokenizers/unicode_tables.h"

namespace specula {
namespace {

// Inside a class of PCRE2.
constexpr const char* kSpaces =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
constexpr const char* kNoSpaces =
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{d7ff}\\x{e000}-\\x{10ffff}";

std::string hex(char32_t code) {
  std::ostringstream out;
  out << "\\x{" << std::hex << static_cast<uint32_t>(code) << "}";
  return out.str();
}

// What a category ("L", "Lu") has gained since PCRE2's Unicode.
std::string gained(const std::string& category) {
  std::string ranges;
  for (const CategoryRange& range : kNewCategories) {
    if (!std::string(range.category).starts_with(category)) continue;
    ranges += hex(range.first) + (range.last > range.first ? "-" + hex(range.last) : "");
  }
  return ranges;
}

// Scripts that gained ideographs and letters since then.
std::string gained_by_script(const std::string& script) {
  if (script == "han") return "\\x{2b739}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}";
  if (script == "hiragana") return "\\x{1b132}";
  return script == "katakana" ? "\\x{1b155}" : "";
}

std::string words() {
  return "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}" + gained("L") + gained("M") +
         gained("Nd");
}

// One pass over the pattern.  `out_` is the pattern for PCRE2; `atom_` is where in it the last atom begins, for
// quantifiers that mean something else there.
class Translator {
 public:
  Translator(const std::string& pattern, const std::string& place) : in_(pattern), place_(place) {}

  std::string run() {
    while (at_ < in_.size()) step();
    return out_;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(cat(place_, ": ", what, " at byte ", at_, " of '", in_, "' is not supported"));
  }
  char peek(size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }

  void atom(const std::string& text) {
    atom_ = out_.size();
    out_ += text;
  }

  void step() {
    const char c = peek();
    if (c == '\\') return escape();
    if (c == '[') {
      atom_ = out_.size();
      return character_class();
    }
    if (c == '(') return open();
    if (c == ')') {
      if (groups_.empty()) refuse("an unmatched )");
      atom_ = groups_.back();
      groups_.pop_back();
    }
    if (c == '{' && interval()) return;
    const bool begins_atom = std::string_view(")|*+?^$").find(c) == std::string_view::npos;
    if (begins_atom && (static_cast<unsigned char>(c) & 0xC0) != 0x80) atom_ = out_.size();
    out_ += c;
    ++at_;
  }

  // Ruby's (?m) is what others call (?s).
  void open() {
    groups_.push_back(out_.size());
    out_ += '(';
    ++at_;
    if (peek() != '?') return;
    size_t end = at_ + 1;
    while (end < in_.size() && std::string_view("imx-").find(in_[end]) != std::string_view::npos) ++end;
    if (end == at_ + 1 || end >= in_.size() || (in_[end] != ':' && in_[end] != ')')) return;
    for (; at_ < end; ++at_) out_ += in_[at_] == 'm' ? 's' : in_[at_];
  }

  // {n,m} as there; a sign behind it repeats the whole instead of making it possessive or lazy where the count is
  // fixed.
  bool interval() {
    size_t end = at_ + 1;
    bool comma = false;
    while (end < in_.size() &&
           (std::isdigit(static_cast<unsigned char>(in_[end])) != 0 || (in_[end] == ',' && !comma))) {
      comma = comma || in_[end] == ',';
      ++end;
    }
    if (end >= in_.size() || in_[end] != '}' || end == at_ + 1 || (comma && end == at_ + 2)) return false;
    std::string counts = in_.substr(at_ + 1, end - at_ - 1);
    if (counts.front() == ',') counts = "0" + counts;
    out_ += "{" + counts + "}";
    at_ = end + 1;
    if (peek() == '+' || (peek() == '?' && !comma)) {
      out_.insert(atom_, "(?:");
      out_ += ")";
    }
    return true;
  }

  void escape() {
    const char c = peek(1);
    if (c == '\0') refuse("a \\ at the end");
    const auto take = [&](const std::string& text) {
      at_ += 2;
      atom(text);
    };
    const std::string w = words();
    switch (c) {
      case 's':
        return take(cat("[", kSpaces, "]"));
      case 'S':
        return take(cat("[^", kSpaces, "]"));
      case 'w':
        return take("[" + w + "]");
      case 'W':
        return take("[^" + w + "]");
      case 'd':
        return take("[\\p{Nd}" + gained("Nd") + "]");
      case 'D':
        return take("[^\\p{Nd}" + gained("Nd") + "]");
      case 'h':
        return take("[0-9A-Fa-f]");
      case 'H':
        return take("[^0-9A-Fa-f]");
      case 'b':
        return take(cat("(?:(?<=[", w, "])(?![", w, "])|(?<![", w, "])(?=[", w, "]))"));
      case 'B':
        return take(cat("(?:(?<=[", w, "])(?=[", w, "])|(?<![", w, "])(?![", w, "]))"));
      case 'p':
      case 'P': {
        const auto [positive, inside] = property();
        return atom(cat(positive ? "[" : "[^", inside, "]"));
      }
      case 'u': {
        const std::string code = four_digits();
        return atom(code);
      }
      default: {
        atom_ = out_.size();
        out_ += '\\';
        out_ += c;
        at_ += 2;
      }
    }
  }

  // \uHHHH, which is read.
  std::string four_digits() {
    const std::string digits = in_.substr(at_ + 2, 4);
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) refuse("\\u");
    at_ += 6;
    return "\\x{" + digits + "}";
  }

  // \p{Name} or \P{Name} or \p{^Name}, which is read: whether it is positive, and the class without its brackets.
  std::pair<bool, std::string> property() {
    const bool capital = peek(1) == 'P';
    const size_t close = in_.find('}', at_);
    if (peek(2) != '{' || close == std::string::npos) refuse("\\p without {Name}");
    std::string name;
    bool caret = false;
    for (size_t i = at_ + 3; i < close; ++i) {
      if (in_[i] == '^' && i == at_ + 3) {
        caret = true;
      } else if (in_[i] != ' ' && in_[i] != '_' && in_[i] != '-') {
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(in_[i])));
      }
    }
    const std::string inside = property_class(name);
    at_ = close + 1;
    return {capital == caret, inside};
  }

  std::string property_class(const std::string& name) {
    static const std::set<std::string> kCategories = {"c",  "cc", "cf", "cn", "co", "cs", "l",  "ll", "lm", "lo",
                                                      "lt", "lu", "m",  "mc", "me", "mn", "n",  "nd", "nl", "no",
                                                      "p",  "pc", "pd", "pe", "pf", "pi", "po", "ps", "s",  "sc",
                                                      "sk", "sm", "so", "z",  "zl", "zp", "zs"};
    static const std::vector<std::pair<std::string, std::string>> kLongNames = {
        {"letter", "l"},      {"uppercaseletter", "lu"}, {"lowercaseletter", "ll"},
        {"mark", "m"},        {"number", "n"},           {"decimalnumber", "nd"},
        {"punctuation", "p"}, {"symbol", "s"},           {"separator", "z"},
        {"other", "c"},       {"digit", "nd"},           {"punct", "p"}};
    std::string category = name;
    for (const auto& [longer, shorter] : kLongNames) {
      if (name == longer) category = shorter;
    }
    if (kCategories.contains(category)) {
      category[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(category[0])));
      return cat("\\p{", category, "}", gained(category));
    }
    if (name == "space" || name == "whitespace") return kSpaces;
    if (name == "word") return words();
    if (name == "alpha" || name == "alphabetic") return "\\p{Alphabetic}" + gained("L");
    if (name == "alnum") return "\\p{Alphabetic}\\p{Nd}" + gained("L") + gained("Nd");
    if (name == "any") return "\\x{0}-\\x{d7ff}\\x{e000}-\\x{10ffff}";
    return cat("\\p{sc:", name, "}", gained_by_script(name));
  }

  void character_class() {
    out_ += '[';
    ++at_;
    if (peek() == '^') {
      out_ += '^';
      ++at_;
    }
    bool first = true;
    while (peek() != ']' || first) {
      if (at_ >= in_.size()) refuse("a [ without ]");
      first = false;
      if (peek() == '[' && peek(1) == ':') {
        posix_class();
      } else if (peek() == '[') {
        refuse("a class within a class");
      } else if (peek() == '&' && peek(1) == '&') {
        refuse("&&");
      } else if (peek() == '\\') {
        class_escape();
      } else {
        out_ += in_[at_++];
      }
    }
    out_ += ']';
    ++at_;
  }

  void posix_class() {
    const size_t close = in_.find(":]", at_);
    const std::string name = close == std::string::npos ? "" : in_.substr(at_ + 2, close - at_ - 2);
    if (name == "space") {
      out_ += kSpaces;
    } else if (name == "alpha" || name == "alnum" || name == "punct" || name == "digit" || name == "word") {
      out_ += property_class(name);
    } else if (name == "upper" || name == "lower") {
      out_ += cat("\\p{", name == "upper" ? "Uppercase" : "Lowercase", "}");
    } else {
      refuse("[:" + name + ":]");
    }
    at_ = close + 2;
  }

  void class_escape() {
    const char c = peek(1);
    const auto take = [&](const std::string& text) {
      at_ += 2;
      out_ += text;
    };
    switch (c) {
      case 's':
        return take(kSpaces);
      case 'S':
        return take(kNoSpaces);
      case 'w':
        return take(words());
      case 'd':
        return take("\\p{Nd}" + gained("Nd"));
      case 'h':
        return take("0-9A-Fa-f");
      case 'W':
      case 'D':
      case 'H':
        refuse(cat("\\", c, " within a class"));
      case 'p':
      case 'P': {
        const size_t begin = at_;
        const auto [positive, inside] = property();
        // The complement of a category within a class is PCRE2's own, without what was gained since.
        if (!positive && !inside.starts_with("\\p")) {
          at_ = begin;
          refuse("the complement of this property within a class");
        }
        out_ += positive ? inside : "\\P" + inside.substr(2, inside.find('}') - 1);
        return;
      }
      case 'u': {
        out_ += four_digits();
        return;
      }
      case '\0':
        refuse("a \\ at the end");
      default:
        return take(cat("\\", c));
    }
  }

  const std::string& in_;
  const std::string& place_;
  std::string out_;
  size_t at_ = 0, atom_ = 0;
  std::vector<size_t> groups_;  // where in out_ each open group begins
};

}  // namespace

std::string translate_regex(const std::string& pattern, const std::string& place) {
  return Translator(pattern, place).run();
}

}  // namespace specula

#include "experiments/scores/gsm8k.h"

#include <algorithm>
#include <cctype>

namespace specula {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

struct Number {
  std::string text;  // normalised
  size_t end = 0;    // behind it
};

// 007.50 is 7.5, and -0 is 0.
std::string normalised(std::string digits, std::string fraction, bool negative) {
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (digits.empty()) digits = "0";
  const std::string size = fraction.empty() ? digits : digits + "." + fraction;
  return negative && size != "0" ? "-" + size : size;
}

// A minus is a sign unless something is subtracted from: "8-3" ends in 3.
bool is_negative(const std::string& text, size_t first_digit) {
  size_t at = first_digit;
  if (at > 0 && text[at - 1] == '$') --at;
  if (at == 0 || text[at - 1] != '-') return false;
  return at == 1 || (!is_word(text[at - 2]) && text[at - 2] != ')');
}

std::string digits_at(const std::string& text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  return at < end ? text.substr(at, end - at) : "";
}

// The number whose first digit stands at `at`.
Number number_at(const std::string& text, size_t at) {
  std::string digits = digits_at(text, at), fraction;
  size_t end = at + digits.size();
  while (end < text.size() && text[end] == ',' && digits_at(text, end + 1).size() == 3) {
    digits += digits_at(text, end + 1);
    end += 4;
  }
  if (end < text.size() && text[end] == '.') fraction = digits_at(text, end + 1);
  if (!fraction.empty()) end += 1 + fraction.size();
  return {normalised(digits, fraction, is_negative(text, at)), end};
}

// The first number at or behind `from`; no text: there is none.
Number next_number(const std::string& text, size_t from) {
  while (from < text.size() && !is_digit(text[from])) ++from;
  if (from == text.size()) return {};
  if (from > 0 && text[from - 1] == '.' && (from == 1 || !is_word(text[from - 2]))) {  // .5
    const std::string fraction = digits_at(text, from);
    return {normalised("0", fraction, is_negative(text, from - 1)), from + fraction.size()};
  }
  return number_at(text, from);
}

Judgement judge(const std::string& answer, const std::string& reference) {
  const std::string found = answered_number(answer);
  return {.right = !found.empty() && found == answered_number(reference), .found = found};
}

}  // namespace

std::string answered_number(const std::string& text) {
  const size_t mark = text.find("####");
  if (mark != std::string::npos) {
    const std::string line = text.substr(mark, text.find('\n', mark) - mark);
    std::string marked = next_number(line, 0).text;
    if (!marked.empty()) return marked;
  }
  std::string last;
  for (Number number = next_number(text, 0); !number.text.empty(); number = next_number(text, number.end))
    last = number.text;
  return last;
}

Scorer gsm8k_em() {
  return {.id = "gsm8k_em@1",
          .definition =
              "Exact match of the number that the answer gives: the first one on the line of the first \"####\", else "
              "the last one of the text.  A number is digits, with commas before groups of three, and at most one "
              "fraction; a "
              "dollar sign, commas, a point behind it, a percent sign, leading zeros and zeros at the end of the "
              "fraction do not count (\"$1,200.00.\" is 1200), and a minus counts unless a letter, a digit or ')' "
              "stands before it.  Fractions written with a slash are two numbers.  The reference is read in the "
              "same way.",
          .unit_of = "a number",
          .can_use = [](const std::string& reference) { return !answered_number(reference).empty(); },
          .judge = judge};
}

}  // namespace specula

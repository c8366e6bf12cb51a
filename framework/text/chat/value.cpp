#include "framework/text/chat/value.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/text/chat/python_text.h"

namespace specula::chat {
namespace {

int height_of(const Value& value) {
  if (const List* list = list_of(value)) return list->height;
  if (const Dict* dict = dict_of(value)) return dict->height;
  return 0;
}

void check_height(int height) {
  if (height > kMostDepth) unsupported(cat("a list more than ", kMostDepth, " deep"));
}

bool is_sequence(const List& list) { return list.kind == List::Kind::kList || list.kind == List::Kind::kTuple; }

template <class T>
int sign(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

}  // namespace

void unsupported(const std::string& what) { throw Fault(what + " is not supported"); }

const Value* Dict::find(const std::string& key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == key; });
  return found == entries.end() ? nullptr : &found->second;
}

void Budget::spend(int64_t steps) {
  steps_ += steps;
  if (steps_ > kMostSteps) throw Fault(cat("the template takes more than ", kMostSteps, " steps"));
}

Text Budget::text(std::string made) {
  if (made.size() > kMostTextBytes) unsupported(cat("a text of more than ", kMostTextBytes, " bytes"));
  read(made.size());
  return std::make_shared<const std::string>(std::move(made));
}

Text Budget::text(const std::string& left, const std::string& right) {
  if (left.size() + right.size() > kMostTextBytes) unsupported(cat("a text of more than ", kMostTextBytes, " bytes"));
  return text(left + right);
}

Value Budget::list(std::vector<Value> items, List::Kind kind) {
  spend(static_cast<int64_t>(items.size()));
  int height = 0;
  for (const Value& item : items) height = std::max(height, height_of(item));
  check_height(height + 1);
  return std::make_shared<const List>(List{.kind = kind, .items = std::move(items), .height = height + 1});
}

Value Budget::dict(std::vector<std::pair<std::string, Value>> entries) {
  spend(static_cast<int64_t>(entries.size() * entries.size()) / 8);  // found one by one
  int height = 0;
  Dict dict;
  for (auto& [key, value] : entries) {
    height = std::max(height, height_of(value));
    const auto known = std::find_if(dict.entries.begin(), dict.entries.end(),
                                    [&wanted = key](const auto& entry) { return entry.first == wanted; });
    if (known == dict.entries.end()) {
      dict.entries.emplace_back(key, std::move(value));
    } else {
      known->second = std::move(value);
    }
  }
  check_height(height + 1);
  dict.height = height + 1;
  return std::make_shared<const Dict>(std::move(dict));
}

const char* kind_of(const Value& value) {
  static constexpr const char* kKinds[] = {"an undefined value", "none",     "a boolean", "a number",
                                           "a number",           "a string", "a list",    "a mapping",
                                           "a namespace",        "loop",     "a macro",   "a function"};
  return kKinds[value.index()];
}

bool is_true(const Value& value) {
  if (const auto* flag = as<bool>(value)) return *flag;
  if (const auto* number = as<int64_t>(value)) return *number != 0;
  if (const auto* number = as<double>(value)) return *number != 0;
  if (const std::string* text = text_of(value)) return !text->empty();
  if (const List* list = list_of(value)) return list->kind == List::Kind::kIterator || !list->items.empty();
  if (const Dict* dict = dict_of(value)) return !dict->entries.empty();
  return !is_undefined(value) && as<None>(value) == nullptr;
}

bool is_integer(const Value& value) { return as<int64_t>(value) != nullptr || as<bool>(value) != nullptr; }
bool is_number(const Value& value) { return is_integer(value) || as<double>(value) != nullptr; }

int64_t integer_of(const Value& value, const char* what) {
  if (const auto* number = as<int64_t>(value)) return *number;
  if (const auto* flag = as<bool>(value)) return *flag ? 1 : 0;
  unsupported(cat(what, " that is ", kind_of(value)));
}

double float_of(const Value& value) {
  if (const auto* number = as<double>(value)) return *number;
  return static_cast<double>(integer_of(value, "a number"));
}

bool same(const Value& left, const Value& right, Budget& budget) {
  budget.spend(1);
  if (is_integer(left) && is_integer(right)) return integer_of(left, "") == integer_of(right, "");
  if (is_number(left) && is_number(right)) return float_of(left) == float_of(right);
  if (left.index() != right.index()) return false;
  if (const std::string* a = text_of(left)) {
    const std::string& b = *text_of(right);
    if (a->size() == b.size()) budget.read(b.size());
    return *a == b;
  }
  if (const List* a = list_of(left)) {
    const List& b = *list_of(right);
    if (!is_sequence(*a) || a->kind != b.kind) return a == &b;
    return std::equal(a->items.begin(), a->items.end(), b.items.begin(), b.items.end(),
                      [&](const Value& x, const Value& y) { return same(x, y, budget); });
  }
  if (const Dict* a = dict_of(left)) {
    const Dict& b = *dict_of(right);
    budget.spend(static_cast<int64_t>(a->entries.size() * b.entries.size()) / 8);
    return a->entries.size() == b.entries.size() &&
           std::all_of(a->entries.begin(), a->entries.end(), [&](const auto& entry) {
             const Value* other = b.find(entry.first);
             return other != nullptr && same(entry.second, *other, budget);
           });
  }
  if (const auto* space = as<Namespace*>(left)) return *space == *as<Namespace*>(right);
  if (const auto* macro = as<const Macro*>(left)) return *macro == *as<const Macro*>(right);
  if (const auto* function = as<Function>(left)) return *function == *as<Function>(right);
  return as<std::shared_ptr<const Loop>>(left) == nullptr;  // undefined, none
}

int compared(const Value& left, const Value& right, Budget& budget) {
  budget.spend(1);
  if (is_integer(left) && is_integer(right)) return sign(integer_of(left, ""), integer_of(right, ""));
  if (is_number(left) && is_number(right)) return sign(float_of(left), float_of(right));
  const std::string *a = text_of(left), *b = text_of(right);
  if (a == nullptr || b == nullptr) unsupported(cat("a comparison between ", kind_of(left), " and ", kind_of(right)));
  budget.read(std::min(a->size(), b->size()));
  return a->compare(*b);  // bytes of UTF-8 are in the order of characters
}

bool contains(const Value& whole, const Value& part, Budget& budget) {
  if (const std::string* text = text_of(whole)) {
    const std::string* inner = text_of(part);
    if (inner == nullptr) unsupported(cat("'in' a string of ", kind_of(part)));
    return find_text(*text, *inner, 0, budget) != std::string::npos;
  }
  if (const Dict* dict = dict_of(whole)) {
    budget.spend(static_cast<int64_t>(dict->entries.size()));
    const std::string* key = text_of(part);
    return key != nullptr && dict->find(*key) != nullptr;
  }
  if (is_undefined(whole)) return false;
  const List* list = list_of(whole);
  if (list == nullptr) unsupported(cat("'in' ", kind_of(whole)));
  return std::any_of(list->items.begin(), list->items.end(),
                     [&](const Value& item) { return same(item, part, budget); });
}

std::vector<Value> items_of(const Value& value, Budget& budget) {
  std::vector<Value> items;
  if (const List* list = list_of(value)) {
    budget.spend(static_cast<int64_t>(list->items.size()));
    return list->items;
  }
  if (const Dict* dict = dict_of(value)) {
    for (const auto& entry : dict->entries) items.emplace_back(budget.text(entry.first));
  } else if (const std::string* text = text_of(value)) {
    budget.spend(static_cast<int64_t>(text->size()));
    for (size_t i = 0; i < text->size(); i += character_bytes(*text, i))
      items.emplace_back(budget.text(text->substr(i, character_bytes(*text, i))));
  } else if (!is_undefined(value)) {
    unsupported(cat("a loop over ", kind_of(value)));
  }
  return items;
}

int64_t length_of(const Value& value) {
  if (const std::string* text = text_of(value)) return num_characters(*text);
  if (const Dict* dict = dict_of(value)) return static_cast<int64_t>(dict->entries.size());
  if (is_undefined(value)) return 0;
  const List* list = list_of(value);
  if (list == nullptr || list->kind == List::Kind::kIterator)
    unsupported(cat("the length of ", list == nullptr ? kind_of(value) : "an iterator (put '| list' before it)"));
  return static_cast<int64_t>(list->items.size());
}

}  // namespace specula::chat

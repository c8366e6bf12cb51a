// What stands behind a dot or in brackets.
#include <algorithm>
#include <limits>

#include "framework/core/error.h"
#include "framework/text/chat/evaluator.h"
#include "framework/text/chat/python_text.h"

namespace specula::chat {
namespace {

const std::vector<std::string> kTextMethods = {
    "strip", "lstrip",     "rstrip", "split", "startswith", "endswith",   "replace",      "upper",       "lower",
    "title", "capitalize", "find",   "count", "join",       "splitlines", "removeprefix", "removesuffix"};
const std::vector<std::string> kDictMethods = {"items", "keys", "values", "get"};

bool is_one_of(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Value loop_attribute(const Loop& loop, const std::string& name) {
  const auto count = static_cast<int64_t>(loop.items->items.size());
  const auto neighbour = [&](int64_t index) {
    return index < 0 || index >= count ? Value{} : loop.items->items[static_cast<size_t>(index)];
  };
  if (name == "index") return loop.index + 1;
  if (name == "index0") return loop.index;
  if (name == "revindex") return count - loop.index;
  if (name == "revindex0") return count - loop.index - 1;
  if (name == "first") return loop.index == 0;
  if (name == "last") return loop.index + 1 == count;
  if (name == "length") return count;
  if (name == "depth") return loop.depth;
  if (name == "depth0") return loop.depth - 1;
  if (name == "previtem") return neighbour(loop.index - 1);
  if (name == "nextitem") return neighbour(loop.index + 1);
  unsupported(cat("'loop.", name, "'"));
}

// Where str.find counts from: the characters before byte `at`.
int64_t characters_before(const std::string& text, size_t at) {
  return num_characters(std::string_view(text).substr(0, at));
}

}  // namespace

Value Evaluator::attribute(const Value& of, const std::string& name) {
  if (const auto* loop = as<std::shared_ptr<const Loop>>(of)) return loop_attribute(**loop, name);
  if (const Dict* dict = dict_of(of)) {
    budget_.spend(static_cast<int64_t>(dict->entries.size() / 8));
    const Value* found = dict->find(name);
    if (found != nullptr && !is_one_of(kDictMethods, name)) return *found;
  } else if (const auto* space = as<Namespace*>(of)) {
    for (const auto& [key, value] : (*space)->entries) {
      budget_.spend(1);
      if (key == name) return value;
    }
  }
  const bool is_method = (text_of(of) != nullptr && is_one_of(kTextMethods, name)) ||
                         (dict_of(of) != nullptr && is_one_of(kDictMethods, name));
  if (is_undefined(of) || is_method || name[0] == '_') unsupported(cat("'.", name, "' of ", kind_of(of)));
  return Undefined{};
}

Value Evaluator::item(const Value& of, const Value& key) {
  if (is_undefined(of)) unsupported(cat("'[]' of ", kind_of(of)));
  if (const std::string* name = text_of(key)) {
    const Dict* dict = dict_of(of);
    const Value* found = dict == nullptr ? nullptr : dict->find(*name);
    if (found != nullptr) return *found;
    return dict != nullptr && is_one_of(kDictMethods, *name) ? attribute(of, *name)
           : dict != nullptr                                 ? Value{}
                                                             : attribute(of, *name);
  }
  if (!is_integer(key)) return Undefined{};
  int64_t index = integer_of(key, "");
  const List* list = list_of(of);
  if (list != nullptr && (list->kind == List::Kind::kList || list->kind == List::Kind::kTuple)) {
    const auto size = static_cast<int64_t>(list->items.size());
    if (index < 0) index += size;
    return index < 0 || index >= size ? Value{} : list->items[static_cast<size_t>(index)];
  }
  if (const std::string* text = text_of(of)) {
    budget_.read(text->size() * 8);
    const int64_t end = index == -1 ? std::numeric_limits<int64_t>::max() : index + 1;
    std::string one = sliced(*text, {.begin = &index, .end = &end});
    return one.empty() || index >= num_characters(*text) || index < -num_characters(*text) ? Value{}
                                                                                           : budget_.text(one);
  }
  return Undefined{};
}

Value Evaluator::sliced_value(const Value& of, const Access& access) {
  int64_t numbers[3] = {0, 0, 1};
  const ExpressionPtr* parts[3] = {&access.begin, &access.end, &access.step};
  bool given[3] = {};
  for (int i = 0; i < 3; ++i) {
    const Value value = *parts[i] == nullptr ? Value{None{}} : evaluate(**parts[i]);
    given[i] = as<None>(value) == nullptr;
    if (given[i]) numbers[i] = integer_of(value, "an index");
  }
  if (numbers[2] == 0) throw Fault("a slice with step 0");
  const Slice slice{
      .begin = given[0] ? &numbers[0] : nullptr, .end = given[1] ? &numbers[1] : nullptr, .step = numbers[2]};
  if (const std::string* text = text_of(of)) {
    budget_.read(text->size() * 8);
    return budget_.text(sliced(*text, slice));
  }
  const List* list = list_of(of);
  if (list == nullptr || (list->kind != List::Kind::kList && list->kind != List::Kind::kTuple))
    unsupported(cat("a slice of ", kind_of(of)));
  std::vector<Value> items;
  for (const int64_t i : slice_indices(slice, static_cast<int64_t>(list->items.size())))
    items.push_back(list->items[static_cast<size_t>(i)]);
  return budget_.list(std::move(items), list->kind);
}

Value Evaluator::method(const Value& of, const std::string& name, Arguments arguments) {
  if (const std::string* text = text_of(of)) {
    Value result = text_method(*text, name, arguments);
    arguments.finish();
    return result;
  }
  if (const Dict* dict = dict_of(of); dict != nullptr && is_one_of(kDictMethods, name)) {
    if (name == "get") {
      const Value &key = arguments.at(0), *fallback = arguments.find(1);
      arguments.finish();
      const Value* found = text_of(key) == nullptr ? nullptr : dict->find(*text_of(key));
      return found != nullptr ? *found : fallback != nullptr ? *fallback : Value{None{}};
    }
    arguments.finish();
    std::vector<Value> items;
    for (const auto& [key, value] : dict->entries) {
      const Value spelled = budget_.text(key);
      items.push_back(name == "keys"     ? spelled
                      : name == "values" ? value
                                         : budget_.list({spelled, value}, List::Kind::kTuple));
    }
    return budget_.list(std::move(items), List::Kind::kView);
  }
  if (dict_of(of) != nullptr || as<Namespace*>(of) != nullptr) return call(attribute(of, name), std::move(arguments));
  if (const auto* loop = as<std::shared_ptr<const Loop>>(of); loop != nullptr && name == "cycle") {
    const std::vector<Value> choices = arguments.rest(0);
    if (choices.empty()) throw Fault("'loop.cycle' needs an argument");
    return choices[static_cast<size_t>((*loop)->index) % choices.size()];
  }
  unsupported(cat("'.", name, "()' of ", kind_of(of)));
}

Value Evaluator::text_method(const std::string& text, const std::string& name, Arguments& arguments) {
  budget_.read(text.size());
  const auto argument = [&](size_t i) -> const std::string& {
    const std::string* found = text_of(arguments.at(i));
    if (found == nullptr) unsupported(cat("'.", name, "' with ", kind_of(arguments.at(i))));
    return *found;
  };
  const auto has = [&](size_t i) {
    const Value* found = arguments.find(i);
    return found != nullptr && as<None>(*found) == nullptr;
  };
  const auto list = [&](const std::vector<std::string>& parts) {
    std::vector<Value> items;
    for (const std::string& part : parts) items.emplace_back(budget_.text(part));
    return budget_.list(std::move(items));
  };
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    const Side side = name == "strip" ? Side::kBoth : name == "lstrip" ? Side::kLeft : Side::kRight;
    return budget_.text(has(0) ? stripped_of(text, argument(0), side) : stripped(text, side));
  }
  if (name == "split") {
    const Value* limit = arguments.find(1, "maxsplit");
    const int64_t most = limit == nullptr ? -1 : integer_of(*limit, "'maxsplit'");
    return list(has(0) ? split_text(text, argument(0), most, budget_) : split_blanks(text, most, budget_));
  }
  if (name == "splitlines") return list(split_lines(text, budget_));
  if (name == "startswith" || name == "endswith") {
    const List* several = list_of(arguments.at(0));
    const std::vector<Value> parts = several == nullptr ? std::vector<Value>{arguments.at(0)} : several->items;
    return std::any_of(parts.begin(), parts.end(), [&](const Value& part) {
      const std::string* end = text_of(part);
      if (end == nullptr) unsupported(cat("'.", name, "' with ", kind_of(part)));
      return name == "startswith" ? text.starts_with(*end) : text.ends_with(*end);
    });
  }
  if (name == "removeprefix")
    return budget_.text(text.starts_with(argument(0)) ? text.substr(argument(0).size()) : text);
  if (name == "removesuffix")
    return budget_.text(text.ends_with(argument(0)) ? text.substr(0, text.size() - argument(0).size()) : text);
  if (name == "replace") {
    const Value* limit = arguments.find(2, "count");
    const int64_t most = limit == nullptr ? -1 : integer_of(*limit, "'count'");
    return budget_.text(replaced(text, argument(0), argument(1), most, budget_));
  }
  if (name == "find") {
    const size_t found = find_text(text, argument(0), 0, budget_);
    return found == std::string::npos ? int64_t{-1} : characters_before(text, found);
  }
  if (name == "count") {
    if (argument(0).empty()) return num_characters(text) + 1;
    return static_cast<int64_t>(split_text(text, argument(0), -1, budget_).size()) - 1;
  }
  if (name == "join") {
    std::string joined;
    bool first = true;
    for (const Value& item : items_of(arguments.at(0), budget_)) {
      const std::string* part = text_of(item);
      if (part == nullptr) unsupported(cat("'.join' of ", kind_of(item)));
      joined = *budget_.text(joined, first ? *part : text + *part);
      first = false;
    }
    return budget_.text(std::move(joined));
  }
  if (name == "upper") return budget_.text(in_case(text, LetterCase::kUpper));
  if (name == "lower") return budget_.text(in_case(text, LetterCase::kLower));
  if (name == "title") return budget_.text(in_case(text, LetterCase::kTitle));
  if (name == "capitalize") return budget_.text(in_case(text, LetterCase::kCapitalized));
  unsupported(cat("'.", name, "()' of a string"));
}

}  // namespace specula::chat

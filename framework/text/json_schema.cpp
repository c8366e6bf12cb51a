#include "framework/text/json_schema.h"

#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/error.h"
#include "framework/core/json_depth.h"
#include "framework/core/value.h"
#include "framework/text/regex.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostDepth = 32;         // of a schema
constexpr int64_t kMostItems = 10000;  // of an array, and characters of a string, where a number is given
const std::set<std::string> kRemarks = {"title",   "description", "default", "examples",
                                        "$schema", "$id",         "format",  "$comment"};

Pattern string_of(int64_t least, int64_t most) {
  static const Pattern kOne = parse_regex(R"re([^"\\\x00-\x1F\x7F]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))re");
  return sequence({literal("\""), repetition(kOne, least, most), literal("\"")});
}

Pattern scalar(const std::string& type) {
  if (type == "string") return string_of(0, -1);
  if (type == "integer") return parse_regex("-?(0|[1-9][0-9]*)");
  if (type == "number") return parse_regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");
  if (type == "boolean") return parse_regex("true|false");
  return literal("null");
}

Pattern behind(const char* sign) { return parse_regex(std::string(sign) + " ?"); }

// `item` so many times, with commas.
Pattern list_of(const Pattern& item, int64_t least, int64_t most) {
  const Pattern more = sequence({behind(","), item});
  const auto from_one = [&](int64_t first) {
    return sequence({item, repetition(more, first - 1, most < 0 ? -1 : most - 1)});
  };
  if (most == 0) return sequence({});
  return least == 0 ? optional(from_one(1)) : from_one(least);
}

Pattern any_value(int depth) {
  std::vector<Pattern> kinds;
  for (const char* type : {"string", "number", "boolean", "null"}) kinds.push_back(scalar(type));
  if (depth > 0) {
    const Pattern inner = any_value(depth - 1);
    const Pattern member = sequence({string_of(0, -1), behind(":"), inner});
    kinds.push_back(sequence({literal("["), list_of(inner, 0, -1), literal("]")}));
    kinds.push_back(sequence({literal("{"), list_of(member, 0, -1), literal("}")}));
  }
  return choice(std::move(kinds));
}

class SchemaReader {
 public:
  explicit SchemaReader(int depth) : depth_(depth) {}

  Pattern value(const Json& schema, const std::string& place, int level) {
    if (level > kMostDepth) wrong(place, cat("it lies more than ", kMostDepth, " deep"));
    if (schema.is_boolean() && schema.get<bool>()) return any_value(depth_);
    if (!schema.is_object()) wrong(place, cat(schema.dump(), " is no schema; expected an object"));
    check_keys(schema, place);
    if (schema.contains("const")) return literal(schema["const"].dump());
    if (schema.contains("enum")) return choice(constants(schema["enum"], place + ".enum"));
    for (const char* key : {"anyOf", "oneOf"}) {
      if (schema.contains(key)) return choice(choices(schema[key], cat(place, ".", key), level));
    }
    if (!schema.contains("type")) return any_value(depth_);
    const Json& type = schema["type"];
    if (type.is_string()) return typed(type.get<std::string>(), schema, place, level);
    if (!type.is_array() || type.empty())
      wrong(place + ".type", cat(type.dump(), "; expected a type or a list of types"));
    std::vector<Pattern> parts;
    for (const Json& one : type) {
      if (!one.is_string()) wrong(place + ".type", cat(one.dump(), "; expected a type"));
      parts.push_back(typed(one.get<std::string>(), schema, place, level));
    }
    return choice(std::move(parts));
  }

 private:
  [[noreturn]] static void wrong(const std::string& place, const std::string& what) {
    throw ConfigError(cat("json_schema: ", place, ": ", what));
  }

  static void check_keys(const Json& schema, const std::string& place) {
    static const std::vector<std::string> kKnown = {"type",      "properties", "required", "additionalProperties",
                                                    "items",     "minItems",   "maxItems", "minLength",
                                                    "maxLength", "enum",       "const",    "anyOf",
                                                    "oneOf"};
    for (const auto& [key, value] : schema.items()) {
      if (kRemarks.contains(key) || std::find(kKnown.begin(), kKnown.end(), key) != kKnown.end()) continue;
      wrong(place, cat("the key '", key, "' cannot be followed", suggestion(key, kKnown)));
    }
    if (schema.contains("additionalProperties") && schema["additionalProperties"] != Json(false))
      wrong(place + ".additionalProperties", "only false can be followed: an object has the properties that are named");
  }

  static std::vector<Pattern> constants(const Json& list, const std::string& place) {
    if (!list.is_array() || list.empty()) wrong(place, "expected a list of values");
    std::vector<Pattern> parts;
    for (const Json& one : list) parts.push_back(literal(one.dump()));
    return parts;
  }

  std::vector<Pattern> choices(const Json& list, const std::string& place, int level) {
    if (!list.is_array() || list.empty()) wrong(place, "expected a list of schemas");
    std::vector<Pattern> parts;
    for (size_t i = 0; i < list.size(); ++i) parts.push_back(value(list[i], cat(place, "[", i, "]"), level + 1));
    return parts;
  }

  // A bound on a number of things; `fallback` where there is none.
  static int64_t bound(const Json& schema, const char* key, int64_t fallback, const std::string& place) {
    if (!schema.contains(key)) return fallback;
    const Json& given = schema[key];
    if (!given.is_number_integer() || given < 0 || given > kMostItems)
      wrong(cat(place, ".", key), cat(given.dump(), "; expected an integer 0..", kMostItems));
    return given.get<int64_t>();
  }

  Pattern typed(const std::string& type, const Json& schema, const std::string& place, int level) {
    if (type == "object") return object(schema, place, level);
    if (type == "array") {
      const Pattern item = schema.contains("items") ? value(schema["items"], place + ".items", level + 1)
                                                    : any_value(std::max(depth_ - 1, 0));
      const auto [least, most] = bounds(schema, "minItems", "maxItems", place);
      return sequence({literal("["), list_of(item, least, most), literal("]")});
    }
    if (type == "string") {
      const auto [least, most] = bounds(schema, "minLength", "maxLength", place);
      return string_of(least, most);
    }
    static const std::vector<std::string> kTypes = {"object", "array",   "string", "integer",
                                                    "number", "boolean", "null"};
    if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end())
      wrong(place + ".type", cat("unknown type '", type, "'", suggestion(type, kTypes)));
    return scalar(type);
  }

  static std::pair<int64_t, int64_t> bounds(const Json& schema, const char* low, const char* high,
                                            const std::string& place) {
    const int64_t least = bound(schema, low, 0, place), most = bound(schema, high, -1, place);
    if (most >= 0 && most < least) wrong(cat(place, ".", high), cat(most, " is less than ", low));
    return {least, most};
  }

  struct Property {
    Pattern member;
    bool is_required;
  };

  Pattern object(const Json& schema, const std::string& place, int level) {
    static const Json kNone = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : kNone;
    if (!properties.is_object()) wrong(place + ".properties", "expected an object");
    std::set<std::string> required;
    if (schema.contains("required")) {
      for (const Json& name : schema["required"]) {
        if (!name.is_string() || !properties.contains(name.get<std::string>()))
          wrong(place + ".required", cat(name.dump(), " is none of the properties"));
        required.insert(name.get<std::string>());
      }
    }
    std::vector<Property> members;
    for (const auto& [name, inner] : properties.items()) {
      members.push_back({sequence({literal(Json(name).dump()), behind(":"),
                                   value(inner, cat(place, ".properties.", name), level + 1)}),
                         required.contains(name)});
    }
    return sequence({literal("{"), first_of(members), literal("}")});
  }

  // From property i on, where one stands before it.
  static Pattern rest(const std::vector<Property>& members, size_t i) {
    std::vector<Pattern> parts;
    for (; i < members.size(); ++i) {
      const Pattern next = sequence({behind(","), members[i].member});
      parts.push_back(members[i].is_required ? next : optional(next));
    }
    return sequence(std::move(parts));
  }

  // The first property that stands: any up to the first that must.
  static Pattern first_of(const std::vector<Property>& members) {
    std::vector<Pattern> parts;
    for (size_t i = 0; i < members.size(); ++i) {
      parts.push_back(sequence({members[i].member, rest(members, i + 1)}));
      if (members[i].is_required) return choice(std::move(parts));
    }
    parts.push_back(sequence({}));
    return choice(std::move(parts));
  }

  int depth_;
};

}  // namespace

Pattern parse_json_schema(const std::string& text, int depth) {
  Json schema;
  try {
    check_json_depth(text, "json_schema");
    schema = Json::parse(text);
  } catch (const Json::exception& e) {
    throw ConfigError(cat("json_schema: ", quoted(text), " is not JSON: ", e.what()));
  } catch (const Error& e) {
    throw ConfigError(e.what());
  }
  return SchemaReader(depth).value(schema, "$", 0);
}

}  // namespace specula

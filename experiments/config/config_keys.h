// Configuration trees by their dotted keys, arms by name ("arm.sps.drafter.length"): a key's value, and the keys in
// which several trees differ.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/core/value.h"

namespace specula {

const Value* find_key(const Value& tree, const std::string& key);  // null: it has none
std::vector<std::string> leaf_keys(const Value& tree);             // of everything that is no table

// A value as a table of runs shows it: texts bare, a plug-in as a call, an arm as what it decodes with.
std::string value_text(const Value& value);

struct DifferingKey {
  std::string key;
  std::vector<const Value*> values;  // of each tree; null where it has none
};

// In the order of the first tree that has each.  Where plug-ins differ in name, they differ as a whole, and so does an
// arm that some tree lacks; else their keys do.  The values belong to the trees.
std::vector<DifferingKey> differing_keys(const std::vector<const Value*>& trees);

}  // namespace specula

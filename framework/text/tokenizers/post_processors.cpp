#include "framework/text/tokenizers/post_processors.h"

#include <nlohmann/json.hpp>
#include "framework/core/error.h"

namespace specula {
namespace {

// "SpecialToken" entries name a token of the table "special_tokens", which has its ids.
Frame read_template(const Section& section) {
  Frame frame;
  int texts = 0;
  for (const Section& entry : section.objects("single")) {
    if (entry.has("Sequence")) {
      if (entry.object("Sequence").text("id") != "A") entry.fail("a template of one text holds only the sequence A");
      ++texts;
      continue;
    }
    const std::string name = entry.object("SpecialToken").text("id");
    const Section table = section.object("special_tokens");
    if (!table.has(name.c_str())) entry.fail(cat("'", name, "' is not in special_tokens"));
    const Section token = table.object(name.c_str());
    for (const nlohmann::json& id : token.array("ids")) {
      if (!is_token_id(id)) token.fail(cat("ids must be token ids, got ", id.dump().substr(0, 40)));
      (texts == 0 ? frame.before : frame.after).push_back(id.get<Token>());
    }
  }
  if (texts != 1) section.fail(cat("single must hold the sequence A once, but holds it ", texts, " times"));
  return frame;
}

// ["[SEP]", 102]
Token read_pair(const Section& section, const char* key) {
  const nlohmann::json& pair = section.array(key);
  if (pair.size() != 2 || !is_token_id(pair[1]))
    section.fail(cat(key, " must be [\"token\", id], got ", pair.dump().substr(0, 80)));
  return pair[1].get<Token>();
}

}  // namespace

Frame read_frame(const Section& section) {
  const std::string type = section.type();
  if (type == "ByteLevel") return {};  // only moves offsets
  if (type == "TemplateProcessing") return read_template(section);
  if (type == "BertProcessing" || type == "RobertaProcessing")
    return {{read_pair(section, "cls")}, {read_pair(section, "sep")}};
  if (type == "Sequence") {
    Frame frame;
    for (const Section& part : section.objects("processors")) {
      const Frame outer = read_frame(part);
      frame.before.insert(frame.before.begin(), outer.before.begin(), outer.before.end());
      frame.after.insert(frame.after.end(), outer.after.begin(), outer.after.end());
    }
    return frame;
  }
  section.unknown_type({"BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"});
}

}  // namespace specula

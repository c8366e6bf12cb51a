// The trace as JSON, and what both forms share.
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/trace/trace.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Json token_json(const Trace& trace, Token id) {
  Json json = {{"id", id}};
  if (trace.plan.tokenizer != nullptr) json["piece"] = piece_of(trace, id);
  return json;
}

// Of one token, by layer, the mean over the heads.
std::vector<double> entropy_of_token(const Tensor& entropy, int64_t position) {
  const Tensor by_layer = entropy.select(2, position).mean(-1).contiguous();  // [L]
  const float* first = by_layer.const_data_ptr<float>();
  return {first, first + by_layer.size(0)};
}

Json rows_json(const Trace& trace) {
  Json rows = Json::array();
  for (size_t position = 0; position < trace.decoded.tokens.size(); ++position) {
    Json row = token_json(trace, trace.decoded.tokens[position]);
    row["position"] = position;
    row["is_prompt"] = position < trace.plan.prompt.size();
    const auto norms = trace.watch.norms.find(static_cast<int64_t>(position));
    row["norms"] = norms == trace.watch.norms.end() ? Json() : Json(norms->second);
    if (trace.attention.defined())
      row["attention_nats"] = entropy_of_token(trace.attention, static_cast<int64_t>(position));
    rows.push_back(std::move(row));
  }
  return rows;
}

Json stage_json(const Trace& trace, const Stage& stage) {
  Json top = Json::array();
  for (const TopToken& t : stage.top) {
    Json token = token_json(trace, t.id);
    token["p"] = t.p;
    top.push_back(std::move(token));
  }
  return {{"name", stage.name}, {"alive", stage.alive}, {"entropy_nats", stage.entropy}, {"top", std::move(top)}};
}

Json round_json(const Trace& trace, const WatchedRound& round) {
  Json drafted = Json::array(), tokens = Json::array(), notes = Json::object();
  for (const WatchedRow& row : round.rows) {
    Json json = token_json(trace, row.id);
    json["parent"] = row.parent;
    json["law"] = name_of(row.draw);
    json["q"] = row.q ? Json(*row.q) : Json();
    json["p"] = row.p;
    json["is_accepted"] = row.is_accepted;
    json["why"] = row.why;
    drafted.push_back(std::move(json));
  }
  for (const WatchedToken& token : round.tokens) {
    Json json = token_json(trace, token.id);
    json["position"] = token.position;
    json["is_drafted"] = token.is_drafted;
    json["from"] = token.is_drafted ? "draft" : round.last;
    json["stages"] = Json::array();
    for (const Stage& stage : token.stages) json["stages"].push_back(stage_json(trace, stage));
    tokens.push_back(std::move(json));
  }
  for (const auto& [name, value] : round.notes) notes[name] = value;
  return {{"drafted", std::move(drafted)},
          {"tokens", std::move(tokens)},
          {"is_cut", round.is_cut},
          {"notes", std::move(notes)}};
}

Json layers_json(const LayerTimes& times) {
  return {{"turns", times.turns},
          {"below_us", 1e6 * times.below},
          {"layer_us",
           [&] {
             Json us = Json::array();
             for (const double s : times.layer) us.push_back(1e6 * s);
             return us;
           }()},
          {"head_us", 1e6 * times.head}};
}

Json parts_json(const Trace& trace) {
  Json parts = Json::array();
  for (const TextPart& part : text_parts(trace))
    parts.push_back({{"id", part.id}, {"text", part.text}, {"is_held", part.is_held}});
  return parts;
}

}  // namespace

std::string piece_of(const Trace& trace, Token id) {
  const Tokenizer* tokenizer = trace.plan.tokenizer.get();
  return tokenizer == nullptr || id >= tokenizer->vocab() ? "" : tokenizer->piece(id);
}

std::vector<TextPart> text_parts(const Trace& trace) {
  std::vector<TextPart> parts;
  Detokenizer detokenizer(*trace.plan.tokenizer, trace.plan.at_text_start);
  for (size_t i = trace.plan.prompt.size(); i < trace.decoded.tokens.size(); ++i) {
    const Token id = trace.decoded.tokens[i];
    std::string text = detokenizer.push(id);
    const bool has_bytes = id < trace.plan.tokenizer->vocab() && !trace.plan.tokenizer->piece_bytes(id).empty();
    const bool is_held = text.empty() && has_bytes;
    parts.push_back({id, std::move(text), is_held});
  }
  if (std::string rest = detokenizer.finish(); !rest.empty()) parts.push_back({-1, std::move(rest), false});
  return parts;
}

std::string trace_json(const Trace& trace) {
  const GenerationPlan& plan = trace.plan;
  Json json = {{"model", plan.target.path},
               {"architecture", plan.target.architecture},
               {"dtype", name_of(plan.target_dtype)},
               {"engine", trace.models.target->engine()},
               {"drafter", call_text(plan.composition.drafter)},
               {"verifier", call_text(plan.composition.verifier)},
               {"sampler", trace.sampler},
               {"guarantee", trace.models.promise(plan)},
               {"stop", name_of(trace.decoded.stop)},
               {"tokens", rows_json(trace)}};
  json["rounds"] = Json::array();
  for (const WatchedRound& round : trace.watch.rounds) json["rounds"].push_back(round_json(trace, round));
  if (trace.layers) json["layers"] = layers_json(*trace.layers);
  if (plan.tokenizer != nullptr) {
    json["text_parts"] = parts_json(trace);
    std::string text;
    for (const TextPart& part : text_parts(trace)) text += part.text;
    json["text"] = text;
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

const std::vector<std::pair<std::string, std::string>>& trace_schema() {
  static const std::vector<std::pair<std::string, std::string>> kSchema = {
      {"tokens[]", "every token of the text with its id, piece, position and is_prompt"},
      {"tokens[].norms",
       "lengths of its state: the embedding, behind each layer, after the final norm; null where "
       "nobody read the token"},
      {"tokens[].attention_nats", "with --attention, the entropy of its attention in each layer, mean over the heads"},
      {"rounds[].drafted[]",
       "rows of the draft tree from row 1 on: parent (0 is the last token of the text), law, q "
       "where it was drawn, p after its parent, is_accepted"},
      {"rounds[].drafted[].why", "the uniform u beside the probability of acceptance, or what else decided"},
      {"rounds[].tokens[]", "what the round wrote; from: draft, or how the rule got its own token"},
      {"rounds[].tokens[].stages[]",
       "the law from the model's softmax to p, one step of the sampler after another: "
       "top tokens, alive (tokens with mass), entropy_nats"},
      {"rounds[].notes", "what drafter and rule record of the round"},
      {"layers",
       "with --layers, for a pass of one row behind the text, medians: below_us without layers, layer_us by "
       "differences between passes that stop a layer later, head_us"},
      {"arms[].rounds[].tokens[]",
       "of RUN: what joined the text; from: draft, bonus (the target's own behind a whole draft), instead (of what it "
       "rejected), target (its own, nothing was drafted or known); p and q of its own"},
      {"arms[].rounds[].rows[]",
       "of RUN, null where no distributions were recorded: the drafted tokens; fate: accepted, rejected, dropped "
       "(below "
       "a rejected one or behind the sibling that was taken), cut; p in the target's law, q in the draft's"},
      {"text_parts[]", "what a reader sees with each token; is_held: bytes of an unfinished character"},
  };
  return kSchema;
}

}  // namespace specula

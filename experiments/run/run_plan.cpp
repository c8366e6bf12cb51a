#include "experiments/run/run_plan.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "experiments/run/padding.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/keyring.h"
#include "framework/text/chat_template.h"

namespace specula {
namespace {

constexpr uint32_t kOrderStream = 0x6f726472;  // "ordr"
constexpr int64_t kTemplateRoom = 64;          // ids that a template puts around an answer

bool wanted(const DataConfig& data, const Prompt& prompt) {
  return data.categories.empty() ||
         std::find(data.categories.begin(), data.categories.end(), prompt.category) != data.categories.end();
}

std::vector<Prompt> filtered(const DataConfig& data, const std::vector<Prompt>& all) {
  std::vector<Prompt> kept;
  std::vector<std::string> categories;
  for (const Prompt& prompt : all) {
    if (wanted(data, prompt)) kept.push_back(prompt);
    if (std::find(categories.begin(), categories.end(), prompt.category) == categories.end())
      categories.push_back(prompt.category);
  }
  if (kept.empty()) {
    throw ConfigError(cat("[data] categories = [", join(data.categories), "]: no prompt of ", data.file,
                          " is left; it has ", join(categories)));
  }
  return kept;
}

// Prompts that are not measured come first; the measured ones, from the end, where the file holds no others.
std::vector<Prompt> warmup_prompts(const std::vector<Prompt>& all, const std::vector<Prompt>& measured, int count) {
  std::set<std::string> ids;
  for (const Prompt& p : measured) ids.insert(p.id);
  std::vector<Prompt> chosen;
  const auto take = [&](const Prompt& p) {
    if (static_cast<int>(chosen.size()) < std::max(count, 1)) chosen.push_back(p);
  };
  for (const Prompt& p : all) {
    if (!ids.contains(p.id)) take(p);
  }
  for (auto p = measured.rbegin(); p != measured.rend(); ++p) take(*p);
  return chosen;
}

// Neighbours in the order of the plan that have as many turns, so that a batch says its turns together.
std::vector<std::vector<size_t>> full_batches(const std::vector<Prompt>& prompts, int size) {
  std::vector<std::vector<size_t>> full;
  std::map<size_t, std::vector<size_t>> open;  // by number of turns
  for (size_t i = 0; i < prompts.size(); ++i) {
    std::vector<size_t>& batch = open[prompts[i].turns.size()];
    batch.push_back(i);
    if (batch.size() < static_cast<size_t>(size)) continue;
    full.push_back(std::move(batch));
    batch = {};
  }
  return full;
}

// Leaves the prompts that fill batches, and makes the plan's units of them.
void add_batches(const ExperimentConfig& config, Plan& plan) {
  const MeasureConfig& measure = config.measure;
  const size_t before = plan.prompts.size();
  std::vector<Prompt> kept;
  for (const std::vector<size_t>& batch : full_batches(plan.prompts, measure.batch)) {
    for (const size_t i : batch) kept.push_back(std::move(plan.prompts[i]));
  }
  if (kept.empty())
    throw ConfigError(cat("[measure] batch = ", measure.batch, ": the ", before, " prompts of ", config.data.file,
                          " fill no batch of prompts with equally many turns"));
  plan.prompts = std::move(kept);
  plan.unbatched = static_cast<int64_t>(before - plan.prompts.size());
  const std::vector<std::vector<size_t>> batches = full_batches(plan.prompts, measure.batch);
  for (int rep = 0; rep < measure.repetitions; ++rep) {
    for (const std::vector<size_t>& batch : batches) plan.units.push_back({.prompts = batch, .rep = rep});
  }
  if (!measure.trace) return;
  std::set<std::string> wanted;  // the fenced pass takes the batches that hold one of these
  for (const Prompt& p : stratified(plan.prompts, (measure.trace_limit + measure.batch - 1) / measure.batch))
    wanted.insert(p.id);
  for (const std::vector<size_t>& batch : batches) {
    const auto is_wanted = [&](size_t i) { return wanted.contains(plan.prompts[i].id); };
    if (std::none_of(batch.begin(), batch.end(), is_wanted)) continue;
    plan.units.push_back({.trace = true, .prompts = batch});
    plan.trace_prompts += static_cast<int64_t>(batch.size());
  }
}

std::vector<ChatMessage> messages_of(const Prompt& prompt, const std::vector<std::string>& answers, size_t turns) {
  std::vector<ChatMessage> messages;
  for (size_t i = 0; i < turns; ++i) {
    messages.push_back({"user", prompt.turns[i]});
    if (i < answers.size() && i + 1 < turns) messages.push_back({"assistant", answers[i]});
  }
  return messages;
}

// Most tokens that a dialogue can reach with answers of full length.
int64_t longest(const Prompt& prompt, const DataConfig& data, const Tokenizer& tokenizer) {
  const auto turns = static_cast<int64_t>(prompt.turns.size());
  int64_t given = 0;
  if (data.chat_template != kNoFormat) {
    const std::vector<std::string> empty(prompt.turns.size());
    const auto chat = messages_of(prompt, empty, prompt.turns.size());
    given = static_cast<int64_t>(encode_chat(tokenizer, data.chat_template, chat).size()) + (turns - 1) * kTemplateRoom;
  } else {
    given = static_cast<int64_t>(padded_turn(tokenizer, prompt, data.pad_to_tok).size());
    for (size_t i = 1; i < prompt.turns.size(); ++i)
      given += static_cast<int64_t>(tokenizer.encode(prompt.turns[i], Tokenizer::Special::kWithout).size());
  }
  return given + turns * data.max_new_tokens;
}

}  // namespace

Plan make_plan(const ExperimentConfig& config) {
  Plan plan;
  const std::vector<Prompt> file = load_prompts(config.data.file), all = filtered(config.data, file);
  plan.prompts = stratified(all, config.data.limit);
  plan.warmup = warmup_prompts(all, plan.prompts, config.measure.warmup_prompts);
  if (config.data.pad_to_tok > 0) {
    add_padding(config.data, file, plan.prompts);
    add_padding(config.data, file, plan.warmup);
  }
  add_batches(config, plan);
  int64_t turns = 0;
  for (const Prompt& p : plan.prompts) turns += static_cast<int64_t>(p.turns.size());
  plan.records_per_arm = turns * config.measure.repetitions;
  for (size_t i = 0; i < plan.units.size(); ++i) plan.units[i].order = static_cast<int64_t>(i);
  return plan;
}

void keep_shard(Plan& plan, const Shard& shard) {
  std::erase_if(plan.units, [&](const Unit& unit) { return !shard.has(plan.first(unit).id); });
}

int64_t request_id(const std::string& prompt, int rep, int turn) {
  const std::string digest = sha256(cat("request/", rep, "/", turn, "/", prompt));
  return static_cast<int64_t>(std::stoull(digest.substr(0, 16), nullptr, 16) >> 1);
}

std::vector<size_t> arm_order(uint64_t seed, const Unit& unit, const std::string& prompt, size_t arms) {
  const Keyring keys = Keyring(seed).fork(kOrderStream);
  const int64_t request = request_id(prompt, unit.rep, unit.trace ? 1 : 0);
  std::vector<size_t> order(arms);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = arms; i > 1; --i) {  // Fisher and Yates
    const double u = keys.uniform(Use::kSearch, request, 0, static_cast<uint32_t>(i));
    std::swap(order[i - 1], order[static_cast<size_t>(u * static_cast<double>(i))]);
  }
  return order;
}

Dialogue::Dialogue(const Tokenizer& tokenizer, const Prompt& prompt, const DataConfig& data)
    : tokenizer_(tokenizer), prompt_(prompt), format_(data.chat_template), pad_to_tok_(data.pad_to_tok) {}

Prefix Dialogue::next() {
  ++turn_;
  if (format_ != kNoFormat) return encode_chat(tokenizer_, format_, messages_of(prompt_, answers_, turn_));
  const std::vector<Token> ids = turn_ == 1 ? padded_turn(tokenizer_, prompt_, pad_to_tok_)
                                            : tokenizer_.encode(prompt_.turns[turn_ - 1], Tokenizer::Special::kWithout);
  text_.insert(text_.end(), ids.begin(), ids.end());
  return text_;
}

void Dialogue::answer(const std::vector<Token>& ids) {
  if (format_ != kNoFormat) {
    answers_.push_back(tokenizer_.decode(ids));
    return;
  }
  text_.insert(text_.end(), ids.begin(), ids.end());
  if (!ids.empty() && ids.back() == tokenizer_.eos()) text_.pop_back();  // the text goes on
}

void check_context(const Plan& plan, const ExperimentConfig& config, const Tokenizer& tokenizer, int64_t context,
                   const std::string& model) {
  std::vector<Prompt> all = plan.prompts;
  all.insert(all.end(), plan.warmup.begin(), plan.warmup.end());
  for (const Prompt& prompt : all) {
    const int64_t length = longest(prompt, config.data, tokenizer);
    if (length <= context) continue;
    const auto answers = static_cast<int64_t>(prompt.turns.size()) * config.data.max_new_tokens;
    throw ConfigError(cat("prompt ", prompt.id, " of ", config.data.file, " has ", length - answers, " tokens; with ",
                          prompt.turns.size(), " x max_new_tokens = ", config.data.max_new_tokens,
                          " that is more than the context of model '", model, "', ", context));
  }
}

std::string inputs_jsonl(const Plan& plan, const ExperimentConfig& config, const Tokenizer& tokenizer) {
  std::string lines;
  for (const Prompt& prompt : plan.prompts) {
    const Prefix ids = Dialogue(tokenizer, prompt, config.data).next();
    std::string id_text;
    for (const Token id : ids) id_text += cat(id, ",");
    nlohmann::ordered_json json = {{"prompt", prompt.id},
                                   {"cat", prompt.category},
                                   {"group", prompt.group},
                                   {"turns", prompt.turns.size()},
                                   {"text_sha256", sha256(join(prompt.turns, "\n"))},
                                   {"ids_sha256", sha256(id_text)},
                                   {"n_tok", ids.size()}};
    lines += json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return lines;
}

}  // namespace specula

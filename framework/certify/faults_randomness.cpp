// One random number that decides two things, or a key that forgets what it must tell apart.  Licence: Apache-2.0.
#include <algorithm>

#include "framework/certify/chi_square.h"
#include "framework/certify/fault_world.h"
#include "framework/decode/coupled_draw.h"
#include "framework/decode/follow.h"
#include "framework/decode/round_rows.h"

namespace specula {
namespace {

const std::string kBisected = "whole decode by bisection", kTheme = "randomness";

// The same texts with two maps of keys.
Finding compare_keys(const FaultWorld& world, KeyedText how, const KeyMap& faulty) {
  Finding finding{.sound = bisected_error(world, how)};
  how.keys = faulty;
  finding.tv = bisected_error(world, how);
  return finding;
}

Finding reused_uniform() {
  return compare_keys(FaultWorld(), {.rule = ratio_rule(), .length = 1, .tokens = 2},
                      [](const Keyring& keys, Use use, int64_t start, int index) {
                        return use == Use::kResidual ? sound_key(keys, Use::kAccept, start, index + 1)
                                                     : sound_key(keys, use, start, index);
                      });
}

Finding shared_draft_and_residual_stream() {
  return compare_keys(FaultWorld(), {.rule = ratio_rule(), .length = 1, .tokens = 2},
                      [](const Keyring& keys, Use use, int64_t start, int index) {
                        return use == Use::kResidual ? sound_key(keys, Use::kDraft, start, index + 1)
                                                     : sound_key(keys, use, start, index);
                      });
}

Finding position_keyed_draft_under_block() {
  return compare_keys(FaultWorld(28, 2), {.rule = NaiveBlock(), .length = 2, .tokens = 3},
                      [](const Keyring& keys, Use use, int64_t start, int index) {
                        return use == Use::kDraft ? sound_key(keys, use, start + index, 0)
                                                  : sound_key(keys, use, start, index);
                      });
}

Finding noise_reused_every_round() {
  return compare_keys(FaultWorld(39, 2), {.rule = ratio_rule(), .length = 1, .tokens = 3},
                      [](const Keyring& keys, Use use, int64_t start, int index) {
                        return sound_key(keys, use, use == Use::kTarget ? start : 0, index);
                      });
}

Finding accept_uniforms_all_equal() {
  return compare_keys(FaultWorld(17, 2), {.rule = ratio_rule(), .length = 2, .tokens = 3},
                      [](const Keyring& keys, Use use, int64_t start, int index) {
                        return sound_key(keys, use, start, use == Use::kAccept ? 0 : index);
                      });
}

// A draft model that speculates itself, with one token of a smaller one.
Finding outer_keys_reused_in_inner_loop() {
  const FaultWorld world;
  const auto error = [&](bool is_forked) {
    const auto draft = [&](const Prefix& text, int depth, const Keyring& outer) {
      DraftTree tree = DraftTree::root_only(text.back());
      if (depth == 0) return tree;
      const Keyring keys = is_forked ? outer.fork(1) : outer;
      const auto start = static_cast<int64_t>(text.size());
      DraftTree inner = DraftTree::root_only(text.back());
      const Tensor small = tensor_of({world.toy().q_before_policy(text)});
      inner.add(pick(small.const_data_ptr<float>(), small.size(1), keys.uniform(Use::kDraft, 0, start, 1)), 0, kDrawn,
                0);
      inner.q = small;
      const Prefix longer = path_text(text, inner, 1);
      KeyedChance chance(keys, 0, start);
      const Tensor p = tensor_of({world.q(text), world.q(longer)});
      const Verdict verdict = ratio_rule().verify(inner, {.p = p, .chance = chance});
      tree.add(verdict.path.empty() ? verdict.next : inner.token[1], 0, kDrawn, 0);
      tree.q = tensor_of({world.q(text)});
      return tree;
    };
    return bisected_error(world, {.rule = ratio_rule(), .length = 1, .tokens = 2, .draft = draft});
  };
  return {.tv = error(false), .sound = error(true)};
}

// Two children of the root, each with a child of its own that is drawn with the other's random number.
Finding shared_noise_for_two_parents_under_traversal() {
  const FaultWorld world(17);
  const Shape tops{"", {0, 0}, {kDrawn, kDrawn}};
  const auto shared = [&](const Prefix& text) {
    std::vector<WeightedTree> trees;
    for (const WeightedTree& top : draw_trees(world.toy(), text, tops)) {
      const Row first = world.q(path_text(text, top.tree, 1)), second = world.q(path_text(text, top.tree, 2));
      double low_first = 0;
      for (Token x = 0; x < 3; low_first += first[x++]) {
        double low_second = 0;
        for (Token y = 0; y < 3; low_second += second[y++]) {
          // Both inverse CDFs take the same u.
          const double mass = std::min(low_first + first[x], low_second + second[y]) - std::max(low_first, low_second);
          if (!(mass > 0)) continue;
          WeightedTree whole{first_rows(top.tree, 3), top.mass * mass};
          whole.tree.add(x, 1, kDrawn, 1);
          whole.tree.add(y, 2, kDrawn, 2);
          give_q(world.toy(), text, whole.tree);
          trees.push_back(std::move(whole));
        }
      }
    }
    return trees;
  };
  const Shape whole{"", {0, 0, 1, 2}, {kDrawn, kDrawn, kDrawn, kDrawn}};
  return {.tv = world.error(NaiveTraversal(), 2, shared),
          .sound = world.error(NaiveTraversal(), 2, world.drafts(whole))};
}

double tv_of(const std::vector<int64_t>& counts, const Row& law) {
  return total_variation(Row(counts.begin(), counts.end()), law);
}

// Draft and residual race with one noise; the rule is sound as long as it leaves that noise alone.
Finding coupled_noise_shared_with_residual() {
  const FaultWorld world(13, 4);
  constexpr int64_t kSamples = 20000;
  const Prefix& text = world.prompt();
  const Tensor p = tensor_of({world.p(text)}), q = tensor_of({world.q(text)});
  const float *target = p.const_data_ptr<float>(), *draft = q.const_data_ptr<float>();
  const Keyring keys(1);
  std::vector<int64_t> faulty(4), sound(4);
  for (int64_t request = 0; request < kSamples; ++request) {
    const Token d = coupled_draw(draft, 4, keys, request, 3);
    if (keys.uniform(Use::kAccept, request, 3, 1) < target[d] / draft[d]) {
      ++faulty[d];
      ++sound[d];
      continue;
    }
    Residual left(target, 4);
    left.subtract(draft, 1, {});
    std::vector<float> mass;
    for (Token x = 0; x < 4; ++x) mass.push_back(static_cast<float>(left.at(x)));
    ++faulty[coupled_draw(mass.data(), 4, keys, request, 3)];
    ++sound[left.draw(keys.uniform(Use::kResidual, request, 3, 0))];
  }
  const Row& law = world.p(text);
  return {.tv = tv_of(faulty, law),
          .sound = tv_of(sound, law),
          .samples = kSamples,
          .chance_of_fault = chi_square(faulty, law).p,
          .chance_sound = chi_square(sound, law).p};
}

// A token of no probability, and a uniform that is 0.
Finding accept_at_equality() {
  struct AtEquality final : Chance {
    explicit AtEquality(Chance& sound) : sound_(sound) {}
    int choose(std::span<const double> h, int /*row*/) override { return 0.0 <= h[0] ? 0 : -1; }
    Token draw_target(const float* p, int64_t vocab, int depth) override { return sound_.draw_target(p, vocab, depth); }
    Token draw_coupled(const float* p, int64_t vocab, int depth) override {
      return sound_.draw_coupled(p, vocab, depth);
    }
    Token emit(const Residual& left, int node, int depth) override { return sound_.emit(left, node, depth); }
    Chance& sound_;
  };
  DraftTree tree = DraftTree::root_only(0);
  tree.add(1, 0, kDrawn, 0);
  tree.q = tensor_of({{0.5, 0.5, 0}});
  const Tensor p = tensor_of({{0.5, 0, 0.5}, {1, 0, 0}});
  const Keyring zeros = scripted([](Use, int64_t, uint32_t) { return 0.0; });
  KeyedChance sound(zeros, 0, 1);
  AtEquality faulty(sound);
  const auto impossible = [&](Chance& chance) {
    return ratio_rule().verify(tree, {.p = p, .chance = chance}).path.empty() ? 0.0 : 1.0;
  };
  return {.tv = impossible(faulty), .sound = impossible(sound)};
}

// The share of 200 seeds whose text is not that of the same rule without drafts.
Finding target_draw_keyed_by_round() {
  const FaultWorld world;
  const RuleOf agreement([](const DraftTree& tree, const Evidence& e) {
    const RoundRows rows(tree, e.p);
    return follow(tree, [&](int row, int depth) { return e.chance.draw_target(rows.p(row), rows.vocab(), depth); });
  });
  const KeyMap by_round = [](const Keyring& keys, Use use, int64_t start, int index) {
    return keys.uniform(use, 0, start, static_cast<uint32_t>(index));
  };
  constexpr int kSeeds = 200;
  const auto differing = [&](const KeyMap& map) {
    int different = 0;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const Keyring keys(seed);
      std::string unused;
      const auto text = decode_text(world, {.rule = agreement, .length = 2, .tokens = 8, .keys = map}, keys, unused);
      const auto own = decode_text(world, {.rule = agreement, .length = 0, .tokens = 8, .keys = map}, keys, unused);
      different += text != own ? 1 : 0;
    }
    return static_cast<double>(different) / kSeeds;
  };
  return {.tv = differing(by_round), .sound = differing(sound_key), .samples = kSeeds};
}

// Two rounds that draw from one key: 1 where the audit refuses it.
Finding key_drawn_twice() {
  const FaultWorld world;
  const auto refused = [&](const KeyMap& map) {
    Keyring keys(1);
    keys.audit();
    std::string unused;
    try {
      decode_text(world, {.rule = ratio_rule(), .length = 2, .tokens = 8, .keys = map}, keys, unused);
    } catch (const std::logic_error&) {
      return 1.0;
    }
    return 0.0;
  };
  const KeyMap rowless = [](const Keyring& keys, Use use, int64_t start, int index) {
    return sound_key(keys, use, start, use == Use::kDraft ? 0 : index);
  };
  return {.tv = refused(rowless), .sound = refused(sound_key)};
}

}  // namespace

std::vector<Fault> faults_of_randomness() {
  return {
      {kTheme, "reused_uniform", "The residual is drawn with the uniform that rejected.", "", kBisected,
       reused_uniform},
      {kTheme, "shared_draft_and_residual_stream", "The residual is drawn with the uniform that drew the draft.",
       "vLLM, issue 47386", kBisected, shared_draft_and_residual_stream},
      {kTheme, "position_keyed_draft_under_block",
       "Drafts are keyed by position, so that block verification conditions what the next round draws with.",
       "vLLM's block verification (patch notes)", kBisected, position_keyed_draft_under_block},
      {kTheme, "shared_noise_for_two_parents_under_traversal",
       "Rows at one depth below two parents are drawn with one uniform, and traversal verification judges them.", "",
       "exact law of a text", shared_noise_for_two_parents_under_traversal},
      {kTheme, "noise_reused_every_round", "Every round draws with the numbers of the first.", "Sequoia", kBisected,
       noise_reused_every_round},
      {kTheme, "accept_uniforms_all_equal", "One number decides every row of the chain.",
       "LLMSpeculativeSampling with --seed", kBisected, accept_uniforms_all_equal},
      {kTheme, "outer_keys_reused_in_inner_loop",
       "A draft model that speculates itself uses the keys of the outer loop.", "", kBisected,
       outer_keys_reused_in_inner_loop},
      {kTheme, "coupled_noise_shared_with_residual", "The residual races with the noise that the draft was drawn with.",
       "vLLM, issue 47386", "chi-square", coupled_noise_shared_with_residual},
      {kTheme, "accept_at_equality", "u <= h accepts a token without probability where u = 0.", "", "uniforms at 0",
       accept_at_equality},
      {kTheme, "target_draw_keyed_by_round", "Agreement draws by round and depth, so that texts depend on the draft.",
       "", "baseline's text", target_draw_keyed_by_round},
      {kTheme, "key_drawn_twice", "Two rows of a draft are drawn from one key.", "", "key audit", key_drawn_twice},
  };
}

}  // namespace specula

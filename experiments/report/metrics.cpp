#include "experiments/report/metrics.h"

#include "experiments/scores/scorer.h"
#include "framework/core/error.h"

namespace specula {
namespace {

std::vector<MetricDefinition> with_scores(std::vector<MetricDefinition> definitions) {
  for (const Scorer& scorer : scorers()) {
    definitions.push_back({"score." + scorer.id, "fraction",
                           "Share of the answers with a reference that are right.  " + scorer.definition +
                               "  Interval: percentile bootstrap over groups of prompts.",
                           "yes", "accuracy"});
    definitions.push_back({"score_delta." + scorer.id, "fraction",
                           cat("Mean over pairs of score.", scorer.id,
                               " of the arm less that of the baseline for the same prompt, repetition and turn; "
                               "score_pairs in summary.json counts the pairs by who was right (both, only_arm, "
                               "only_ref, neither).  Interval: paired percentile bootstrap over groups."),
                           "yes", "difference of accuracy; only_arm and only_ref are McNemar's two counts"});
  }
  return definitions;
}

}  // namespace

const std::vector<MetricDefinition>& metric_definitions() {
  static const std::string kYes = "yes", kLength = "depends on the draft length", kHardware = "hardware";
  static const std::vector<MetricDefinition> kDefinitions = with_scores({
      {"speedup", "ratio",
       "Tokens per second of the arm over those of the baseline arm, end to end, on the same prompts, repetitions and "
       "turns of "
       "one segment of one run: (sum n / sum t) / (sum n_ref / sum t_ref).  With texts of equal length this is the "
       "ratio of "
       "paired sums of time.  Of batches t is the wall time of the whole batch, so this is the ratio of goodputs.  "
       "Interval: paired percentile bootstrap over groups of prompts.",
       kHardware, "walltime improvement, end-to-end speed-up"},
      {"speedup_decode", "ratio", "As speedup, with the time from the end of the prefill to the last token.", kHardware,
       ""},
      {"speedup_geomean", "ratio", "Geometric mean over the paired records of the ratio of time per token.", kHardware,
       ""},
      {"speedup_model", "ratio",
       "tau / (g c + v + o): what the measured costs predict, with g drafted tokens a round.  With v = 1, o = 0 and "
       "independent "
       "acceptance this is (1 - alpha^(g+1)) / ((1 - alpha) (g c + 1)) of Leviathan 2023, theorem 3.8.",
       kHardware, "expected walltime improvement factor"},
      {"e2e_tok_s", "tokens/s",
       "Kept tokens over the time of decode(), prefill included, unbilled time left out; of a batch, its wall time: "
       "goodput.",
       kHardware, "throughput, goodput"},
      {"decode_tok_s", "tokens/s",
       "Kept tokens over the time from the end of the prefill to the last token.  Every token counts, the first "
       "round's too: "
       "(n - 1) / (t_last - t_first) would favour arms that keep several tokens in their first round.",
       kHardware, "generation speed"},
      {"ttft_ms", "ms",
       "Token ids submitted until the first token is final and can be read, prefill included; mean, and p50 in "
       "ttft_p50_ms.",
       kHardware, "time to first token"},
      {"ttft_p50_ms", "ms", "Median over records of the time to the first token.", kHardware, ""},
      {"tpot_ms", "ms",
       "Time from the end of the prefill to the text's own last token, for each kept token; 1000 / decode_tok_s at "
       "batch "
       "1.",
       kHardware, "time per output token"},
      {"e2e_ms", "ms", "Mean time until a text was there, unbilled time left out.", kHardware, "latency"},
      {"step_ms", "ms", "Mean time of a round after the first.", kHardware, "iteration time"},
      {"step_p50_ms", "ms", "Median time of a round after the first.", kHardware, ""},
      {"step_p90_ms", "ms", "90th percentile of the time of a round after the first.", kHardware, ""},
      {"step_p99_ms", "ms", "99th percentile of the time of a round after the first.", kHardware, ""},
      {"itl_p50_ms", "ms",
       "Median gap between the times at which neighbouring tokens can be read.  Tokens of one round share a time, so "
       "zeros are "
       "real.",
       kHardware, "inter-token latency, TBT"},
      {"itl_p99_ms", "ms", "99th percentile of the gaps between neighbouring tokens.", kHardware, ""},
      {"tau", "tokens",
       "sum k / S: tokens kept per target call, the extra token included; autoregression has 1, a strategy that weighs "
       "several texts against each other at most 1.",
       kLength, "block efficiency, mean accepted tokens (#MAT), acceptance length, AL"},
      {"tau_prompt_mean", "tokens", "Mean over records of each record's tau.", kLength, "Average_AL"},
      {"alpha", "fraction",
       "sum a / sum (a + r), r = 1 where a draft was rejected: accepted over *tested* tokens, rounds that were cut "
       "left out.  "
       "Null for trees and for rules that do not flip one coin per token (joint and coupled ones).",
       kYes, "Leviathan's alpha (plug-in estimate), acceptance rate"},
      {"accepted_per_step", "tokens", "sum a / S, without the extra token.", kLength,
       "acceptance length without the bonus token"},
      {"expected_accepted", "tokens",
       "Mean over rounds of the number of accepted tokens that the rule is expected to reach, computed from p and q of "
       "the round in closed form or over every branch of the rule's chances, so without the noise of its coins; rules "
       "that race with coupled noise and have no closed form are drawn many times.  A closed form may also average "
       "over "
       "the drafted tokens given p and q.  Logged with [measure] expected = true and by replay.",
       kLength, "expected acceptance length"},
      {"rule_us", "us",
       "Time of the acceptance rule alone per round, each recorded round judged once.  Replay only: there is no model "
       "between two rounds, so caches are warmer than in a decode.",
       kHardware, "verification time"},
      {"draft_accept_frac", "fraction", "sum a / sum d: falls as the draft grows.  Null for trees.", "no: " + kLength,
       "acceptance rate of vLLM and SGLang"},
      {"util_frac", "fraction", "sum k / sum (d + 1): kept over processed positions.", "no: " + kLength,
       "system efficiency"},
      {"pos_marginal", "fraction",
       "Per depth j: rounds with a >= j over rounds with a draft of depth >= j; both counts stored.", kYes,
       "acceptance per position"},
      {"pos_cond", "fraction", "Per depth j: rounds with a >= j over rounds with a >= j - 1 and a draft of depth >= j.",
       kYes, "n-alpha of EAGLE is related"},
      {"len_hist", "rounds", "Number of rounds with a = n, n = 0, 1, ...", kLength, ""},
      {"drafted_per_step", "tokens", "sum d / S: candidates per round, every node of a tree.", kLength,
       "mean draft length"},
      {"cost_c", "ratio", "Fenced time of one drafted token over the baseline's fenced time of a round.", kHardware,
       "Leviathan's c"},
      {"cost_v", "ratio", "Fenced time of one target call over the baseline's fenced time of a round.", kHardware,
       "often assumed to be 1"},
      {"cost_o", "ratio",
       "What is left of a fenced round (sampling, rule, commit, observe, gaps) over the baseline's fenced time of a "
       "round.",
       kHardware, "overhead"},
      {"trace_overhead_frac", "fraction",
       "Time of the fenced pass over that of the unfenced one on the same records, minus 1.", kHardware, ""},
      {"alpha_break_even", "fraction",
       "The acceptance rate from which the draft pays for itself with the measured costs: the alpha that solves "
       "(1 - alpha^(g+1)) / (1 - alpha) = g c + v + o, with g drafted tokens a round.  0 where it always pays; null "
       "for "
       "trees and where no rate would do.",
       kHardware, ""},
      {"draft_memory_frac", "fraction",
       "Bytes of weights that a pass of the draft reads over those of a pass of draft and target: the share of the "
       "memory for weights that the draft rents.  0 without a draft model.",
       "yes", "draft memory rent"},
      {"usd_per_mtok", "USD/Mtoken",
       "Price of a million kept tokens: [cost] usd_per_hour / 3600 / e2e_tok_s x 1e6.  Null without a price.",
       kHardware, "cost per million tokens"},
      {"flop_per_tok", "FLOP/token",
       "Arithmetic of all positions that target and draft model processed, prefill included, over kept tokens: a "
       "position "
       "with c keys costs 2 x active parameters + 4 x layers x attention width x c.  Windows are not taken into "
       "account, "
       "and every node beside a tree's deepest path counts as deep as that.  Null where a drafter's own work is not "
       "known from its records.",
       kLength, "compute per token"},
      {"wasted_flop_frac", "fraction", "The share of that arithmetic at positions which were thrown away.", kLength,
       ""},
      {"mbu_frac", "fraction",
       "Bytes of weights that the passes of the rounds read, over what the memory could have delivered in the same "
       "time: "
       "(target passes x its weight bytes + draft passes x theirs) / (decode time x stream bandwidth).  Caches of keys "
       "and values are left out, and of experts those of one row count.  Above 1 where weights stay in the processor's "
       "cache.",
       kHardware, "memory bandwidth utilization (MBU)"},
      {"mfu_frac", "fraction",
       "The arithmetic of flop_per_tok over what the machine's matrix products could have done in the same time, "
       "prefill included: (target FLOP / its peak + draft FLOP / its peak) / end-to-end time.  A model's peak is "
       "gemm_gflop_s of the manifest: the best rate of LibTorch's product of large square matrices by the run's "
       "threads, measured before the run, float32 for float32 models and bfloat16 for the others.  Null for quantized "
       "models, whose products that rate does not bound, and where flop_per_tok is.",
       kHardware, "model FLOP utilization (MFU); work on rejected drafts counts, as in hardware FLOP utilization"},
      {"j_per_tok", "J",
       "Energy of the unfenced turns over their tokens, every domain that the machine counts put together (processor "
       "packages and their memory by RAPL, GPUs by NVML), read before and after each turn.  The whole machine is "
       "counted, so nothing else should run.  Turns of less than 10 s in all have none: counters tick every "
       "millisecond, GPUs' every 100.",
       kHardware, "energy per token"},
      {"j_per_tok_net", "J",
       "The same less what the idle machine takes in that time: (energy - idle watts x time) / tokens.", kHardware,
       "dynamic energy per token"},
      {"exact_frac", "fraction",
       "Records whose token ids equal those of the baseline for the same prompt, repetition and turn.  Of an arm with "
       "another target: how often two models write the same text.",
       kYes, "token match"},
      {"first_div_tok", "tokens",
       "Index of the first new token that differs from the baseline's; null where none does.", kYes, ""},
      {"div_margin_nats", "nats",
       "Log-probability gap in the target between the baseline's token and the arm's where they first differ.  "
       "Temperature 0 "
       "only: a small gap is a tie that rounding decided.  Null for an arm with another target.",
       kYes, ""},
      {"n_in_tok", "tokens", "Tokens of the prompt.", kYes, ""},
      {"n_out_tok", "tokens", "Kept new tokens of a text, the stop token included; mean over records.", kYes,
       "out_tok_mean, length of the text"},
      {"distinct_1", "fraction",
       "Different tokens over all tokens of the arm's texts taken together, by token id, the stop token included; each "
       "repetition is counted by itself.  Falls as texts become more, so only cells with as many tokens compare, and "
       "has no interval, since a union of texts is no sum over prompts.",
       kYes, "distinct-1 of Li et al. 2016, who count words"},
      {"distinct_2", "fraction",
       "As distinct_1, of pairs of neighbouring tokens within a text, over the number of pairs.", kYes,
       "distinct-2 of Li et al. 2016, who divide by the number of words"},
      {"repetition_frac", "fraction",
       "4-grams of token ids that stood before in the same text, over all its 4-grams: 1 - different / all, summed "
       "over texts.  Texts of fewer than 4 tokens have none.  Greedy texts that go round in circles are easy to draft, "
       "so a high speed-up beside a high share of repetition says little about other texts.",
       kYes, "seq-rep-4 of Welleck et al. 2020, who average over texts"},
      {"nll_nats", "nats",
       "Mean over the kept tokens of -log p(token) under the target of the baseline arm, loaded in float32, at "
       "temperature 1 and without policy, given the prompt and the text before the token: sum over texts of their "
       "-log p, over sum of their tokens.  Computed from the token ids by `specula score-run DIR --nll` or with "
       "[quality] nll = true.  Interval: percentile bootstrap over groups of prompts.",
       kYes, "negative log-likelihood, cross-entropy of the produced text"},
      {"ppl", "ratio", "Perplexity of the produced texts: exp(nll_nats), of the same sums; so is its interval.", kYes,
       "perplexity; here of the arm's own texts and not of a corpus, so lower is likelier and not better"},
      {"nll_delta", "nats",
       "nll_nats of the arm less that of the baseline, over the same prompts, repetitions and turns: sum nll / sum n - "
       "sum nll_ref / sum n_ref.  About 0 for an arm that keeps the target's law.  Interval: paired percentile "
       "bootstrap over groups.",
       kYes, "difference of log-perplexities"},
  });
  return kDefinitions;
}

const MetricDefinition* find_metric(const std::string& name) {
  for (const MetricDefinition& definition : metric_definitions()) {
    if (definition.name == name) return &definition;
  }
  return nullptr;
}

}  // namespace specula

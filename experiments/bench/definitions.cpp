#include <map>

#include "experiments/commands.h"

namespace specula {
namespace {

using Terms = std::vector<std::pair<std::string, std::string>>;

const std::map<std::string, Terms>& all_terms() {
  static const std::map<std::string, Terms> kTerms = {
      {"bench forward",
       {{"ms", "time of a pass that asks for all logits; an untimed one of the same kind goes before it"},
        {"gb_s", "weight_bytes plus the cache's bytes at this context, over the time"},
        {"share", "gb_s over the memory bandwidth read in the same turn"},
        {"ratio", "time over that of the first row count of the list, turn by turn: T(n)/T(1)"},
        {"to_first_dtype", "time over that of the first dtype, turn by turn; with several dtypes"}}},
      {"bench prefill",
       {{"ms", "time to take in a prompt: its passes in chunks, no logits, a cache that is allocated"},
        {"tok_s", "tokens of the prompt over that time"},
        {"gflop_s",
         "2 x (weights of the layers' matrices x tokens + multiplications of causal attention) over the time"},
        {"gemm_gflop_s",
         "LibTorch's product in the same turn, the best of ATen and packed oneDNN on 1024 and 2048 square; float32 for "
         "fp32, else bfloat16"},
        {"share", "gflop_s over gemm_gflop_s, turn by turn"}}},
      {"bench decode",
       {{"ms_per_token", "a pass over one row, its commit and the search of the most likely token"},
        {"tok_s", "1 over that time"}}},
      {"bench round",
       {{"target_ms", "a pass of the target over one row: the unit of c, v and o"},
        {"c", "a pass of the draft over one row"},
        {"v", "a pass of the target over length + 1 rows"},
        {"o",
         "what a round of the decode loop spends outside the passes of both models: sampling, the rule, commits, "
         "bookkeeping"},
        {"o_us", "the same in microseconds"},
        {"round", "a whole round of the decode loop; near length x c + v + o"},
        {"tau",
         "tokens a round emits if drafts are accepted independently at rate alpha: "
         "(1 - alpha^(length+1)) / (1 - alpha)"},
        {"speedup", "tau / (length x c + v + o): the prediction, from the medians"},
        {"break_even_alpha", "the rate at which that is 1; 0: always above, - or null: never"}}},
      {"bench load",
       {{"file_mb", "bytes of the folder's *.safetensors"},
        {"read_ms", "time of read(2) over them into one small buffer, the page cache being warm"},
        {"load_ms", "time until the model can decode: checks, mapping, packing"},
        {"ratio", "load_ms over read_ms, turn by turn"},
        {"peak_growth_mb", "peak resident memory during the load over that before it, mapped file included"}}},
      {"bench drafters",
       {{"round_us", "draft_us plus observe_us: what a round costs outside the models, mean over the rounds of a turn"},
        {"draft_us", "from the text to the tree"},
        {"observe_us", "taking in what was accepted, and the target's logits where they are wanted"},
        {"begin_ms", "taking in the text of `context` tokens"},
        {"drafted, accepted",
         "candidates of a round, and how many the synthetic text agrees with; a check that there was work to do"},
        {"memory_mb", "growth of the heap from before the drafter was made; mapped files are not in it"},
        {"corpus", "tokens of the file that the drafter reads; 0: none"},
        {"build_s, file_mb, bytes_per_token", "making that file of tokens that are in memory"}}},
      {"bench records",
       {{"prompts", "of a study whose texts are made up; the first row has a tenth of them, so growth shows"},
        {"records_s, write_us",
         "records written a second, and the time of one: its line, its share of write and fdatasync"},
        {"record_bytes", "of a line"},
        {"growth_mb", "resident memory at the last prompt less that after a tenth of them"},
        {"read_s", "reading all records back"},
        {"summary_s", "computing the summary of them: every metric with its interval, comparisons, checks"}}},
      {"bench tokenize",
       {{"encode_mb_s", "bytes of the documents over the time to encode them one by one, in one thread"},
        {"decode_mb_s", "the same bytes over the time to decode what came of them"},
        {"bytes_per_token", "bytes of the documents over their tokens, those included that the folder adds"},
        {"load_ms", "time to read the tokenizer, once"}}},
      {"bench kernels",
       {{"product/FORMAT/WHAT/KxN/rows:M/FROM",
         "M rows of K values times N outputs by all threads; from memory: weights rotate through 96 MB; cached: the "
         "same each time"},
        {"attention/...", "all threads, each over a key head of its own from memory; group: queries a row"},
        {"rms_norm and so on /DTYPE/N", "one thread, a row of N values in its cache"},
        {"softmax/V, draw/V", "one thread, a row of V logits or probabilities"},
        {"bytes_per_second", "weights, or keys and values, or logits and probabilities, over the time"},
        {"flop_per_second", "multiplications and additions over the time"},
        {"context",
         "what the JSON says of the machine; threads, stream_gb_s (memory bandwidth before the first benchmark), cpu "
         "and commit are ours; library_build_type is that of Google Benchmark alone, which Debian builds as debug"}}}};
  return kTerms;
}

}  // namespace

const Terms& bench_definitions(const std::string& command) { return all_terms().at(command); }

}  // namespace specula

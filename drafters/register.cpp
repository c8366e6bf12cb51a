#include "drafters/register.h"

#include "drafters/adversary.h"
#include "drafters/block_diffusion.h"
#include "drafters/cascade_drafter.h"
#include "drafters/check_drafter.h"
#include "drafters/draft_model.h"
#include "drafters/eagle.h"
#include "drafters/eagle2.h"
#include "drafters/eagle3.h"
#include "drafters/early_exit.h"
#include "drafters/echo.h"
#include "drafters/fallback.h"
#include "drafters/hydra.h"
#include "drafters/kangaroo.h"
#include "drafters/layer_skip.h"
#include "drafters/lookahead.h"
#include "drafters/medusa.h"
#include "drafters/mlp_speculator.h"
#include "drafters/mtp.h"
#include "drafters/ngram_cache.h"
#include "drafters/ngram_hash.h"
#include "drafters/ngram_map.h"
#include "drafters/ngram_trie.h"
#include "drafters/none.h"
#include "drafters/online_draft.h"
#include "drafters/oracle.h"
#include "drafters/ouroboros.h"
#include "drafters/parallel_draft.h"
#include "drafters/peagle.h"
#include "drafters/prompt_lookup.h"
#include "drafters/random_tree.h"
#include "drafters/replay.h"
#include "drafters/retrieval.h"
#include "drafters/sliding_window_self.h"
#include "drafters/suffix_automaton.h"
#include "drafters/suffix_tree.h"
#include "drafters/swift.h"
#include "drafters/switch.h"
#include "drafters/text_round_trip.h"
#include "drafters/token_recycling.h"
#include "drafters/union.h"
#include "drafters/vocabulary_intersection.h"

namespace specula {

void register_drafters(Registry<Drafter>& drafters) {
  drafters.add(none());
  drafters.add(draft_model());
  drafters.add(online_draft());
  drafters.add(parallel_draft());
  drafters.add(medusa());
  drafters.add(hydra());
  drafters.add(mlp_speculator());
  drafters.add(eagle());
  drafters.add(eagle2());
  drafters.add(eagle3());
  drafters.add(peagle());
  drafters.add(mtp());
  drafters.add(block_diffusion());
  drafters.add(layer_skip());
  drafters.add(early_exit());
  drafters.add(kangaroo());
  drafters.add(swift());
  drafters.add(sliding_window_self());
  drafters.add(prompt_lookup());
  drafters.add(ngram_map());
  drafters.add(ngram_hash());
  drafters.add(ngram_cache());
  drafters.add(ngram_trie());
  drafters.add(suffix_tree());
  drafters.add(suffix_automaton());
  drafters.add(retrieval());
  drafters.add(token_recycling());
  drafters.add(lookahead());
  drafters.add(ouroboros());
  drafters.add(vocabulary_intersection());
  drafters.add(text_round_trip());
  drafters.add(cascade_drafter());
  drafters.add(fallback());
  drafters.add(switch_drafter());
  drafters.add(union_of());
  drafters.add(oracle());
  drafters.add(echo());
  drafters.add(adversary());
  drafters.add(replay());
  drafters.add(random_tree());
  drafters.add(check_drafter());
}

const Registry<Drafter>& all_drafters() {
  static const Registry<Drafter> instance = [] {
    Registry<Drafter> drafters{.kind = "drafter"};
    register_drafters(drafters);
    return drafters;
  }();
  return instance;
}

}  // namespace specula

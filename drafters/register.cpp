#include "drafters/register.h"

#include "drafters/draft_model.h"
#include "drafters/echo.h"
#include "drafters/none.h"
#include "drafters/oracle.h"
#include "drafters/prompt_lookup.h"

namespace specula {

void register_drafters(Registry<Drafter>& drafters) {
  drafters.add(none());
  drafters.add(draft_model());
  drafters.add(prompt_lookup());
  drafters.add(oracle());
  drafters.add(echo());
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

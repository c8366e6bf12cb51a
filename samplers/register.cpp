#include "samplers/register.h"

#include "samplers/min_p.h"
#include "samplers/repetition_penalty.h"
#include "samplers/temperature.h"
#include "samplers/top_k.h"
#include "samplers/top_p.h"

namespace specula {

// The order is that of transformers: what looks at the history, then temperature, then what cuts the tail.
void register_samplers(Registry<LogitsProcessor>& samplers) {
  samplers.add(repetition_penalty());
  samplers.add(temperature());
  samplers.add(top_k());
  samplers.add(top_p());
  samplers.add(min_p());
}

}  // namespace specula

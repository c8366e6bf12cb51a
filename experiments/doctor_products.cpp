#include "experiments/doctor_products.h"

#include <cmath>
#include <cstdio>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kFaster = .85;  // of the time of the one in use: less is within what neighbours on the machine do
const std::vector<int64_t> kRows = {1, 5, 64};

std::string line_of(Dtype format, const LinearTiming& timing, bool in_use) {
  char text[128];
  const auto bytes = static_cast<double>(timing.weight_bytes);
  std::snprintf(text, sizeof text, "  %-6s %-22s %8.0f %8.0f %8.0f %8.1f", name_of(format),
                (timing.implementation + (in_use ? " (in use)" : "")).c_str(), timing.seconds[0] * 1e6,
                timing.seconds[1] * 1e6, timing.seconds[2] * 1e6, bytes / timing.seconds[0] * 1e-9);
  return text;
}

bool is_library(const LinearTiming& timing) {
  return timing.implementation == name_of(Library::kAten) || timing.implementation == name_of(Library::kOneDnn);
}

}  // namespace

std::string advise(Dtype format, const std::vector<LinearTiming>& timings) {
  double best = kFaster;
  std::string text;
  for (const LinearTiming& timing : timings) {
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const double ratio = timing.to_used[i];
      if (ratio >= best) continue;
      best = ratio;
      text = cat(name_of(format), ": with ", kRows[i], kRows[i] == 1 ? " row" : " rows", " a product of ",
                 timing.implementation, " takes ", std::lround(ratio * 100), " % of the time of ",
                 timings.front().implementation, ", which is in use; if an idle machine says so too, ",
                 is_library(timing) ? "--device aten may be faster here" : "set SPECULA_ISA (avx512, avx2, baseline)",
                 ", and report this CPU");
    }
  }
  return text;
}

ProductTable tabulate_products(const LinearShape& shape, int64_t memory, int turns) {
  ProductTable table;
  table.lines.push_back(cat("products of a ", shape.inputs, "x", shape.outputs,
                            " layer, weights from memory: microseconds by rows, GB/s of weights at one row"));
  char heading[128];
  std::snprintf(heading, sizeof heading, "  %-6s %-22s %8s %8s %8s %8s", "dtype", "implementation", "1", "5", "64",
                "GB/s");
  table.lines.emplace_back(heading);
  for (const std::string& name : dtype_names()) {
    const Dtype format = parse_dtype(name, "doctor");
    const std::vector<LinearTiming> timings =
        measure_linear({.format = format, .shape = shape, .rows = kRows, .memory = memory, .turns = turns});
    for (const LinearTiming& timing : timings)
      table.lines.push_back(line_of(format, timing, &timing == &timings.front()));
    const std::string advice = advise(format, timings);
    if (!advice.empty()) table.advice.push_back(advice);
  }
  return table;
}

}  // namespace specula

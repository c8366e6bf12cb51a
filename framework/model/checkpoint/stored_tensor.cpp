#include "framework/model/checkpoint/stored_tensor.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"

namespace specula {
namespace {

constexpr size_t kMostKept = 3;  // query, key and value are fused

template <class T>
std::vector<T> read_all(const StoredTensor& from) {
  std::vector<T> values(static_cast<size_t>(from.entry->elements()));
  from.read_bits(0, from.entry->shape.front(), values.data());
  return values;
}

}  // namespace

int64_t StoredTensor::elements_of_row() const {
  const int64_t rows = entry->shape.front();
  return rows == 0 ? 0 : entry->elements() / rows;
}

void StoredTensor::read_bits(int64_t first_row, int64_t row_count, void* out) const {
  const int64_t size = elements_of_row() * element_bytes();
  file->read(*entry, static_cast<size_t>(first_row * size),
             {static_cast<uint8_t*>(out), static_cast<size_t>(row_count * size)});
}

void StoredTensor::read_rows(int64_t first_row, int64_t row_count, float* out) const {
  SPECULA_CHECK(is_float(), entry->name, " is ", entry->dtype);
  if (entry->dtype == "F32") return read_bits(first_row, row_count, out);
  std::vector<uint16_t> halves(static_cast<size_t>(row_count * elements_of_row()));
  read_bits(first_row, row_count, halves.data());
  std::transform(halves.begin(), halves.end(), out, entry->dtype == "BF16" ? from_bfloat16 : from_float16);
}

Matrix read_turned(const StoredTensor& from) {
  const int64_t inputs = from.entry->shape[0], outputs = from.entry->shape[1];
  std::vector<float> line(static_cast<size_t>(outputs));
  auto turned = std::make_shared<std::vector<float>>(static_cast<size_t>(inputs * outputs));
  for (int64_t i = 0; i < inputs; ++i) {
    from.read_rows(i, 1, line.data());
    for (int64_t o = 0; o < outputs; ++o) (*turned)[static_cast<size_t>(o * inputs + i)] = line[static_cast<size_t>(o)];
  }
  return turned;
}

Matrix read_packed(const PackedTensor& from, StoredIntegers kind) {
  const StoredTensor& scales = from.scales;
  PackedInts packed{.inputs = from.inputs,
                    .outputs = from.outputs,
                    .groups = scales.entry->shape.front(),
                    .weights = read_all<uint32_t>(from.weights),
                    .zeros = read_all<uint32_t>(from.zeros),
                    .scales = std::vector<float>(static_cast<size_t>(scales.entry->elements()))};
  scales.read_rows(0, packed.groups, packed.scales.data());
  if (from.group_of.file != nullptr) {
    packed.group_of = read_all<int32_t>(from.group_of);
  } else {
    for (int64_t i = 0; i < from.inputs; ++i) packed.group_of.push_back(static_cast<int32_t>(i / from.group_size));
  }
  for (const int32_t group : packed.group_of) {
    if (group < 0 || group >= packed.groups) {
      throw Error(cat(from.weights.file->path(), ": tensor '", from.group_of.entry->name, "': group ", group,
                      " is out of range 0..", packed.groups - 1));
    }
  }
  return std::make_shared<std::vector<float>>(unpack(packed, kind));
}

Matrix WholeMatrices::get(const std::string& name, const std::function<Matrix()>& read) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(last_.begin(), last_.end(), [&](const auto& kept) { return kept.first == name; });
  if (found != last_.end()) return found->second;
  if (last_.size() == kMostKept) last_.pop_front();
  return last_.emplace_back(name, read()).second;
}

}  // namespace specula

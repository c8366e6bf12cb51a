#include "framework/model/aten/library_linear.h"

#include <ATen/core/dispatch/Dispatcher.h>  // costly, here alone
#include <ATen/ops/index_select.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

namespace specula {
namespace {

using Pack = Tensor(const Tensor&, std::optional<c10::SymInt>);
using Multiply = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view,
                        c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);

// For products of one row; others run with the same layout, repacked by nobody.
Tensor pack(const Tensor& weight) {
  static const auto kOperator =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_reorder_linear_weight", "").typed<Pack>();
  return kOperator.call(weight, c10::SymInt(1));
}

Tensor multiply(const Tensor& x, const Tensor& packed, const Tensor& bias) {
  static const auto kOperator =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<Multiply>();
  return kOperator.call(x, packed, bias.defined() ? std::optional(bias) : std::nullopt, "none",
                        c10::List<std::optional<at::Scalar>>(), "");
}

// LibTorch may be built without oneDNN, and packing bfloat16 throws on a CPU without the instructions.
bool can_pack(at::ScalarType dtype) {
  try {
    const Tensor weight = at::zeros({16, 16}, dtype);
    multiply(at::zeros({1, 16}, dtype), pack(weight), {});
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

}  // namespace

const char* name_of(Library library) { return library == Library::kAten ? "ATen" : "oneDNN"; }

std::vector<Library> libraries_for(at::ScalarType dtype, at::Device device) {
  if (!device.is_cpu()) return {Library::kAten};
  static const bool kPacksFloat = can_pack(at::kFloat), kPacksBfloat = can_pack(at::kBFloat16);
  const bool packs = dtype == at::kFloat ? kPacksFloat : dtype == at::kBFloat16 && kPacksBfloat;
  return packs ? std::vector{Library::kAten, Library::kOneDnn} : std::vector{Library::kAten};
}

LibraryLinear::LibraryLinear(Library library, const Tensor& weight, const Tensor& bias)
    : library_(library), bias_(bias) {
  Dims dims;
  dims.check(weight, "weight", "O I");
  if (bias.defined()) dims.check(bias, "bias", "O");
  weight_ = library == Library::kAten ? weight : pack(weight);
  bytes_ = static_cast<int64_t>(weight.nbytes() + (bias.defined() ? bias.nbytes() : 0));
}

std::optional<LibraryLinear> LibraryLinear::select(const Tensor& outputs) const {
  if (library_ != Library::kAten) return std::nullopt;
  return LibraryLinear(library_, at::index_select(weight_, 0, outputs),
                       bias_.defined() ? at::index_select(bias_, 0, outputs) : Tensor());
}

Tensor LibraryLinear::operator()(const Tensor& x) const {
  if (library_ == Library::kOneDnn) return multiply(x, weight_, bias_);
  return bias_.defined() ? at::linear(x, weight_, bias_) : at::linear(x, weight_);
}

}  // namespace specula

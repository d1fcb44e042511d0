#include "compiler/interpret/Logits.h"

#include "compiler/checkpoint/Json.h"
#include <numeric>

using namespace mlir;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;
using r1::checkpoint::fail;

namespace r1::interpret {
namespace {

constexpr int64_t kMaxTokensFile = int64_t{64} << 20;

Expected<Interpreter> entryOf(ModuleOp module, StringRef name, WeightStore& store) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function)
    return fail("the module has no function '" + name + "'; interpret a module that phase import built");
  return Interpreter::create(function, store);
}

std::vector<int32_t> countFrom(int64_t first, int64_t count) {
  std::vector<int32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), static_cast<int32_t>(first));
  return numbers;
}

} // namespace

Expected<Tensor> interpretLogits(ModuleOp module, WeightSource& weights, const LogitsRequest& request) {
  int64_t count = request.tokens.size(), decodeFrom = request.decodeFrom.value_or(count);
  if (count == 0)
    return fail("there are no tokens; expected at least one");
  if (decodeFrom < 0 || decodeFrom > count)
    return fail("--decode-from " + Twine(decodeFrom) + " is not in [0, " + Twine(count) +
                "], the number of tokens");
  if (request.chunk < 1)
    return fail("--chunk " + Twine(request.chunk) + " is not at least 1");
  WeightStore store(weights);
  Expected<Interpreter> prefill = entryOf(module, "prefill", store);
  if (!prefill)
    return prefill.takeError();
  Expected<Interpreter> decode = entryOf(module, "decode", store);
  if (!decode)
    return decode.takeError();
  ArrayRef<Type> types = module.lookupSymbol<func::FuncOp>("decode").getArgumentTypes();
  auto found = llvm::find_if(types, llvm::IsaPred<ir::CacheType>);
  if (found == types.end())
    return fail("function 'decode' does not take a cache; interpret a module that phase import built");
  auto cacheType = cast<ir::CacheType>(*found);
  LatentCache cache(cacheType.getLayers(), cacheType.getKvLora(), cacheType.getRope(), 1);

  Tensor logits;
  const std::vector<int32_t> slot = {0};
  for (int64_t first = 0, next; first < count; first = next) {
    bool one = first >= decodeFrom;
    next = one ? first + 1 : std::min(first + request.chunk, decodeFrom);
    std::vector<int32_t> positions = countFrom(first, next - first), rows = countFrom(0, next - first);
    Step step{ArrayRef(request.tokens).slice(first, next - first), positions, rows, slot};
    Expected<TensorPtr> part = (one ? *decode : *prefill).step(step, cache);
    if (!part)
      return part.takeError();
    logits.shape = {count, (*part)->columns()};
    llvm::append_range(logits.data, (*part)->data);
  }
  return logits;
}

Expected<std::vector<int32_t>> readTokens(StringRef path) {
  auto json = checkpoint::readJsonFile(path, kMaxTokensFile);
  if (!json)
    return json.takeError();
  auto isId = [](const auto& item) {
    return item.is_number_integer() && item.template get<int64_t>() >= 0 &&
           item.template get<int64_t>() <= INT32_MAX;
  };
  if (!json->is_array() || !llvm::all_of(*json, isId))
    return fail(path + ": is not a list of token ids; expected JSON like [0, 671, 18]");
  return json->get<std::vector<int32_t>>();
}

} // namespace r1::interpret

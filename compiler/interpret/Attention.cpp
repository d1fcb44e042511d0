// The latent cache and attention over it, plain and absorbed.
#include "compiler/interpret/Frame.h"
#include "kernels/mla/reference.h"

using namespace mlir;
using llvm::Error;
using llvm::Expected;
namespace reference = r1::kernels::reference;

namespace r1::interpret {
namespace {

/// kv_b_proj [heads * (nope + v), kv_lora] in its two parts: rows of a head are nope key rows, then v value
/// rows.
struct KvB {
  std::vector<float> keys, values; // [heads][nope][kv_lora], [heads][v][kv_lora]
};

Expected<KvB> splitKvB(Value weight, Value scale, int64_t heads, int64_t nope, int64_t v,
                       const Frame& frame) {
  Expected<TensorPtr> whole = frame.scaled(weight, scale);
  if (!whole)
    return whole.takeError();
  int64_t columns = (*whole)->columns();
  KvB split;
  for (int64_t head = 0; head < heads; ++head) {
    auto first = (*whole)->data.begin() + head * (nope + v) * columns;
    split.keys.insert(split.keys.end(), first, first + nope * columns);
    split.values.insert(split.values.end(), first + nope * columns, first + (nope + v) * columns);
  }
  return split;
}

/// Calls `attend(first query, queries, context, their positions)` for each run of queries of one sequence: those of all tokens, or of
/// the tokens that `rows` names.
template <typename Attend>
Error forEachSequence(Frame& frame, Value cache, int64_t layer, Value positionsValue, Value rows,
                      int64_t queries, Attend attend) {
  std::vector<int32_t> positions = frame.ints(positionsValue).data;
  Expected<std::vector<int32_t>> slots = frame.slotsOf(positions.size());
  if (!slots)
    return slots.takeError();
  if (rows) {
    const std::vector<int32_t>& tokens = frame.ints(rows).data;
    if (Error error = checkIndices("row", tokens, positions.size()))
      return error;
    auto pick = [&](std::vector<int32_t>& of) {
      std::vector<int32_t> picked;
      for (int32_t token : tokens)
        picked.push_back(of[token]);
      of = std::move(picked);
    };
    pick(positions), pick(*slots);
  }
  if (Error error = checkRows("positions", positions.size(), queries))
    return error;
  if (Error error = checkIndices("position", positions, LatentCache::kMaxPosition + 1))
    return error;
  CacheValue at = frame.cache(cache);
  for (int64_t first = 0, next; first < queries; first = next) {
    for (next = first + 1; next < queries && (*slots)[next] == (*slots)[first];)
      ++next;
    int64_t length = *std::max_element(&positions[first], &positions[first] + (next - first)) + 1;
    Expected<LatentCache::Context> context = at.store->read(at, layer, (*slots)[first], length);
    if (!context)
      return context.takeError();
    attend(first, next - first, *context, &positions[first]);
  }
  return Error::success();
}

} // namespace

Error evaluate(ir::CacheAppendOp op, Frame& frame) {
  Expected<TensorPtr> latent = frame.tensor(op.getLatent()), key = frame.tensor(op.getKey());
  if (!latent || !key)
    return llvm::joinErrors(latent.takeError(), key.takeError());
  const IntTensor& positions = frame.ints(op.getPositions());
  int64_t tokens = positions.data.size();
  if (Error error = checkRows("latent", (*latent)->rows(), tokens))
    return error;
  if (Error error = checkRows("key", (*key)->rows(), tokens))
    return error;
  Expected<std::vector<int32_t>> slots = frame.slotsOf(tokens);
  if (!slots)
    return slots.takeError();
  std::vector<LatentCache::Entry> entries;
  for (int64_t t = 0; t < tokens; ++t)
    entries.push_back({(*slots)[t], positions.data[t], &(*latent)->data[t * (*latent)->columns()],
                       &(*key)->data[t * (*key)->columns()]});
  CacheValue at = frame.cache(op.getCache());
  Expected<CacheValue> next = at.store->append(at, op.getLayer(), entries);
  if (!next)
    return next.takeError();
  frame.set(op, *next);
  return Error::success();
}

Error evaluate(ir::AttentionOp op, Frame& frame) {
  Expected<TensorPtr> q = frame.tensor(op.getQ());
  if (!q)
    return q.takeError();
  int64_t heads = op.getHeads(), nope = op.getNope(), v = op.getV(), tokens = (*q)->rows();
  Expected<KvB> kvB = splitKvB(op.getKvB(), op.getKvBScale(), heads, nope, v, frame);
  if (!kvB)
    return kvB.takeError();
  ir::CacheType cache = op.getCache().getType();
  reference::MlaShape shape{
      tokens, heads, cache.getKvLora(), cache.getRope(), nope, v, op.getScale().convertToDouble()};
  std::vector<float> y(tokens * heads * v);
  Error error = forEachSequence(
      frame, op.getCache(), op.getLayer(), op.getPositions(), op.getRows(), tokens,
      [&](int64_t first, int64_t count, LatentCache::Context context, const int32_t* positions) {
        shape.tokens = count;
        reference::mla_plain(&(*q)->data[first * (*q)->columns()], context.latents, context.keys,
                             kvB->keys.data(), kvB->values.data(), positions, shape, &y[first * heads * v]);
      });
  if (error)
    return error;
  frame.set(op, {tokens, heads * v}, std::move(y));
  return Error::success();
}

Error evaluate(ir::AbsorbQueryOp op, Frame& frame) {
  Expected<TensorPtr> q = frame.tensor(op.getQ());
  if (!q)
    return q.takeError();
  int64_t heads = op.getHeads(), nope = op.getNope(), v = op.getV(), rope = op.getRope(),
          tokens = (*q)->rows();
  int64_t kvLora = cast<RankedTensorType>(op.getKvB().getType()).getDimSize(1);
  Expected<KvB> kvB = splitKvB(op.getKvB(), op.getKvBScale(), heads, nope, v, frame);
  if (!kvB)
    return kvB.takeError();
  reference::MlaShape shape{tokens, heads, kvLora, rope, nope, v, 1.0};
  std::vector<float> y(tokens * heads * kvLora);
  reference::mla_absorb_query((*q)->data.data(), nope + rope, kvB->keys.data(), shape, y.data());
  frame.set(op, {tokens, heads * kvLora}, std::move(y));
  return Error::success();
}

Error evaluate(ir::LatentAttentionOp op, Frame& frame) {
  Expected<TensorPtr> latent = frame.tensor(op.getQLatent()), q = frame.tensor(op.getQ());
  if (!latent || !q)
    return llvm::joinErrors(latent.takeError(), q.takeError());
  if (Error error = checkRows("q", (*q)->rows(), (*latent)->rows()))
    return error;
  ir::CacheType cache = op.getCache().getType();
  int64_t heads = op.getHeads(), nope = op.getNope(), rope = cache.getRope(), tokens = (*q)->rows(),
          width = heads * cache.getKvLora();
  std::vector<float> rotated;
  for (int64_t row = 0; row < tokens * heads; ++row) {
    auto head = (*q)->data.begin() + row * (nope + rope);
    rotated.insert(rotated.end(), head + nope, head + nope + rope);
  }
  reference::MlaShape shape{tokens, heads, cache.getKvLora(), rope, nope, 1, op.getScale().convertToDouble()};
  std::vector<float> y(tokens * width);
  Error error = forEachSequence(
      frame, op.getCache(), op.getLayer(), op.getPositions(), /*rows=*/Value(), tokens,
      [&](int64_t first, int64_t count, LatentCache::Context context, const int32_t* positions) {
        shape.tokens = count;
        reference::mla_absorbed(&(*latent)->data[first * width], &rotated[first * heads * rope],
                                context.latents, context.keys, positions, shape, &y[first * width]);
      });
  if (error)
    return error;
  frame.set(op, {tokens, width}, std::move(y));
  return Error::success();
}

Error evaluate(ir::ExpandValueOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX());
  if (!x)
    return x.takeError();
  int64_t heads = op.getHeads(), nope = op.getNope(), v = op.getV(), tokens = (*x)->rows();
  Expected<KvB> kvB = splitKvB(op.getKvB(), op.getKvBScale(), heads, nope, v, frame);
  if (!kvB)
    return kvB.takeError();
  reference::MlaShape shape{tokens, heads, (*x)->columns() / heads, 0, nope, v, 1.0};
  std::vector<float> y(tokens * heads * v);
  reference::mla_expand_output((*x)->data.data(), kvB->values.data(), shape, y.data());
  frame.set(op, {tokens, heads * v}, std::move(y));
  return Error::success();
}

} // namespace r1::interpret

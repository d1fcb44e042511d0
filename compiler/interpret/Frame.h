// The values of one run of a function, and the evaluators of operations that read and set them. Internal to
// compiler/interpret.
#pragma once
#include "compiler/interpret/Interpreter.h"

namespace r1::interpret {

class Frame {
public:
  Frame(WeightStore& weights, llvm::ArrayRef<int32_t> slots) : weights(weights), slots(slots) {}

  // A value is what its type says: the verifier and Interpreter::run have seen to that.
  const RuntimeValue& get(mlir::Value value) const { return values.find(value)->second; }
  /// An activation, or a weight in full.
  llvm::Expected<TensorPtr> tensor(mlir::Value value) const { return scaled(value, {}); }
  const IntTensor& ints(mlir::Value value) const { return *std::get<IntTensorPtr>(get(value)); }
  CacheValue cache(mlir::Value value) const { return std::get<CacheValue>(get(value)); }
  /// A weight times its block scales; `scale` may be null.
  llvm::Expected<TensorPtr> scaled(mlir::Value weight, mlir::Value scale) const;
  /// The matrix of one expert of `weight` [experts, out, in].
  llvm::Expected<TensorPtr> scaledExpert(mlir::Value weight, mlir::Value scale, int64_t expert) const;

  void set(mlir::Value result, RuntimeValue value) { values[result] = std::move(value); }
  /// An activation; rounded if `result` is bf16.
  void set(mlir::Value result, Shape shape, std::vector<float> data);
  void drop(mlir::Value value) { values.erase(value); }

  /// The slot of each of `tokens` tokens.
  llvm::Expected<std::vector<int32_t>> slotsOf(int64_t tokens) const;

private:
  WeightStore& weights;
  llvm::ArrayRef<int32_t> slots;
  llvm::DenseMap<mlir::Value, RuntimeValue> values;
};

/// "slice's x has 3 rows, its result ..." is a mistake of whoever calls, as is an index that does not exist:
/// each an error of one line.
llvm::Error checkRows(llvm::StringRef what, int64_t found, int64_t expected);
llvm::Error checkIndices(llvm::StringRef what, llvm::ArrayRef<int32_t> indices, int64_t limit);

// Rows.cpp
llvm::Error evaluate(ir::WeightOp op, Frame& frame);
llvm::Error evaluate(ir::ExpertWeightOp op, Frame& frame);
llvm::Error evaluate(ir::ConcatRowsOp op, Frame& frame);
llvm::Error evaluate(ir::EmbedOp op, Frame& frame);
llvm::Error evaluate(ir::RmsNormOp op, Frame& frame);
llvm::Error evaluate(ir::AddOp op, Frame& frame);
llvm::Error evaluate(ir::SiluMulOp op, Frame& frame);
llvm::Error evaluate(ir::CastOp op, Frame& frame);
llvm::Error evaluate(ir::SliceOp op, Frame& frame);
llvm::Error evaluate(ir::ConcatColumnsOp op, Frame& frame);
llvm::Error evaluate(ir::GatherRowsOp op, Frame& frame);
llvm::Error evaluate(ir::RopeTableOp op, Frame& frame);
llvm::Error evaluate(ir::RopeOp op, Frame& frame);
// Matrices.cpp
llvm::Error evaluate(ir::LinearOp op, Frame& frame);
llvm::Error evaluate(ir::ExpertLinearOp op, Frame& frame);
llvm::Error evaluate(ir::CombineOp op, Frame& frame);
llvm::Error evaluate(ir::RouterLogitsOp op, Frame& frame);
llvm::Error evaluate(ir::RouterGateOp op, Frame& frame);
llvm::Error evaluate(ir::SampleOp op, Frame& frame);
// Attention.cpp
llvm::Error evaluate(ir::CacheAppendOp op, Frame& frame);
llvm::Error evaluate(ir::AttentionOp op, Frame& frame);
llvm::Error evaluate(ir::AbsorbQueryOp op, Frame& frame);
llvm::Error evaluate(ir::LatentAttentionOp op, Frame& frame);
llvm::Error evaluate(ir::ExpandValueOp op, Frame& frame);

} // namespace r1::interpret

// Packed weights: from r1.weight operations to kern.constant, in the layouts of kernels/registry/layout.h.
#pragma once
#include "compiler/target/Target.h"
#include "dialects/Kern/Kern.h"
#include "dialects/R1/R1.h"

namespace r1::select {

/// One matrix (or stack of experts) a kernel multiplies with, still in the checkpoint.
struct WeightRef {
  mlir::Value weight; // r1.weight, r1.concat_rows or r1.expert_weight
  mlir::Value scale;  // null, or the same shape of operations over weight_scale_inv
};

/// What a gemm skeleton reads: the packed weight, and the packed scales where the weight is f8.
struct PackedWeight {
  mlir::Value weight, scales;
  bool f8 = false;
  int64_t bytes = 0;
};

/// Packs `parts` (1, or 2 = gate and up, each [n, k] or [experts, n, k]) for a gemm or grouped_gemm.
PackedWeight packMatrix(mlir::OpBuilder& builder, mlir::Location loc, Machine machine,
                        llvm::ArrayRef<WeightRef> parts);

/// Part of kv_b_proj, `[heads * (nope + v), kv_lora]`, as one bf16 matrix a head: rows [begin, begin + count) of each head's nope + v rows.
/// transposed: n = kv_lora, k = count; else n = count, k = kv_lora.
PackedWeight packHeads(mlir::OpBuilder& builder, mlir::Location loc, Machine machine, WeightRef kvB,
                       int64_t heads, int64_t rowsPerHead, int64_t begin, int64_t count, bool transposed);

/// A vector (norm weight, bias) as f32; null stays null.
mlir::Value packVector(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value weight);

/// A row-major table (embedding, router weight) in f32 or bf16.
mlir::Value packTable(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value weight);

/// Literal floats.
mlir::Value packLiteral(mlir::OpBuilder& builder, mlir::Location loc, llvm::ArrayRef<float> values);

} // namespace r1::select

// Every operation and attribute of the plan dialect prints what it reads: parsed, printed and parsed again, nothing changes.
// RUN: r1-opt %s | r1-opt | FileCheck %s
// RUN: r1-opt %s --mlir-print-op-generic | r1-opt | FileCheck %s

// CHECK: plan.tensor "literal.1" "literal" [1, 1, 2, 1] [] values [1.000000e+00, 5.000000e-01] type f32 in 0 at 0 bytes 8 random 0.000000e+00
plan.tensor "literal.1" "literal" [1, 1, 2, 1] [] values [1.0, 0.5] type f32 in 0 at 0 bytes 8 random 0.0
// CHECK: plan.tensor "norm.vector" "vector" [1, 1, 32, 1] [#kern.source<tensor = "norm", scale = "", row_begin = 0, row_end = 1, col_begin = 0, col_end = 32, transposed = false, batch = 0, accumulator = 0, dest_row = 0>] type f32 in 1 at 256 bytes 128 random 2.500000e-01
plan.tensor "norm.vector" "vector" [1, 1, 32, 1]
    [#kern.source<tensor = "norm", scale = "", row_begin = 0, row_end = 1, col_begin = 0, col_end = 32, transposed = false, batch = 0, accumulator = 0, dest_row = 0>]
    type f32 in 1 at 256 bytes 128 random 0.25

// CHECK: plan.kernel @rope_table__f32__ "rope_table" {rope = 4 : i64} reads [] writes [] fusions [] holes
plan.kernel @rope_table__f32__ "rope_table" {rope = 4} reads [] writes [] fusions [] holes
// CHECK: plan.kernel @rows__f32__c32 "rows" {cols = 32 : i64}
// CHECK-SAME: reads {{\[\[}}#plan.access<buffer = 0, type = f32, kind = "row_col", row_stride = 32, offset = 0>], [#plan.access<buffer = 1, type = bf16, kind = "col", row_stride = 0, offset = 4>]]
// CHECK-SAME: writes [#plan.access<buffer = 2, type = bf16, kind = "row", row_stride = 48, offset = 16>] fusions ["residual-norm"] holes {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %[[A:.*]]: f32):
// CHECK-NEXT:   kern.yield %[[A]] : f32
// CHECK-NEXT: }, {
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %[[R:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT:   %[[M:.*]] = arith.mulf %[[V]], %[[R]] : f32
// CHECK-NEXT:   kern.yield %[[M]] : f32
// CHECK-NEXT: }
plan.kernel @rows__f32__c32 "rows" {cols = 32}
    reads [[#plan.access<buffer = 0, type = f32, kind = "row_col", row_stride = 32, offset = 0>], [#plan.access<buffer = 1, type = bf16, kind = "col", row_stride = 0, offset = 4>]]
    writes [#plan.access<buffer = 2, type = bf16, kind = "row", row_stride = 48, offset = 16>] fusions ["residual-norm"] holes {
    ^bb0(%lead: f32, %a: f32):
      kern.yield %a : f32
    }, {
    ^bb0(%v: f32, %rstd: f32, %w: f32):
      %m = arith.mulf %v, %rstd : f32
      kern.yield %m : f32
    }

// CHECK: plan.entry @decode tokens 4 logit_rows 2 arena 1024 attributes {note = "kept"} {
// CHECK-NEXT: plan.launch @rows__f32__c32 [#plan.arg<"arena", 0, 512>, #plan.arg<"segment", 1, 256>, #plan.arg<"io", 5, 0>] grid [0, 1, -1, 1] rows 0 after true at "layers.0.norm" cost {flops_per_token = 9 : i64}
// CHECK-NEXT: plan.launch @rope_table__f32__ [#plan.arg<"cache", 1, 0>] grid [2, 64] rows 0 after false at "rope" cost {}
plan.entry @decode tokens 4 logit_rows 2 arena 1024 attributes {note = "kept"} {
  plan.launch @rows__f32__c32 [#plan.arg<"arena", 0, 512>, #plan.arg<"segment", 1, 256>, #plan.arg<"io", 5, 0>] grid [0, 1, -1, 1] rows 0
      after true at "layers.0.norm" cost {flops_per_token = 9}
  plan.launch @rope_table__f32__ [#plan.arg<"cache", 1, 0>] grid [2, 64] rows 0 after false at "rope" cost {}
}

// Several decode entries of one model share its weights and, where parameters are the same, its kernels; each has its own launches and arena.
// RUN: r1-opt %s --r1-plan-launches | FileCheck %s

// One copy of the weight, 48 rows of 64 elements.
// CHECK: module attributes {plan.segment_bytes = array<i64: 0, 6144>, r1.chip = 90 : i64, r1.machine = "cuda"}
// CHECK: plan.tensor {{.*}}"rowmajor"
// CHECK-NOT: plan.tensor
// The embedding is the same kernel for few and many; the product is not.
// CHECK: plan.kernel @[[EMBED:embed[a-z0-9_]*]] "embed"
// CHECK: plan.kernel @[[FEW:gemm[a-z0-9_]*]] "gemm_bf16" {{{.*}}tile_m = 16 : i64
// CHECK: plan.kernel @[[MANY:gemm[a-z0-9_]*]] "gemm_bf16" {{{.*}}tile_m = 64 : i64
// CHECK-NOT: plan.kernel
// CHECK: plan.entry @decode_16 tokens 16 logit_rows 16 arena 2048 {
// CHECK-NEXT: plan.launch @[[EMBED]] {{.*}} grid [0, 1]
// CHECK-NEXT: plan.launch @[[FEW]] [#plan.arg<"arena", 0, 0>, #plan.arg<"segment", 1, 0>, #plan.arg<"io", 5, 0>] grid [0, 16, -1, 1, -1, 3]
// CHECK-NEXT: {{^ *[}]$}}
// CHECK: plan.entry @decode tokens 64 logit_rows 64 arena 8192 {
// CHECK-NEXT: plan.launch @[[EMBED]] {{.*}} grid [0, 1]
// CHECK-NEXT: plan.launch @[[MANY]] [#plan.arg<"arena", 0, 0>, #plan.arg<"segment", 1, 0>, #plan.arg<"io", 5, 0>] grid [0, 64, -1, 1, -1, 1]
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @decode_16(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x48xf32>
      attributes {r1.entry = "decode", r1.max_tokens = 16, r1.max_logit_rows = 16} {
    %w = kern.constant "rowmajor" [1, 48, 64, 1] [#kern.source<tensor = "w", scale = "", row_begin = 0, row_end = 48, col_begin = 0, col_end = 64, transposed = false, batch = 0, accumulator = 0, dest_row = 0>] : tensor<6144xi8>
    %x = kern.dispatch "embed" {cols = 64}(%ids) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?xi32>) -> tensor<?x64xbf16> holes []
    %y = kern.dispatch "gemm_bf16" {n = 48, k = 64, tile_m = 16, tile_n = 16}(%x, %w) fixed [2, 1] grid [0, 16, -1, 1, -1, 3] rows 0 fusions [] cost {}
        : (tensor<?x64xbf16>, tensor<6144xi8>) -> tensor<?x48xf32> holes []
    return %y : tensor<?x48xf32>
  }
  func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x48xf32>
      attributes {r1.entry = "decode", r1.max_tokens = 64, r1.max_logit_rows = 64} {
    %w = kern.constant "rowmajor" [1, 48, 64, 1] [#kern.source<tensor = "w", scale = "", row_begin = 0, row_end = 48, col_begin = 0, col_end = 64, transposed = false, batch = 0, accumulator = 0, dest_row = 0>] : tensor<6144xi8>
    %x = kern.dispatch "embed" {cols = 64}(%ids) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?xi32>) -> tensor<?x64xbf16> holes []
    %y = kern.dispatch "gemm_bf16" {n = 48, k = 64, tile_m = 64, tile_n = 48}(%x, %w) fixed [2, 1] grid [0, 64, -1, 1, -1, 1] rows 0 fusions [] cost {}
        : (tensor<?x64xbf16>, tensor<6144xi8>) -> tensor<?x48xf32> holes []
    return %y : tensor<?x48xf32>
  }
}

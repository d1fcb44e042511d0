// On a GPU a decode step of few sequences gets an entry of its own beside the one for all, with the same body and smaller limits.
// RUN: r1-opt %s --r1-split-decode --split-input-file | FileCheck %s

// CHECK-LABEL: module attributes {r1.chip = 90 : i64, r1.machine = "cuda"}
// CHECK: func.func @prefill(%{{.*}}) -> tensor<?x24xf32> attributes {r1.entry = "prefill", r1.max_logit_rows = 1 : i64, r1.max_tokens = 512 : i64}
// CHECK: func.func @decode_16(%[[X:.*]]: tensor<?x24xf32>) -> tensor<?x24xf32> attributes {r1.entry = "decode", r1.max_context = 4096 : i64, r1.max_logit_rows = 16 : i64, r1.max_tokens = 16 : i64} {
// CHECK-NEXT: %[[Y:.*]] = r1.add %[[X]], %[[X]]
// CHECK-NEXT: return %[[Y]]
// CHECK: func.func @decode(%[[X:.*]]: tensor<?x24xf32>) -> tensor<?x24xf32> attributes {r1.entry = "decode", r1.max_context = 4096 : i64, r1.max_logit_rows = 64 : i64, r1.max_tokens = 64 : i64} {
// CHECK-NEXT: %[[Y:.*]] = r1.add %[[X]], %[[X]]
// CHECK: func.func @mtp
// CHECK-NOT: func.func
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @prefill(%x: tensor<?x24xf32>) -> tensor<?x24xf32> attributes {r1.entry = "prefill", r1.max_tokens = 512 : i64, r1.max_logit_rows = 1 : i64} {
    %y = r1.add %x, %x : tensor<?x24xf32>
    return %y : tensor<?x24xf32>
  }
  func.func @decode(%x: tensor<?x24xf32>) -> tensor<?x24xf32>
      attributes {r1.entry = "decode", r1.max_tokens = 64 : i64, r1.max_logit_rows = 64 : i64, r1.max_context = 4096 : i64} {
    %y = r1.add %x, %x : tensor<?x24xf32>
    return %y : tensor<?x24xf32>
  }
  // No entry of the main path.
  func.func @mtp(%x: tensor<?x24xf32>) -> tensor<?x24xf32> {
    %y = r1.add %x, %x : tensor<?x24xf32>
    return %y : tensor<?x24xf32>
  }
}

// -----

// Few sequences at most: one entry is enough.
// CHECK-LABEL: module attributes {r1.chip = 80 : i64, r1.machine = "cuda"}
// CHECK: func.func @decode(
// CHECK-SAME: r1.max_tokens = 16 : i64
// CHECK-NOT: func.func
module attributes {r1.machine = "cuda", r1.chip = 80 : i64} {
  func.func @decode(%x: tensor<?x24xf32>) -> tensor<?x24xf32> attributes {r1.entry = "decode", r1.max_tokens = 16 : i64, r1.max_logit_rows = 16 : i64} {
    return %x : tensor<?x24xf32>
  }
}

// -----

// A CPU's kernels are the same for few and many.
// CHECK-LABEL: module attributes {r1.machine = "cpu"}
// CHECK: func.func @decode(
// CHECK-SAME: r1.max_tokens = 64 : i64
// CHECK-NOT: func.func
module attributes {r1.machine = "cpu"} {
  func.func @decode(%x: tensor<?x24xf32>) -> tensor<?x24xf32> attributes {r1.entry = "decode", r1.max_tokens = 64 : i64, r1.max_logit_rows = 64 : i64} {
    return %x : tensor<?x24xf32>
  }
}

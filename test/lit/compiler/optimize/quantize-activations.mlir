// Inputs of layers with e4m3 weights become e4m3, one for all that read it; and every reason why not is said.
// RUN: r1-opt %s --r1-quantize-activations --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

// Two layers over x share it; a layer with a bf16 weight does not. Scales that are powers of two are the model's.
// CHECK-LABEL: @prefill
// CHECK-SAME: %[[X:.*]]: tensor<?x200xbf16>
// CHECK: %[[Q:.*]], %[[T:.*]] = r1.quantize_rows %[[X]] ue8m0 : (tensor<?x200xbf16>) -> (tensor<?x200xf8E4M3FN>, tensor<?x2xf32>)
// CHECK-NOT: r1.quantize_rows
// CHECK: r1.linear %[[Q]], %{{.*}} scale %{{.*}} x_scale %[[T]]
// CHECK: r1.linear %[[Q]], %{{.*}} scale %{{.*}} x_scale %[[T]]
// CHECK: r1.linear %[[X]], %{{.*}} : (tensor<?x200xbf16>, tensor<16x200xbf16>)
module attributes {r1.machine = "cuda", r1.chip = 89 : i64, r1.ue8m0} {
  func.func @prefill(%x: tensor<?x200xbf16>, %w: tensor<16x200xf8E4M3FN>, %s: tensor<1x2xf32>, %v: tensor<16x200xbf16>)
      -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) attributes {r1.max_tokens = 17 : i64} {
    // expected-remark @+1 {{[Passed] quantize-activations | Category:fusion | Function=prefill | Remark="x is quantised once for 2 linear layers, a scale for each 128 columns"}}
    %a = r1.linear %x, %w scale %s : (tensor<?x200xbf16>, tensor<16x200xf8E4M3FN>, tensor<1x2xf32>) -> tensor<?x16xf32>
    %b = r1.linear %x, %w scale %s : (tensor<?x200xbf16>, tensor<16x200xf8E4M3FN>, tensor<1x2xf32>) -> tensor<?x16xf32>
    // expected-remark @+1 {{Remark="the weight is bf16, not e4m3 with a scale for each 128x128 block"}}
    %c = r1.linear %x, %v : (tensor<?x200xbf16>, tensor<16x200xbf16>) -> tensor<?x16xf32>
    return %a, %b, %c : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  }
}

// -----

// Rows of pairs have scales of their own. Few rows an expert are not worth it, nor few rows of logits.
// CHECK-LABEL: @prefill
// CHECK: %[[Q:.*]], %[[T:.*]] = r1.quantize_rows %{{.*}} : (tensor<?x2x32xbf16>) -> (tensor<?x2x32xf8E4M3FN>, tensor<?x2x1xf32>)
// CHECK: r1.expert_linear %[[Q]], %{{.*}}, %{{.*}} scale %{{.*}} x_scale %[[T]]
// CHECK-NOT: x_scale
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @prefill(%x: tensor<?x2x32xbf16>, %ids: tensor<?x2xi32>, %few: tensor<4x16x32xf8E4M3FN>, %f: tensor<4x1x1xf32>,
                     %many: tensor<40x16x32xf8E4M3FN>, %m: tensor<40x1x1xf32>, %rows: tensor<?xi32>, %w: tensor<16x16xf8E4M3FN>,
                     %s: tensor<1x1xf32>, %h: tensor<?x16xbf16>)
      -> (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x16xf32>) attributes {r1.max_tokens = 64 : i64, r1.max_logit_rows = 4 : i64} {
    // expected-remark @+1 {{[Passed] quantize-activations}}
    %a = r1.expert_linear %x, %ids, %few scale %f
        : (tensor<?x2x32xbf16>, tensor<?x2xi32>, tensor<4x16x32xf8E4M3FN>, tensor<4x1x1xf32>) -> tensor<?x2x16xf32>
    // expected-remark @+1 {{Remark="at most 4 rows an expert on average: the weights' bytes bound it; from 17 on it is worth it"}}
    %b = r1.expert_linear %x, %ids, %many scale %m
        : (tensor<?x2x32xbf16>, tensor<?x2xi32>, tensor<40x16x32xf8E4M3FN>, tensor<40x1x1xf32>) -> tensor<?x2x16xf32>
    %g = r1.gather_rows %h, %rows : (tensor<?x16xbf16>, tensor<?xi32>) -> tensor<?x16xbf16>
    // expected-remark @+1 {{Remark="at most 4 rows: the weights' bytes bound it; from 17 on it is worth it"}}
    %c = r1.linear %g, %w scale %s : (tensor<?x16xbf16>, tensor<16x16xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x16xf32>
    return %a, %b, %c : tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x16xf32>
  }
}

// -----

// CHECK-LABEL: @decode
// CHECK-NOT: r1.quantize_rows
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @decode(%x: tensor<?x32xbf16>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<1x1xf32>) -> tensor<?x16xf32> attributes {r1.max_tokens = 256 : i64} {
    // expected-remark @+1 {{few rows are bound by the weights' bytes, which stay; and a token's numbers must not depend on how many sequences are decoded with it}}
    %a = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<16x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x16xf32>
    return %a : tensor<?x16xf32>
  }
}

// -----

// CHECK-LABEL: @prefill
// CHECK-NOT: r1.quantize_rows
module attributes {r1.machine = "cuda", r1.chip = 86 : i64} {
  func.func @prefill(%x: tensor<?x32xbf16>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<1x1xf32>) -> tensor<?x16xf32> {
    // expected-remark @+1 {{tensor cores before sm_89 do not multiply e4m3; schedules are those of sm_86}}
    %a = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<16x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x16xf32>
    return %a : tensor<?x16xf32>
  }
}

// -----

// CHECK-LABEL: @prefill
// CHECK-NOT: r1.quantize_rows
func.func @prefill(%x: tensor<?x32xbf16>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<1x1xf32>) -> tensor<?x16xf32> {
  // expected-remark @+1 {{a CPU's kernels widen e4m3 weights to bf16, which x is already}}
  %a = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<16x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

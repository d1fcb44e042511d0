// Linear layers that read the same value become one over stacked weights; slices give each its columns back.
// RUN: r1-opt %s --r1-merge-qkv-a --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

// CHECK-LABEL: @plain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x128xf32>, %[[A:[a-z0-9]+]]: tensor<96x128xbf16>, %[[B:[a-z0-9]+]]: tensor<40x128xbf16>
// CHECK-NEXT: %[[W:.*]] = r1.concat_rows %[[A]], %[[B]] : tensor<96x128xbf16>, tensor<40x128xbf16> -> tensor<136x128xbf16>
// CHECK-NEXT: %[[Y:.*]] = r1.linear %[[X]], %[[W]] : (tensor<?x128xf32>, tensor<136x128xbf16>) -> tensor<?x136xf32>
// CHECK-NEXT: %[[P:.*]] = r1.slice %[[Y]][0] : (tensor<?x136xf32>) -> tensor<?x96xf32>
// CHECK-NEXT: %[[Q:.*]] = r1.slice %[[Y]][96] : (tensor<?x136xf32>) -> tensor<?x40xf32>
// CHECK-NEXT: return %[[P]], %[[Q]]
func.func @plain(%x: tensor<?x128xf32>, %a: tensor<96x128xbf16>, %b: tensor<40x128xbf16>) -> (tensor<?x96xf32>, tensor<?x40xf32>) {
  // expected-remark @+1 {{[Passed] merge-qkv-a | Category:fusion | Function=plain | Remark="2 linear layers over the same input are one of 136 rows"}}
  %p = r1.linear %x, %a : (tensor<?x128xf32>, tensor<96x128xbf16>) -> tensor<?x96xf32>
  %q = r1.linear %x, %b : (tensor<?x128xf32>, tensor<40x128xbf16>) -> tensor<?x40xf32>
  return %p, %q : tensor<?x96xf32>, tensor<?x40xf32>
}

// -----

// With scales, these are stacked as the weights are: 256 rows are two blocks, 64 rows another one.
// CHECK-LABEL: @scaled
// CHECK-DAG: %[[W:.*]] = r1.concat_rows {{.*}} : tensor<256x128xf8E4M3FN>, tensor<64x128xf8E4M3FN> -> tensor<320x128xf8E4M3FN>
// CHECK-DAG: %[[S:.*]] = r1.concat_rows {{.*}} : tensor<2x1xf32>, tensor<1x1xf32> -> tensor<3x1xf32>
// CHECK: r1.linear %{{.*}}, %[[W]] scale %[[S]] :
// CHECK-NOT: r1.linear
func.func @scaled(%x: tensor<?x128xf32>, %a: tensor<256x128xf8E4M3FN>, %sa: tensor<2x1xf32>, %b: tensor<64x128xf8E4M3FN>,
                  %sb: tensor<1x1xf32>) -> (tensor<?x256xf32>, tensor<?x64xf32>) {
  // expected-remark @+1 {{[Passed] merge-qkv-a}}
  %p = r1.linear %x, %a scale %sa : (tensor<?x128xf32>, tensor<256x128xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x256xf32>
  %q = r1.linear %x, %b scale %sb : (tensor<?x128xf32>, tensor<64x128xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x64xf32>
  return %p, %q : tensor<?x256xf32>, tensor<?x64xf32>
}

// -----

// Refused: the second weight would begin in the middle of a scale block of the first.
// CHECK-LABEL: @cut_scale_block
// CHECK-NOT: r1.concat_rows
func.func @cut_scale_block(%x: tensor<?x128xf32>, %a: tensor<96x128xf8E4M3FN>, %s: tensor<1x1xf32>) -> (tensor<?x96xf32>, tensor<?x96xf32>) {
  // expected-remark @+1 {{[Missed] merge-qkv-a | Category:fusion | Function=cut_scale_block | Remark="96 rows are not a multiple of 128, the height of a scale block"}}
  %p = r1.linear %x, %a scale %s : (tensor<?x128xf32>, tensor<96x128xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x96xf32>
  %q = r1.linear %x, %a scale %s : (tensor<?x128xf32>, tensor<96x128xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x96xf32>
  return %p, %q : tensor<?x96xf32>, tensor<?x96xf32>
}

// -----

// Refused: a packed block of 16 rows would hold rows of both.
// CHECK-LABEL: @cut_packed_block
// CHECK-NOT: r1.concat_rows
func.func @cut_packed_block(%x: tensor<?x128xf32>, %a: tensor<40x128xbf16>, %b: tensor<96x128xbf16>) -> (tensor<?x40xf32>, tensor<?x96xf32>) {
  // expected-remark @+1 {{40 rows are not a multiple of 16, the height of a packed block}}
  %p = r1.linear %x, %a : (tensor<?x128xf32>, tensor<40x128xbf16>) -> tensor<?x40xf32>
  %q = r1.linear %x, %b : (tensor<?x128xf32>, tensor<96x128xbf16>) -> tensor<?x96xf32>
  return %p, %q : tensor<?x40xf32>, tensor<?x96xf32>
}

// -----

// Refused: one weight cannot have two element types.
// CHECK-LABEL: @types
// CHECK-NOT: r1.concat_rows
func.func @types(%x: tensor<?x128xf32>, %a: tensor<96x128xbf16>, %b: tensor<96x128xf32>) -> (tensor<?x96xf32>, tensor<?x96xf32>) {
  %p = r1.linear %x, %a : (tensor<?x128xf32>, tensor<96x128xbf16>) -> tensor<?x96xf32>
  // expected-remark @+1 {{the weights or the results have different element types}}
  %q = r1.linear %x, %b : (tensor<?x128xf32>, tensor<96x128xf32>) -> tensor<?x96xf32>
  return %p, %q : tensor<?x96xf32>, tensor<?x96xf32>
}

// -----

// Left alone without a word: gate and up, which gate-up-silu-mul will interleave.
// CHECK-LABEL: @gated
// CHECK-NOT: r1.concat_rows
func.func @gated(%x: tensor<?x128xf32>, %a: tensor<96x128xbf16>, %b: tensor<96x128xbf16>) -> tensor<?x96xf32> {
  %gate = r1.linear %x, %a : (tensor<?x128xf32>, tensor<96x128xbf16>) -> tensor<?x96xf32>
  %up = r1.linear %x, %b : (tensor<?x128xf32>, tensor<96x128xbf16>) -> tensor<?x96xf32>
  %y = r1.silu_mul %gate, %up : tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// What the canonicalizer folds in the r1 dialect, and that CSE may drop and share its operations: all of them are pure.
// RUN: r1-opt %s --canonicalize --split-input-file | FileCheck %s --check-prefixes=CHECK,FOLD
// RUN: r1-opt %s --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,CSE

// A cast to the same type is its operand; one that rounds stays, and so does the way back (the rounding must remain).
// CHECK-LABEL: @cast
// FOLD-SAME: %[[X:.*]]: tensor<?x8xf32>
func.func @cast(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // FOLD-NEXT: %[[B:.*]] = r1.cast %[[X]] : (tensor<?x8xf32>) -> tensor<?x8xbf16>
  // FOLD-NEXT: %[[F:.*]] = r1.cast %[[B]] : (tensor<?x8xbf16>) -> tensor<?x8xf32>
  // FOLD-NEXT: return %[[X]], %[[F]]
  %same = r1.cast %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %b = r1.cast %x : (tensor<?x8xf32>) -> tensor<?x8xbf16>
  %f = r1.cast %b : (tensor<?x8xbf16>) -> tensor<?x8xf32>
  return %same, %f : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// A slice of everything is its operand.
// CHECK-LABEL: @slice_all
// FOLD-SAME: %[[X:.*]]: tensor<?x8xf32>
func.func @slice_all(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // FOLD-NEXT: return %[[X]]
  %y = r1.slice %x[0] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// A slice of a slice (of a slice) is one slice; offsets add up.
// CHECK-LABEL: @slice_of_slice
// FOLD-SAME: %[[X:.*]]: tensor<?x32xf32>
func.func @slice_of_slice(%x: tensor<?x32xf32>) -> tensor<?x4xf32> {
  // FOLD-NEXT: %[[S:.*]] = r1.slice %[[X]][13] : (tensor<?x32xf32>) -> tensor<?x4xf32>
  // FOLD-NEXT: return %[[S]]
  %a = r1.slice %x[8] : (tensor<?x32xf32>) -> tensor<?x16xf32>
  %b = r1.slice %a[4] : (tensor<?x16xf32>) -> tensor<?x8xf32>
  %c = r1.slice %b[1] : (tensor<?x8xf32>) -> tensor<?x4xf32>
  return %c : tensor<?x4xf32>
}

// -----

// What was widened to be quantised is quantised as it was; what was rounded stays rounded.
// CHECK-LABEL: @quantize_rows
// FOLD-SAME: %[[X:.*]]: tensor<?x200xbf16>, %[[F:.*]]: tensor<?x200xf32>
func.func @quantize_rows(%x: tensor<?x200xbf16>, %f: tensor<?x200xf32>)
    -> (tensor<?x200xf8E4M3FN>, tensor<?x2xf32>, tensor<?x200xf8E4M3FN>, tensor<?x2xf32>) {
  // FOLD-NEXT: %[[B:.*]] = r1.cast %[[F]]
  // FOLD-NEXT: %[[Y:.*]], %[[S:.*]] = r1.quantize_rows %[[X]] ue8m0 : (tensor<?x200xbf16>)
  // FOLD-NEXT: %[[Z:.*]], %[[T:.*]] = r1.quantize_rows %[[B]] : (tensor<?x200xbf16>)
  // FOLD-NEXT: return %[[Y]], %[[S]], %[[Z]], %[[T]]
  %w = r1.cast %x : (tensor<?x200xbf16>) -> tensor<?x200xf32>
  %b = r1.cast %f : (tensor<?x200xf32>) -> tensor<?x200xbf16>
  %y, %s = r1.quantize_rows %w ue8m0 : (tensor<?x200xf32>) -> (tensor<?x200xf8E4M3FN>, tensor<?x2xf32>)
  %z, %t = r1.quantize_rows %b : (tensor<?x200xbf16>) -> (tensor<?x200xf8E4M3FN>, tensor<?x2xf32>)
  return %y, %s, %z, %t : tensor<?x200xf8E4M3FN>, tensor<?x2xf32>, tensor<?x200xf8E4M3FN>, tensor<?x2xf32>
}

// -----

// The same computation twice is computed once; other attributes or another weight are other computations. Add commutes.
// CHECK-LABEL: @shared
// CSE-SAME: %[[X:.*]]: tensor<?x16xf32>, %[[Y:.*]]: tensor<?x16xf32>
func.func @shared(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  // CSE-NEXT: %[[W:.*]] = r1.weight "norm"
  // CSE-NEXT: %[[N:.*]] = r1.rms_norm %[[X]], %[[W]] {epsilon = 5.000000e-01 : f64}
  // CSE-NEXT: %[[M:.*]] = r1.rms_norm %[[X]], %[[W]] {epsilon = 2.500000e-01 : f64}
  // CSE-NEXT: %[[S:.*]] = r1.add %[[X]], %[[Y]]
  // CSE-NEXT: return %[[N]], %[[N]], %[[M]], %[[S]], %[[S]]
  %w = r1.weight "norm" : tensor<16xf32>
  %v = r1.weight "norm" : tensor<16xf32>
  %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %o = r1.rms_norm %x, %v {epsilon = 0.5 : f64} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %m = r1.rms_norm %x, %v {epsilon = 0.25 : f64} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %s = r1.add %x, %y : tensor<?x16xf32>
  %t = r1.add %y, %x : tensor<?x16xf32>
  return %n, %o, %m, %s, %t : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

// Even an append that nobody reads is dropped: the cache is a value.
// CHECK-LABEL: @dead
func.func @dead(%c: !r1.cache<layers = 1, kv_lora = 8, rope = 4>, %l: tensor<?x8xf32>, %k: tensor<?x4xf32>, %p: tensor<?xi32>) {
  // CHECK-NEXT: return
  %d = r1.cache_append %c, %l, %k, %p {layer = 0}
      : (!r1.cache<layers = 1, kv_lora = 8, rope = 4>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?xi32>) -> !r1.cache<layers = 1, kv_lora = 8, rope = 4>
  return
}

// Switched off, it says once what there was to gain, and nothing where there was nothing.
// RUN: r1-opt %s --r1-quantize-activations=decline --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s
// CHECK-NOT: r1.quantize_rows

module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @prefill(%x: tensor<?x32xbf16>, %w: tensor<32x32xf8E4M3FN>, %s: tensor<1x1xf32>, %v: tensor<16x32xbf16>)
      -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x16xf32>) {
    // expected-remark @+1 {{[Missed] quantize-activations | Category:fusion | Function=prefill | Remark="kept bf16: 2 linear layers have e4m3 weights; quantising their 1 inputs doubles the rate of tensor cores and halves the bytes of x, and costs a launch for each and logits some percent off; --fusions=+quantize-activations"}}
    %a = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<32x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x32xf32>
    %b = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<32x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x32xf32>
    %c = r1.linear %x, %v : (tensor<?x32xbf16>, tensor<16x32xbf16>) -> tensor<?x16xf32>
    return %a, %b, %c : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x16xf32>
  }
}

// -----

module attributes {r1.machine = "cuda", r1.chip = 100 : i64} {
  func.func @prefill(%x: tensor<?x32xbf16>, %w: tensor<32x32xf8E4M3FN>, %s: tensor<1x1xf32>) -> tensor<?x32xf32> {
    // expected-remark @+1 {{inputs halves the bytes of x, and costs}}
    %a = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<32x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x32xf32>
    return %a : tensor<?x32xf32>
  }
  func.func @decode(%x: tensor<?x32xbf16>, %w: tensor<32x32xf8E4M3FN>, %s: tensor<1x1xf32>) -> tensor<?x32xf32> {
    %a = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<32x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x32xf32>
    return %a : tensor<?x32xf32>
  }
}

// -----

func.func @prefill(%x: tensor<?x32xbf16>, %w: tensor<32x32xf8E4M3FN>, %s: tensor<1x1xf32>) -> tensor<?x32xf32> {
  %a = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<32x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x32xf32>
  return %a : tensor<?x32xf32>
}
